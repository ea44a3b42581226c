/** What a node of the testnet is told, and what it tells back: its configuration and run files. */
import { z } from 'zod'
import { type NodeFolder, readJson, removeFile, writeJson } from './folder.ts'
import { loopback } from './ports.ts'

/** As near as the nodes of one machine, or with the limits of nodes that may be attacked. */
export type TestnetPreset = 'local' | 'lan'

/** How one start of a node differs from another. */
export interface NodeStart {
  readonly preset: TestnetPreset
  /** Whether it may make the first keys. */
  readonly found: boolean
  /** Port of its API, and of its relay, the only address that it announces. */
  readonly httpPort: number
  readonly relayPort: number
  /** Where it listens behind the relay; any free port unless said. */
  readonly listenPort?: number
  /** Seconds that a write waits for its acknowledgement; as long as the preset says unless given. */
  readonly ackSeconds?: number
  /** Relays of other nodes to look for the network. */
  readonly bootstrapPorts: readonly number[]
  /** The origin of the testnet's desk, if it has one. */
  readonly desk?: string
  /** The envelope that it begins with. */
  readonly manifest: string
  /** Its simulated hardware. */
  readonly machine: string
}

const runShape = z.object({ pid: z.int(), p2p: z.array(z.string()), node: z.string() })

/** Where a node is once it listens. */
export interface RunFacts {
  readonly pid: number
  /** The port behind the relay. */
  readonly p2pPort: number
  readonly node: string
}

const addressOf = (port: number): string => `/ip4/${loopback}/tcp/${port}`

/** Writes the configuration of the next start and drops the run file of the last one. */
export async function prepareStart(folder: NodeFolder, start: NodeStart): Promise<void> {
  await removeFile(folder.run)
  await writeJson(folder.config, {
    preset: start.preset,
    dataDir: folder.data,
    manifest: start.manifest,
    machine: start.machine,
    found: start.found,
    listen: [addressOf(start.listenPort ?? 0)],
    announce: [addressOf(start.relayPort)],
    bootstrap: start.bootstrapPorts.map(addressOf),
    httpPort: start.httpPort,
    ...(start.ackSeconds === undefined ? {} : { ackTimeout: `${start.ackSeconds}s` }),
    ...(start.desk === undefined ? {} : { desk: start.desk }),
    logFormat: 'json',
  })
}

/** Where the process `pid` listens, or `undefined` until it has written its run file. */
export async function readRun(folder: NodeFolder, pid: number): Promise<RunFacts | undefined> {
  const run = runShape.safeParse(await readJson(folder.run)).data
  // The file of a killed process may still be there.
  if (run === undefined || run.pid !== pid) return undefined
  const p2pPort = run.p2p.map(portOf).find(port => port !== undefined)
  return p2pPort === undefined ? undefined : { pid, p2pPort, node: run.node }
}

function portOf(address: string): number | undefined {
  const digits = /^\/ip4\/127\.0\.0\.1\/tcp\/(\d+)/.exec(address)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
