/**
 * Every option of a node, in one table. The host configures where, how fast and how loud; the manifest says
 * whom to trust, what is shown to whom, and every limit that protects. A row is marked with the one who
 * decides, and a manifest option given by the host is an error, never an override.
 */
import { z } from 'zod'
import { type Duration, milliseconds, minutes, seconds } from '../base/time.ts'
import { type AppSocket, appSocketsOf, appSocketsShape } from './app-sockets.ts'
import { always, type PerPreset, presetNames } from './presets.ts'

/** What values an option takes: as JSON in a file, and as text in a flag or the environment. */
export interface OptionKind<T> {
  /** What a person is told to write. */
  readonly expected: string
  readonly schema: z.ZodType<T>
  /** The JSON value that a text means; what it cannot mean is left for `schema` to refuse. */
  readonly fromText: (text: string) => unknown
  /** The JSON value of a value that a program gave. */
  readonly fromValue: (value: OptionValue) => unknown
}

/** An option of the host: a flag, a `COTERIE_*` variable and a key of the file, all derived from its name. */
export interface HostOption<T> {
  readonly scope: 'host'
  readonly kind: OptionKind<T>
  readonly defaults: PerPreset<T>
  /** What one unit of the value is; empty where there is none. */
  readonly unit: string
  /** Why it exists and why these defaults. */
  readonly reason: string
}

/** An option that the network agrees on. Listed so that nobody looks for a flag. */
export interface ManifestOption {
  readonly scope: 'manifest'
  /** Where it stands in the manifest, keys joined by dots. */
  readonly path: string
  readonly reason: string
}

/** What an option may hold. */
export type OptionValue = string | number | boolean | readonly string[] | readonly AppSocket[]

const asIs = <T>(given: T): unknown => given

const text = (expected: string): OptionKind<string> => ({
  expected,
  schema: z
    .string()
    .max(4096)
    .refine(value => !value.includes('\0')),
  fromText: asIs,
  fromValue: asIs,
})

const toggle: OptionKind<boolean> = {
  expected: 'true or false',
  schema: z.boolean(),
  fromText: value => (value === 'true' ? true : value === 'false' ? false : value),
  fromValue: asIs,
}

const count = (min: number, max: number): OptionKind<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  schema: z.int().min(min).max(max),
  fromText: value => (/^\d{1,15}$/.test(value) ? Number(value) : value),
  fromValue: asIs,
})

const choice = <const T extends readonly [string, ...string[]]>(
  names: T,
): OptionKind<T[number]> => ({
  expected: `one of ${names.join(', ')}`,
  schema: z.enum(names),
  fromText: asIs,
  fromValue: asIs,
})

const addresses: OptionKind<readonly string[]> = {
  expected: 'multiaddrs such as /ip4/127.0.0.1/tcp/9600, separated by commas',
  schema: z
    .array(
      z
        .string()
        .max(512)
        .regex(/^\/(ip4|ip6|dns|dns4|dns6)\/[^/,\s]+\/tcp\/\d{1,5}(\/p2p\/\w+)?$/),
    )
    .max(64),
  fromText: value => (value === '' ? [] : value.split(',').map(address => address.trim())),
  fromValue: asIs,
}

const names = (expected: string, pattern: RegExp): OptionKind<readonly string[]> => ({
  expected: `${expected}, separated by commas`,
  schema: z.array(z.string().regex(pattern)).max(16),
  fromText: value => (value === '' ? [] : value.split(',').map(name => name.trim().toLowerCase())),
  fromValue: asIs,
})

const applications: OptionKind<readonly AppSocket[]> = {
  expected: 'a JSON list of {"name", "socket", "prefix", "rights"}',
  schema: appSocketsShape,
  fromText: appSocketsOf,
  fromValue: asIs,
}

const spanUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Spans carry their unit, so that nobody has to guess whether `10` is seconds. */
const span = (min: Duration, max: Duration): OptionKind<Duration> => ({
  expected: `a time with its unit (ms, s, m, h) from ${min} ms to ${max} ms`,
  schema: z
    .string()
    .regex(/^\d{1,9}(ms|s|m|h)$/)
    .transform(value => {
      const unit = value.replace(/^\d+/, '')
      return milliseconds(Number.parseInt(value, 10) * (spanUnits[unit] ?? Number.NaN))
    })
    .refine(value => value >= min && value <= max),
  fromText: asIs,
  fromValue: value => `${value}ms`,
})

const host = <T>(
  kind: OptionKind<T>,
  defaults: PerPreset<NoInfer<T>>,
  unit: string,
  reason: string,
): HostOption<T> => ({
  scope: 'host',
  kind,
  defaults,
  unit,
  reason,
})

