/**
 * Every option of the host, in one table. The host configures where, how fast and how loud; the manifest says
 * whom to trust, what is shown to whom, and every limit that protects (`manifest-options.ts`). A row is marked
 * with the one who decides, and a manifest option given by the host is an error, never an override.
 */
import { milliseconds, minutes, seconds } from '../base/time.ts'
import type { ManifestOptionName } from './manifest-options.ts'
import {
  addresses,
  applications,
  choice,
  count,
  names,
  type OptionKind,
  type OptionValue,
  origin,
  paths,
  span,
  text,
  toggle,
} from './option-kinds.ts'
import { always, type PerPreset, presetNames } from './presets.ts'

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
    choice(['simulated', 'auto', 'nitro', 'sgx', 'tdx', 'sev-snp']),
    always('simulated'),
    '',
    'Which TEE of this machine to ask for evidence; `auto` takes the one that it offers. The manifest decides what is trusted: naming another than the real one only gets the node refused.',
  ),
  machine: host(
    text('a path'),
    always(''),
    'path',
    'The machine file of the simulated TEE. Empty: `machine.json` in the data directory.',
  ),
  intelEndorser: host(
    origin,
    always('https://api.trustedservices.intel.com'),
    '',
    'Where collateral of SGX and TDX is fetched: Intel, or a PCCS that answers like it. Signed documents, so that it is trusted with nothing. Empty: nobody is asked.',
  ),
  amdEndorser: host(
    origin,
    always('https://kdsintf.amd.com'),
    '',
    'Where certificates and lists of SEV-SNP are fetched: AMD, or a cache that answers like it. Signed documents, so that it is trusted with nothing. Empty: nobody is asked.',
  ),
  endorsements: host(
    paths,
    always([]),
    'path',
    'Files and folders with endorsements, read once at the start, for machines that reach no vendor.',
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
  desk: host(
    origin,
    always(''),
    '',
    'Where the page of this node asks for faults: `coterie testnet up` sets it. Told to pages on a testnet alone.',
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
    'How often one member, each in its turn, is asked what this node missed, besides on connect and on a differing root.',
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
