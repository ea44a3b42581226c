/** Tells authors how far their batches are held here: at once, then at most every few milliseconds. */
import type { NodeId } from '../../base/ids.ts'
import { after, type Instant, milliseconds } from '../../base/time.ts'
import { ackCodec } from '../../wire/ack.ts'
import { identityKey } from './entry-hash.ts'
import type { Marks } from './marks.ts'

/** One frame per author in this time, whatever arrives: a frame costs as much as a batch. */
const rest = milliseconds(5)

export class AckTeller {
  readonly #marks: Marks
  readonly #pending = new Set<NodeId>()
  readonly #restUntil = new Map<NodeId, Instant>()

  constructor(marks: Marks) {
    this.#marks = marks
  }

  /** The author is to be told its mark. */
  owe(author: NodeId): void {
    this.#pending.add(author)
  }

  /** What is to be told now to authors in `reachable`. */
  *due(
    reachable: ReadonlySet<NodeId>,
    now: Instant,
  ): Generator<{ readonly to: NodeId; readonly bytes: Uint8Array }> {
    for (const author of this.#marks.takeRaised()) this.#pending.add(author)
    for (const author of this.#pending) {
      const mark = this.#marks.heldOf(author)
      if (mark === 0 || !reachable.has(author)) {
        // Whoever connects is owed its mark anew.
        this.#pending.delete(author)
        continue
      }
      if ((this.#restUntil.get(author) ?? now) > now) continue
      this.#pending.delete(author)
      this.#restUntil.set(author, after(now, rest))
      yield { to: author, bytes: ackCodec.encode({ author: identityKey(author), mark }) }
    }
  }

  wakeAt(): Instant | null {
    let earliest: Instant | null = null
    for (const author of this.#pending) {
      const at = this.#restUntil.get(author)
      if (at !== undefined && (earliest === null || at < earliest)) earliest = at
    }
    return earliest
  }

  disconnected(author: NodeId): void {
    this.#pending.delete(author)
    this.#restUntil.delete(author)
  }
}
