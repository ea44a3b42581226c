/** A writer for each node: unique keys, and a record of what the node said to each. */
import { setTimeout as wait } from 'node:timers/promises'
import { CoterieError } from '../../src/base/errors.ts'
import type { NodeSlot } from '../../testnet/network.ts'

export interface WriterOptions {
  /** Every key begins so. */
  readonly prefix: string
  /** How many other members must hold a write before it counts. */
  readonly ack: number | 'majority'
  /** Milliseconds between two writes of one writer. */
  readonly pause: number
  readonly valueBytes?: number
  /** Keys of one writer, written over and over; unbounded unless said. */
  readonly keys?: number
  /** How long a writer waits for a node that does not answer, in ms; 20 s unless said. */
  readonly patience?: number
}

const latenciesMax = 10_000
const patienceDefault = 20_000

export class Writers {
  /** Keys whose write was acknowledged: they must never be lost. */
  readonly acknowledged = new Set<string>()
  /** Keys whose write was under way when its node died, or which were applied and not confirmed. */
  readonly unknown = new Set<string>()
  /** Milliseconds from the call to the acknowledgement. */
  readonly latencies: number[] = []
  /** Refusals and failures by code. */
  readonly codes = new Map<string, number>()
  readonly #options: WriterOptions
  readonly #value: string
  readonly #running: Promise<void>[]
  #isStopping = false

  /** Begins at once. */
  constructor(slots: readonly NodeSlot[], options: WriterOptions) {
    this.#options = options
    this.#value = 'v'.repeat(options.valueBytes ?? 64)
    this.#running = slots.map(slot => this.#write(slot))
  }

  /** Resolves when no write is under way any more. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#running)
  }

  async #write(slot: NodeSlot): Promise<void> {
    const { prefix, ack, pause, keys = Number.MAX_SAFE_INTEGER } = this.#options
    const { patience = patienceDefault } = this.#options
    for (let count = 0; !this.#isStopping; count++) {
      const key = `${prefix}${slot.name}/${count % keys}`
      const begun = performance.now()
      try {
        const signal = AbortSignal.timeout(patience)
        await slot.api.set(key, { text: this.#value }, { ack, signal })
        this.acknowledged.add(key)
        this.latencies.push(performance.now() - begun)
        // An hour of figures is no leak of the node.
        if (this.latencies.length > latenciesMax) this.latencies.shift()
      } catch (error) {
        const code = error instanceof CoterieError ? error.code : String(error)
        this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
        this.unknown.add(key)
        // The node is down or has nobody: asking at once again gains nothing.
        await wait(100)
      }
      await wait(pause)
    }
  }
}

/** All keys that a node holds under a prefix. */
export async function keysUnder(slot: NodeSlot, prefix: string): Promise<Set<string>> {
  const keys = new Set<string>()
  let after: string | undefined
  do {
    const page = await slot.api.list({ prefix, limit: 1000, ...(after !== undefined && { after }) })
    for (const { key } of page.entries) keys.add(key)
    after = page.after ?? undefined
  } while (after !== undefined)
  return keys
}

/** What is wrong with what the nodes hold after a heal, in sentences; nothing if it is as promised. */
export async function lossesOf(
  slots: readonly NodeSlot[],
  writers: Pick<Writers, 'acknowledged'>,
  prefix: string,
): Promise<string[]> {
  const held = await Promise.all(slots.map(slot => keysUnder(slot, prefix)))
  const anywhere = held.reduce((all, keys) => all.union(keys), new Set<string>())
  return slots.flatMap((slot, index) => {
    const keys = held[index] ?? new Set()
    const lost = writers.acknowledged.difference(keys)
    const torn = anywhere.difference(keys)
    return [
      ...(lost.size > 0 ? [`${slot.name} lost ${lost.size} acknowledged: ${[...lost][0]}`] : []),
      ...(torn.size > 0
        ? [`${slot.name} lacks ${torn.size} that others hold: ${[...torn][0]}`]
        : []),
    ]
  })
}
