/** A testnet that runs: nodes as processes, a relay in front of each, and what they tell about themselves. */
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ApiClient } from '../src/api/client.ts'
import { HostError, InvariantError, UsageError } from '../src/base/errors.ts'
import { clockPreload } from './clock-file.ts'
import { type Folder, makeFolder, type NodeFolder, nodeFolderOf } from './folder.ts'
import {
  type NodeStart,
  prepareStart,
  type RunFacts,
  readRun,
  type TestnetPreset,
} from './node-config.ts'
import { httpPort, loopback, p2pPort } from './ports.ts'
import { type ProcessExit, type RunningProcess, Supervisor } from './processes.ts'
import { RelayBoard } from './relay.ts'
import { readVitals, type VitalSigns, vitalsPreload } from './vitals.ts'

/** Something worth a line for whoever watches. */
export interface TestnetEvent {
  readonly at: Date
  readonly node: string
  readonly text: string
}

export interface TestnetOptions {
  readonly folder: Folder
  readonly basePort: number
  readonly nodes: number
  readonly onEvent?: (event: TestnetEvent) => void
  /** Called whenever a process starts or ends. */
  readonly onProcesses?: (running: readonly RunningProcess[]) => void
  /** `local` unless said: fast, and with limits that only a bench needs. */
  readonly preset?: TestnetPreset
  /** The origin where pages of the nodes ask for faults, if there is one. */
  readonly desk?: string
  /** As in `RelayBoard`. */
  readonly draw?: () => number
  /** Whether vital signs are measured inside of each node, and with the heap collected. */
  readonly vitals?: { readonly collect: boolean }
  /** The program of a node: `coterie start` unless a test puts a fake in its place. */
  readonly program?: readonly string[]
}

/** One place for a node: its ports and files stay, its process and identity come and go. */
export interface NodeSlot {
  readonly name: string
  readonly index: number
  /** Whether it is beside the numbered nodes: no part of what should converge. */
  readonly isExtra: boolean
  readonly httpPort: number
  readonly relayPort: number
  readonly folder: NodeFolder
  readonly api: ApiClient
}

/** What may differ from an ordinary member when an extra node is started. */
export interface ExtraNode {
  readonly name: string
  readonly manifest: string
  readonly machine: string
  /** As in `TestnetOptions`; an ordinary node unless said. */
  readonly program?: readonly string[]
}

/** The command line of the checkout, in source or built form as this file is. */
export const cliPath = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../src/cli/main.ts', import.meta.url)
    : new URL('../src/cli/main.js', import.meta.url),
)
/** Node processes that start side by side: more would starve those that run already. */
const startsAtOnce = 5
/** Beyond so many nodes, a write waits a second for each: the preset's five seconds are for as many. */
const ackNodesMax = 5
/** Milliseconds: the next may start, whatever has become of the last. */
const joinPatience = 15_000
const joinPoll = 100
const runPoll = 20 // Milliseconds; a node needs hundreds to start.

export class Testnet {
  readonly relays: RelayBoard
  readonly #options: TestnetOptions
  readonly #supervisor: Supervisor
  readonly #slots: NodeSlot[] = []
  readonly #program: readonly string[]
  readonly #names = new Map<string, string>()
  readonly #started = new Set<string>()
  /** Places given away: extra nodes may be asked for at the same time. */
  #places = 0
  #isStopping = false

  constructor(options: TestnetOptions) {
    this.#options = options
    this.relays = new RelayBoard(options.draw)
    this.#program = options.program ?? [cliPath, 'start', '--config']
    this.#supervisor = new Supervisor({ onExit: exit => this.#ended(exit) })
  }

  slots(): readonly NodeSlot[] {
    return this.#slots
  }

  slot(index: number): NodeSlot {
    const slot = this.#slots[index]
    if (slot === undefined) throw new InvariantError(`there is no node ${index}`)
    return slot
  }

  /** The name of the place where a node with this id runs or ran. */
  nameOf(id: string): string | undefined {
    return this.#names.get(id)
  }