/** Where, how fast and how loud. */
export const hostOptions = {
  preset: host(
    choice(presetNames),
    { local: 'local', lan: 'lan', wan: 'wan' },
    '',
    'Chooses the default of every other row, and the pace and bounds of the network (host/net/options.ts); `wan` unless said, because it is wrong nowhere.',
  ),
  dataDir: host(
    text('a path'),
    always(''),
    'path',
    'Holds configuration, token, lock and run file, mode 0700. Empty: `$XDG_DATA_HOME/coterie`.',
  ),
  manifest: host(
    text('a path'),
    always(''),
    'path',
    'The manifest envelope to begin with; approvals decide whether it counts, and peers bring a newer one. Empty: `manifest.json` in the data directory.',
  ),
  tee: host(
    choice(['simulated']),
    always('simulated'),
    '',
    'Which attester to ask for evidence. Naming another than the real one only gets the node refused.',
  ),
  machine: host(
    text('a path'),
    always(''),
    'path',
    'The machine file of the simulated TEE. Empty: `machine.json` in the data directory.',
  ),
  found: host(
    toggle,
    always(false),
    '',
    'Make the first keys if nobody answers. Only a founder named in the founding block, or a testnet, is believed.',
  ),
  foundWait: host(
    span(milliseconds(0), minutes(10)),
    { local: seconds(2), lan: seconds(5), wan: seconds(20) },
    'ms',
    'How long a founder looks for a living network first: several dials of every known address at this distance.',
  ),
  listen: host(
    addresses,
    {
      local: ['/ip4/127.0.0.1/tcp/0'],
      lan: ['/ip4/0.0.0.0/tcp/9600'],
      wan: ['/ip4/0.0.0.0/tcp/9600'],
    },
    'multiaddr',
    'Where the node takes connections of other nodes.',
  ),
  announce: host(
    addresses,
    always([]),
    'multiaddr',
    'Addresses told to others in place of the ones listened on: behind a relay or NAT.',
  ),
  bootstrap: host(
    addresses,
    always([]),
    'multiaddr',
    'Where to look for the network first. Without a peer id: a restarted node has another.',
  ),
  httpHost: host(
    choice(['127.0.0.1', '::1']),
    always('127.0.0.1'),
    '',
    'Address of the local API. Loopback alone: there is no TLS here, and the API is no place for strangers.',
  ),
  httpPort: host(
    count(0, 65_535),
    always(9000),
    'port',
    'Port of the local API; 0 takes any free one, written to run.json.',
  ),
  httpSocket: host(
    text('an absolute path'),
    always(''),
    'path',
    'A Unix socket, mode 0600 in a directory of mode 0700, in place of the port. Empty: none.',
  ),
  httpHosts: host(
    names('host names', /^[a-z0-9.-]{1,253}$/),
    always([]),
    '',
    'Names besides localhost and the loopback addresses that a request may carry as Host: anything else is taken for DNS rebinding.',
  ),
  httpOrigins: host(
    names('origins such as http://127.0.0.1:5173', /^https?:\/\/[a-z0-9.[\]:-]{1,253}$/),
    always([]),
    '',
    'Web pages that may call the API. None unless listed.',
  ),
  apps: host(
    applications,
    always([]),
    '',
    'Applications on this node: each has a Unix socket, sees keys below its prefix alone, and names them without it.',
  ),
  ackTimeout: host(
    span(milliseconds(100), minutes(5)),
    { local: seconds(5), lan: seconds(5), wan: seconds(15) },
    'ms',
    'How long a write waits for the members it asked for: some ten round trips and a lost gossip copy repaired.',
  ),
  readyTimeout: host(
    span(milliseconds(0), minutes(10)),
    { local: seconds(15), lan: seconds(15), wan: seconds(30) },
    'ms',
    'How long a write waits for a node that is still joining before NOT_READY.',
  ),
  writeQueueMax: host(
    count(1, 100_000),
    always(1024),
    'writes',
    'Writes that may wait for the node to be ready before QUEUE_FULL: 64 MiB at the largest value. A writer that waits for each never sees it.',
  ),
  watchEventsMax: host(
    count(16, 1_000_000),
    always(10_000),
    'events',
    'Changes kept for watchers that resume or read slowly; beyond it CURSOR_GONE.',
  ),
  syncInterval: host(
    span(milliseconds(100), minutes(10)),
    { local: seconds(2), lan: seconds(5), wan: seconds(15) },
    'ms',
    'How often one member is asked what this node missed, besides on connect and on a differing root.',
  ),
  cache: host(
    toggle,
    always(true),
    '',
    'Keeps sealed pages of the state in the data directory: what this node alone held comes back with its next start.',
  ),
  logLevel: host(
    choice(['error', 'warn', 'info', 'debug']),
    always('info'),
    '',
    'How loud. Changeable while the node runs.',
  ),
  logFormat: host(
    choice(['auto', 'json', 'pretty']),
    always('auto'),
    '',
    '`auto` writes JSON unless a terminal reads.',
  ),
} as const satisfies Readonly<Record<string, HostOption<OptionValue>>>

