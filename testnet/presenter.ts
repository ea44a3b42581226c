/** Two ways to show a running testnet: a view that is redrawn, and lines for everything else than a terminal. */
import type { TestnetEvent } from './network.ts'
import { Screen } from './screen.ts'
import { divergenceOf, type NodeSnapshot } from './snapshot.ts'
import { banner, eventText, farewell, renderView, summaryText, type ViewModel } from './view.ts'

export interface Presenter {
  begin(): void
  event(event: TestnetEvent): void
  /** A new look at all nodes. */
  look(nodes: readonly NodeSnapshot[]): void
  /** The orderly end has begun. */
  stopping(running: number): void
  /** Idempotent. */
  close(): void
}

export interface PresenterOptions {
  /** Where a browser sees the network. */
  readonly page: string
  /** Where a browser verifies it, the pin included. */
  readonly verify: string
  readonly commands: readonly string[]
  /** To have the same again. */
  readonly seed: string
  /** Seconds since the testnet was asked for. */
  readonly elapsed: () => number
  readonly output: NodeJS.WriteStream
  readonly isPlain: boolean
}

const eventsKept = 200
/** Seconds between two summary lines at least. */
const summaryInterval = 10

export function presenterFor(options: PresenterOptions): Presenter {
  return options.isPlain ? new LinePresenter(options) : new LivePresenter(options)
}

class LivePresenter implements Presenter {
  readonly #options: PresenterOptions
  readonly #screen: Screen
  readonly #events: TestnetEvent[] = []
  readonly #ids = new Map<string, string>()
  readonly #resized: () => void
  #nodes: readonly NodeSnapshot[] = []
  #convergedAfter: number | null = null
  #isOpen = false

  constructor(options: PresenterOptions) {
    this.#options = options
    this.#screen = new Screen(options.output)
    this.#resized = () => {
      this.#screen.clear()
      this.#draw()
    }
  }

  begin(): void {
    this.#isOpen = true
    this.#options.output.on('resize', this.#resized)
    this.#draw()
  }

  event(event: TestnetEvent): void {
    this.#events.push(event)
    if (this.#events.length > eventsKept) this.#events.shift()
    this.#draw()
  }

  look(nodes: readonly NodeSnapshot[]): void {
    this.#nodes = nodes
    for (const { name, status } of nodes) if (status !== null) this.#ids.set(name, status.node)
    if (divergenceOf(nodes) === undefined) this.#convergedAfter ??= this.#options.elapsed()
    this.#draw()
  }

  stopping(running: number): void {
    this.close()
    this.#options.output.write(`Stopping ${running} nodes …\n`)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.output.off('resize', this.#resized)
    this.#screen.close()
  }

  #draw(): void {
    if (!this.#isOpen) return
    const model: ViewModel = {
      nodes: this.#nodes,
      ids: this.#ids,
      convergedAfter: this.#convergedAfter,
      divergence: divergenceOf(this.#nodes) ?? null,
      seed: this.#options.seed,
      events: this.#events,
      page: this.#options.page,
      commands: this.#options.commands,
    }
    this.#screen.draw(renderView(model, this.#screen.rows))
  }
}

class LinePresenter implements Presenter {
  readonly #options: PresenterOptions
  #isConverged = false
  #summary = ''
  #summaryAt = Number.NEGATIVE_INFINITY

  constructor(options: PresenterOptions) {
    this.#options = options
  }

  begin(): void {
    this.#print(`coterie testnet, seed ${this.#options.seed}: ${banner}`)
  }

  event(event: TestnetEvent): void {
    this.#print(eventText(event))
  }

  look(nodes: readonly NodeSnapshot[]): void {
    const elapsed = this.#options.elapsed()
    if (!this.#isConverged) {
      if (divergenceOf(nodes) !== undefined) return
      this.#isConverged = true
      this.#printConverged(nodes, elapsed)
    }
    const summary = summaryText(nodes)
    if (summary === this.#summary || elapsed - this.#summaryAt < summaryInterval) return
    this.#summary = summary
    this.#summaryAt = elapsed
    this.#print(summary)
  }

  stopping(running: number): void {
    this.#print(`Stopping ${running} nodes …`)
  }

  close(): void {}

  #printConverged(nodes: readonly NodeSnapshot[], elapsed: number): void {
    const count = nodes.length
    this.#print(
      `${count} nodes mutually attested and converged ${elapsed.toFixed(1)} s after the start`,
    )
    for (const node of nodes) this.#print(`  ${node.name}  ${node.http}  ${node.p2p}`)
    this.#print(`In a browser: ${this.#options.page}`)
    this.#print(`To verify it there: ${this.#options.verify}`)
    this.#print('Next, in another terminal:')
    for (const command of this.#options.commands) this.#print(`  ${command}`)
    this.#print(farewell)
  }

  #print(line: string): void {
    this.#options.output.write(`${line}\n`)
  }
}
