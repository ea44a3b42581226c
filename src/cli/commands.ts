/** The commands: what the list of help needs at once, and the rest when it is asked for. */
import type { Command } from 'commander'

/** One command of the roof. */
export interface CommandRow {
  readonly name: string
  readonly about: string
  /** Loads the command with all it imports: only the one that is run pays for it. */
  readonly load: () => Promise<Command>
}

export const commandRows: readonly CommandRow[] = [
  {
    name: 'init',
    about: 'make a data directory with configuration, manifest and simulated machine',
    load: async () => (await import('./commands/init.ts')).initCommand(),
  },
  {
    name: 'start',
    about: 'run a node until SIGTERM or Ctrl-C',
    load: async () => (await import('./commands/start.ts')).startCommand(),
  },
  {
    name: 'leave',
    about: 'take a running node out of the network, after others hold what it wrote',
    load: async () => (await import('./commands/leave.ts')).leaveCommand(),
  },
  {
    name: 'status',
    about: 'show how a running node is',
    load: async () => (await import('./commands/status.ts')).statusCommand(),
  },
  {
    name: 'peers',
    about: 'show open connections, and why others were refused',
    load: async () => (await import('./commands/peers.ts')).peersCommand(),
  },
  {
    name: 'members',
    about: 'show whom a node believes, or remove somebody for good',
    load: async () => (await import('./commands/members.ts')).membersCommand(),
  },
  {
    name: 'verify',
    about:
      'say what live nodes, or evidence of a TEE in a file, are worth, with every check and its reason',
    load: async () => (await import('./commands/verify.ts')).verifyCommand(),
  },
  {
    name: 'light',
    about: 'read public keys of a network with proofs, trusting none of its nodes',
    load: async () => (await import('./commands/light.ts')).lightCommand(),
  },
  {
    name: 'policy',
    about: 'draft, change, check, explain, compare, approve and apply manifests',
    load: async () => (await import('./commands/policy.ts')).policyCommand(),
  },
  {
    name: 'keys',
    about: 'hold a key of the quorum: make it, approve, open your share for an attested node',
    load: async () => (await import('./commands/keys.ts')).keysCommand(),
  },
  {
    name: 'signing',
    about: 'make keys that members hold together, and hand them on',
    load: async () => (await import('./commands/signing.ts')).signingCommand(),
  },
  {
    name: 'sign',
    about: 'have members sign with a key that they hold together',
    load: async () => (await import('./commands/sign.ts')).signCommand(),
  },
  {
    name: 'state',
    about: 'read, write and watch the replicated state (testnets only)',
    load: async () => (await import('./commands/state.ts')).stateCommand(),
  },
  {
    name: 'testnet',
    about: 'run and check a local network with simulated TEEs (never secure)',
    load: async () => (await import('./commands/testnet.ts')).testnetCommand(),
  },
  {
    name: 'doctor',
    about: 'check what a node stands on: files, ports, clock, manifest, network',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  },
  {
    name: 'attest',
    about: 'ask the TEE of this machine for evidence',
    load: async () => (await import('./commands/attest.ts')).attestCommand(),
  },
  {
    name: 'debug',
    about: 'collect what helps to find a fault, without secrets and without the state',
    load: async () => (await import('./commands/debug.ts')).debugCommand(),
  },
  {
    name: 'config',
    about: 'show where each setting comes from, check them, print their JSON Schema',
    load: async () => (await import('./commands/config.ts')).configCommand(),
  },
  {
    name: 'log',
    about: 'make the log of a running node louder or quieter',
    load: async () => (await import('./commands/log.ts')).logCommand(),
  },
  {
    name: 'completion',
    about: 'print a script that completes commands and flags in your shell',
    load: async () => (await import('./commands/completion.ts')).completionCommand(),
  },
  {
    name: 'version',
    about: 'print the versions of coterie, Node and platform',
    load: async () => (await import('./commands/version.ts')).versionCommand(),
  },
]