/** The name of a host option, as a file or a program writes it. */
export type HostOptionName = keyof typeof hostOptions

/** The value of every host option; see `hostOptions` for units and reasons. Spans are milliseconds. */
export type Settings = {
  readonly [Name in HostOptionName]: (typeof hostOptions)[Name] extends HostOption<infer Value>
    ? Value
    : never
}

const agreed = (path: string, reason: string): ManifestOption => ({
  scope: 'manifest',
  path,
  reason,
})

/** What the network decides. A host that could set these could let itself in, see more, or outlive a removal. */
export const manifestOptions = {
  testnet: agreed(
    'founding.testnet',
    'Opens state to the host and admits test anchors; part of the network id, so it never changes.',
  ),
  anchors: agreed(
    'founding.anchors',
    "Roots that a testnet believes besides the vendors' own, which are constants of the code.",
  ),
  networkName: agreed('founding.name', 'Part of the network id.'),
  founders: agreed(
    'founding.founders',
    'A host that names itself founder would make a network of its own beside the real one.',
  ),
  measurements: agreed('join.measurements', 'Which software may join.'),
  tcb: agreed('join.tcb', 'Which firmware is still believed.'),
  pins: agreed('join.pins', 'Which machines may join.'),
  owners: agreed('join.owners', 'Who runs which machines; quorums count owners.'),
  evidenceAge: agreed(
    'join.evidenceAgeMs',
    'How long a verdict lasts: longer would keep a broken machine in.',
  ),
  manifestSet: agreed('manifestSet', 'Who approves the next manifest.'),
  shareSet: agreed('shareSet', 'Who holds shares of the quorum key.'),
  committee: agreed('committee', 'How many voters, how many of them may be rolled back.'),
  lightQuorum: agreed('light.quorum', 'How many nodes a light client wants to hear the same from.'),
  publicPrefixes: agreed(
    'api.publicPrefixes',
    'What is shown to anybody: for a host to widen, a leak.',
  ),
  clients: agreed('api.clients', 'Who may send sealed requests.'),
  guestLoopback: agreed(
    'api.guestLoopback',
    'Whether loopback inside a confidential VM counts as inside the TEE.',
  ),
  write: agreed('write', 'Who may write where, and how much; applied by every node.'),
  governance: agreed('governance', 'Who votes.'),
  pivot: agreed('pivot', 'The application beside the node, by hash.'),
  liveIdentitiesPerInstance: agreed(
    'limits.liveIdentitiesPerInstance',
    'Identities are free for a host, machines are not.',
  ),
  newIdentitiesPerHour: agreed(
    'limits.newIdentitiesPerHour',
    'Bounds what restarts cost the others.',
  ),
  stateEntriesPerInstance: agreed(
    'limits.stateEntriesPerInstance',
    'How much of the memory of all one machine may fill; every node refuses the same beyond it.',
  ),
  stateBytesPerInstance: agreed('limits.stateBytesPerInstance', 'The same in bytes.'),
  departedEntries: agreed(
    'limits.departedEntries',
    'The same for all authors who departed before a node came, which cannot know where they ran.',
  ),
  departedBytes: agreed('limits.departedBytes', 'The same in bytes.'),
  beatInterval: agreed(
    'liveness.beatIntervalMs',
    'A recorded heartbeat is refused after some intervals, so the interval is a limit that protects; and all members must count in the same ones.',
  ),
  citationIntervals: agreed(
    'liveness.citationIntervals',
    'How old a cited heartbeat may be: the bound on replay by a host.',
  ),
  newIntervals: agreed(
    'liveness.newIntervals',
    'How long a member not yet heard of is spared suspicion.',
  ),
  lease: agreed(
    'liveness.leaseMs',
    'How long a node may go on without the others: a host that cuts it off gains that long.',
  ),
  maxDrift: agreed(
    'liveness.maxDriftMs',
    'How far ahead a stamp may be: a host with a wrong clock would win every write.',
  ),
} as const satisfies Readonly<Record<string, ManifestOption>>

export type ManifestOptionName = keyof typeof manifestOptions

/** The flag of an option: `httpPort` is `--http-port`. Those of the manifest exist to be refused in words. */
export function flagOf(name: HostOptionName | ManifestOptionName): string {
  return `--${words(name).join('-')}`
}

/** The environment variable of a host option: `httpPort` is `COTERIE_HTTP_PORT`. */
export function environmentNameOf(name: HostOptionName): string {
  return `COTERIE_${words(name).join('_').toUpperCase()}`
}

function words(name: string): readonly string[] {
  return name.split(/(?=[A-Z])/).map(word => word.toLowerCase())
}