  running(): readonly RunningProcess[] {
    return this.#supervisor.running()
  }

  /** What a node's process says about its own health; `undefined` unless it runs and is measured. */
  async vitalsOf(slot: NodeSlot): Promise<VitalSigns | undefined> {
    const pid = this.#supervisor.find(slot.name)?.pid
    return pid === undefined ? undefined : await readVitals(slot.folder.vitals, pid)
  }

  isRunning(slot: NodeSlot): boolean {
    return this.#supervisor.find(slot.name) !== undefined
  }

  /** Opens all relays, then starts all nodes. Node 0 founds; the others know its relay alone. */
  async start(): Promise<void> {
    await makeFolder(this.#options.folder.logs)
    while (this.#places < this.#options.nodes) {
      const index = this.#places++
      await this.#openSlot({ name: `node-${index}`, index, isExtra: false })
    }
    const waiting = [...this.#slots]
    const startInTurn = async (): Promise<void> => {
      for (let slot = waiting.shift(); slot !== undefined; slot = waiting.shift()) {
        await this.startNode(slot)
        if (waiting.length > 0) await this.#untilJoined(slot)
      }
    }
    await Promise.all(Array.from({ length: startsAtOnce }, startInTurn))
  }

  /** Gives a node time to join before the next starts, or all would attest all at the same time. */
  async #untilJoined(slot: NodeSlot): Promise<void> {
    const signal = AbortSignal.timeout(joinPatience)
    while (!signal.aborted && this.isRunning(slot)) {
      // One that does not answer has no time to; whether it is well is for others to judge.
      const status = await slot.api.status(signal).catch(() => undefined)
      if (status?.phase === 'active') return
      await wait(joinPoll)
    }
  }

  /** Starts the process of a node and waits until it listens. @throws {HostError} `NODE_FAILED`. */
  async startNode(slot: NodeSlot): Promise<RunFacts> {
    const { folder } = this.#options
    const others = this.#slots.filter(other => other !== slot && !other.isExtra)
    const isFirst = slot.index === 0
    // Who comes back knows whom it met: the one that it was first told of may be down now.
    const isReturning = this.#started.has(slot.name) && others.some(other => this.isRunning(other))
    this.#started.add(slot.name)
    const bootstraps = isReturning ? others : isFirst ? [] : this.#slots.slice(0, 1)
    const start = {
      found: isFirst && !isReturning,
      bootstrapPorts: bootstraps.map(other => other.relayPort),
      manifest: folder.manifest,
      machine: slot.folder.machine,
    }
    return await this.#launch(slot, start, this.#program)
  }

  /** A node beside the numbered ones, with a manifest and a machine of its own, that knows node 0's relay. */
  async startExtra(extra: ExtraNode): Promise<NodeSlot> {
    const slot = await this.#openSlot({
      name: extra.name,
      index: this.#places++,
      isExtra: true,
    })
    const start = {
      found: false,
      bootstrapPorts: [this.slot(0).relayPort],
      manifest: extra.manifest,
      machine: extra.machine,
    }
    await this.#launch(slot, start, extra.program ?? this.#program)
    return slot
  }

  /** Runs a script of the testnet whose sockets the relays know by `name`. */
  async startScript(name: string, args: readonly string[]): Promise<RunningProcess> {
    const { log } = nodeFolderOf(this.#options.folder, name)
    const running = await this.#supervisor.start({ name, args, logFile: log })
    this.relays.identify(running.pid, name)
    this.#changed()
    return running
  }

  /** Graceful stop; the place stays. */
  async stopNode(slot: NodeSlot): Promise<void> {
    await this.#supervisor.stop(slot.name)
  }

  async stopScript(name: string): Promise<void> {
    await this.#supervisor.stop(name)
  }

  /** Stops a node where it stands, or lets it go on. @throws {UsageError} `NODE_IS_DOWN`. */
  freezeNode(slot: NodeSlot, isFrozen: boolean): void {
    if (!this.#supervisor.freeze(slot.name, isFrozen)) {
      throw new UsageError('NODE_IS_DOWN', `${slot.name} does not run`, {
        next: `Start it with: coterie testnet fault restart ${slot.name}.`,
      })
    }
    this.#tell(slot.name, isFrozen ? 'paused' : 'resumed')
  }

  /** A crash: SIGKILL. */
  async killNode(slot: NodeSlot): Promise<void> {
    this.#tell(slot.name, 'killed')
    await this.#supervisor.kill(slot.name)
  }

  /** Stops all processes, then the relays. Idempotent; nothing runs when it resolves. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#supervisor.stopAll()
    for (const slot of this.#slots) slot.api.close()
    await this.relays.close()
  }

  /** The last resort of a process that must end now. */
  killAllNow(): void {
    this.#isStopping = true
    this.#supervisor.killAllNow()
  }

  async #openSlot(place: Pick<NodeSlot, 'name' | 'index' | 'isExtra'>): Promise<NodeSlot> {
    const { name, index } = place
    const { basePort, folder } = this.#options
    const port = httpPort(basePort, index)
    const slot: NodeSlot = {
      ...place,
      httpPort: port,
      relayPort: p2pPort(basePort, index),
      folder: nodeFolderOf(folder, name),
      api: new ApiClient({ url: `http://${loopback}:${port}` }),
    }
    await makeFolder(slot.folder.data)
    await this.relays.open(name, slot.relayPort)
    this.#slots.push(slot)
    return slot
  }

  async #launch(
    slot: NodeSlot,
    start: Omit<NodeStart, 'preset' | 'httpPort' | 'relayPort' | 'ackSeconds' | 'desk'>,
    program: readonly string[],
  ): Promise<RunFacts> {
    const { httpPort: http, relayPort } = slot
    const { preset = 'local', nodes, desk } = this.#options
    // One machine does the work of all nodes: what it does for many takes longer than a preset foresees.
    const slow = nodes > ackNodesMax ? { ackSeconds: nodes } : {}
    const told = { ...slow, ...(desk === undefined ? {} : { desk }) }
    await prepareStart(slot.folder, { ...start, ...told, preset, httpPort: http, relayPort })
    const running = await this.#supervisor.start({
      name: slot.name,
      args: [...program, slot.folder.config],
      logFile: slot.folder.log,
      preloads: this.#preloads(slot),
    })
    this.relays.identify(running.pid, slot.name)
    this.#changed()
    const run = await this.#untilListening(slot, running)
    this.#names.set(run.node, slot.name)
    this.relays.point(slot.name, run.p2pPort)
    this.#tell(slot.name, `started as process ${running.pid}`)
    return run
  }

  #preloads({ folder }: NodeSlot): string[] {
    const { vitals } = this.#options
    const clock = clockPreload(folder.clock)
    return vitals === undefined ? [clock] : [clock, vitalsPreload(folder.vitals, vitals)]
  }

  async #untilListening(slot: NodeSlot, running: RunningProcess): Promise<RunFacts> {
    for (;;) {
      const { pid } = running
      const run = await readRun(slot.folder, pid)
      if (run !== undefined) return run
      if (this.#supervisor.find(slot.name)?.pid !== pid) throw await failed(slot)
      await wait(runPoll)
    }
  }

  #ended(exit: ProcessExit): void {
    this.relays.forget(exit.pid)
    this.relays.point(exit.name, undefined)
    const how = exit.signal === null ? `with status ${exit.code}` : `by ${exit.signal}`
    if (!this.#isStopping) this.#tell(exit.name, `ended ${how}`)
    this.#changed()
  }

  #tell(node: string, text: string): void {
    this.#options.onEvent?.({ at: new Date(), node, text })
  }

  #changed(): void {
    this.#options.onProcesses?.(this.#supervisor.running())
  }
}

/** Why a node ended before it listened: its last words. */
async function failed(slot: NodeSlot): Promise<HostError> {
  const { log } = slot.folder
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n')
  return new HostError('NODE_FAILED', `${slot.name} ended before it listened`, {
    cause: new Error(lines.slice(-3).join('\n')),
    next: `Its log is ${log}.`,
  })
}
