/** Writes that cannot be applied yet, in order: the node is joining, or the outbox is full. Bounded. */
import { after, type Duration, type Instant } from '../../base/time.ts'
import type { AckLevel, Operation } from './types.ts'

export interface WaitingWrite {
  readonly id: number
  readonly operation: Operation
  readonly ack: AckLevel
}

export class WaitingWrites {
  readonly #writesMax: number
  readonly #timeout: Duration
  readonly #queue: (WaitingWrite & { readonly deadline: Instant })[] = []

  constructor(writesMax: number, timeout: Duration) {
    this.#writesMax = writesMax
    this.#timeout = timeout
  }

  /** `false` if there is no room. */
  put(write: WaitingWrite, now: Instant): boolean {
    if (this.#queue.length === this.#writesMax) return false
    const { id, operation, ack } = write
    this.#queue.push({ id, operation, ack, deadline: after(now, this.#timeout) })
    return true
  }

  abandon(id: number): void {
    const at = this.#queue.findIndex(write => write.id === id)
    if (at >= 0) this.#queue.splice(at, 1)
  }

  /** Takes out the oldest. */
  take(): WaitingWrite | undefined {
    return this.#queue.shift()
  }

  /** Takes out the oldest if its time is over. */
  takeOverdue(now: Instant): WaitingWrite | undefined {
    const [oldest] = this.#queue
    return oldest !== undefined && oldest.deadline <= now ? this.#queue.shift() : undefined
  }

  get nextDeadline(): Instant | null {
    return this.#queue[0]?.deadline ?? null
  }
}
