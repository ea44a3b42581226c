/** `coterie testnet up`: starts a testnet and shows it until it is told to stop. */
import { setTimeout as wait } from 'node:timers/promises'
import { type ControlHandlers, ControlServer, controlSocketOf } from './control.ts'
import { Desk, deskOrigin } from './desk.ts'
import { Faults } from './faults.ts'
import { type Folder, folderOf, makeFolder } from './folder.ts'
import { type Layout, prepareLayout } from './layout.ts'
import { dropLock, noteChildren, takeLock } from './lock.ts'
import { Testnet } from './network.ts'
import { followEvents } from './node-events.ts'
import { assertPortsFree, basePortDefault, httpPort, loopback } from './ports.ts'
import { presenterFor } from './presenter.ts'
import { assertSeed, Draws } from './seed.ts'
import { type NodeSnapshot, snapshotOf } from './snapshot.ts'
import { verifyAddress } from './verify-address.ts'

export interface UpOptions {
  readonly nodes: number
  readonly basePort?: number
  readonly dir?: string
  /** What everything that is drawn follows from; drawn itself unless said. */
  readonly seed?: string
  readonly fresh: boolean
  readonly plain: boolean
  /** As in `TestnetOptions`. */
  readonly program?: readonly string[]
}

/** Milliseconds between two looks at the nodes. */
const lookInterval = 500
/** npm passes the terminal's Ctrl-C on a second time: two signals within this time, in ms, are one. */
const signalEcho = 1_000

/**
 * Runs until a signal or `testnet down`, then stops every node.
 *
 * @returns the exit status.
 * @throws {CoterieError} `PORT_IN_USE`, `TESTNET_RUNNING`, `NODE_FAILED`, …
 */
export async function up(options: UpOptions): Promise<number> {
  const folder = folderOf(options.dir)
  const basePort = options.basePort ?? basePortDefault
  await makeFolder(folder.path)
  await takeLock(folder, { socket: controlSocketOf(folder), basePort, nodes: options.nodes })
  try {
    await assertPortsFree(basePort, options.nodes)
    const { nodes, fresh, seed } = options
    if (seed !== undefined) assertSeed(seed)
    const layout = await prepareLayout(folder, {
      nodes,
      fresh,
      ...(seed !== undefined && { seed }),
    })
    await runUntilStopped(layout, { ...options, basePort, folder })
  } finally {
    await dropLock(folder)
  }
  return 0
}

interface RunOptions extends UpOptions {
  readonly basePort: number
  readonly folder: Folder
}

async function runUntilStopped(layout: Layout, options: RunOptions): Promise<void> {
  const { basePort, folder, nodes } = options
  const presenter = presenterFor({
    page: `http://${loopback}:${httpPort(basePort, 0)}/`,
    verify: await verifyAddress(folder, { basePort, nodes }),
    commands: nextCommands(basePort, options.nodes),
    seed: layout.seed,
    elapsed: () => performance.now() / 1000,
    output: process.stdout,
    isPlain: options.plain || !process.stdout.isTTY,
  })
  const draws = new Draws(layout.seed, 'links')
  // One after the other: each replaces the whole file.
  let noted = Promise.resolve()
  const testnet = new Testnet({
    folder,
    basePort,
    nodes,
    draw: () => draws.unit(),
    ...(options.program === undefined ? {} : { program: options.program }),
    desk: deskOrigin(basePort),
    onEvent: event => presenter.event(event),
    onProcesses: running => {
      noted = noted.then(() => noteChildren(folder, running))
    },
  })
  const stop = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()
  const faults = new Faults({ testnet, folder, layout })
  const desk = new Desk({ testnet, faults }, { basePort })
  const control = new ControlServer(
    controlSocketOf(folder),
    handlersOf({ testnet, faults, layout, options, stop: stop.resolve, stopped: stopped.promise }),
  )
  const release = onSignals(stop.resolve, testnet)
  const ended = new AbortController()
  try {
    await control.listen()
    await desk.listen()
    presenter.begin()
    const looking = keepLooking(testnet, ended.signal, nodes => {
      presenter.look(nodes)
      desk.look(nodes)
    })
    const running = testnet.start().then(() => {
      return followEvents(testnet, event => presenter.event(event), ended.signal)
    })
    await Promise.race([stop.promise, Promise.all([running, looking])])
  } finally {
    ended.abort()
    presenter.stopping(testnet.running().length)
    await testnet.stop()
    await noted
    presenter.close()
    release()
    stopped.resolve()
    await desk.close()
    await control.close()
  }
}

/** What another terminal may ask. */
function handlersOf(parts: {
  readonly testnet: Testnet
  readonly faults: Faults
  readonly layout: Layout
  readonly options: RunOptions
  readonly stop: () => void
  readonly stopped: Promise<void>
}): ControlHandlers {
  const { testnet, faults, layout, options } = parts
  const { folder, basePort } = options
  const facts = { network: layout.network, folder: folder.path, basePort }
  return {
    status: async () => {
      const nodes = await snapshotOf(testnet)
      return { ...facts, seed: layout.seed, faults: faults.active(), nodes }
    },
    fault: async request => await faults.apply(request),
    down: async () => {
      parts.stop()
      await parts.stopped
      return { ...facts, stopped: options.nodes }
    },
  }
}

/** Shows every look at the nodes until `signal` aborts. */
async function keepLooking(
  testnet: Testnet,
  signal: AbortSignal,
  show: (nodes: readonly NodeSnapshot[]) => void,
): Promise<void> {
  while (!signal.aborted) {
    const nodes = await snapshotOf(testnet)
    if (signal.aborted) return
    if (nodes.length > 0) show(nodes)
    await wait(lookInterval)
  }
}

/** The first signal stops in order, a later one at once. The returned function forgets both. */
function onSignals(stop: () => void, testnet: Testnet): () => void {
  let firstAt: number | undefined
  const heed = () => {
    const now = performance.now()
    firstAt ??= now
    if (now - firstAt > signalEcho) {
      testnet.killAllNow()
      process.exit(130)
    }
    stop()
  }
  // However this process ends by its own doing, an uncaught bug included: no node stays behind.
  const end = () => testnet.killAllNow()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, heed)
  process.on('exit', end)
  return () => {
    for (const signal of signals) process.off(signal, heed)
    process.off('exit', end)
  }
}

function nextCommands(basePort: number, nodes: number): string[] {
  const coterie = 'npm run -s coterie --'
  const url = (index: number) => `http://${loopback}:${httpPort(basePort, index)}`
  return [
    `${coterie} state set greeting hello --url ${url(0)}`,
    `${coterie} state get greeting --url ${url(nodes - 1)}`,
    `${coterie} testnet fault partition 0,1 2,3,4`,
    `${coterie} testnet check`,
  ]
}
