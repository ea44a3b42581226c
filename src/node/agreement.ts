/** How long two replicas have been apart: a busy network differs at every moment and agrees a moment later. */
import { toHex } from '../base/bytes.ts'
import type { NodeId } from '../base/ids.ts'
import { between, type Duration, type Instant, milliseconds } from '../base/time.ts'

/** Own roots remembered: a minute of beats at the usual interval, longer than any beat is under way. */
const rootsMax = 64
/** Members remembered; whoever leaves is forgotten by the caller, so only a huge roster meets it. */
const membersMax = 4_096

interface Other {
  readonly root: string
  /** When its root was last one of mine. */
  agreedAt: Instant
}

/** Compares the roots in beats with my own. */
export class Agreement {
  readonly #own: string[] = []
  readonly #others = new Map<NodeId, Other>()

  /** My root in a beat of mine. */
  mine(bytes: Uint8Array, now: Instant): void {
    const root = toHex(bytes)
    if (this.#own.at(-1) === root) return
    this.#own.push(root)
    if (this.#own.length > rootsMax) this.#own.shift()
    // What they were ahead by, I have caught up with.
    for (const other of this.#others.values()) if (other.root === root) other.agreedAt = now
  }

  /** The root in an accepted beat of a member. */
  theirs(node: NodeId, bytes: Uint8Array, now: Instant): void {
    const root = toHex(bytes)
    const before = this.#others.get(node)
    if (before === undefined && this.#others.size >= membersMax) return
    const agreedAt = this.#own.includes(root) || before === undefined ? now : before.agreedAt
    this.#others.set(node, { root, agreedAt })
  }

  forget(node: NodeId): void {
    this.#others.delete(node)
  }

  /** The root of a member's latest beat and the milliseconds since it was last one of mine; `undefined` before any. */
  with(
    node: NodeId,
    now: Instant,
  ): { readonly root: string; readonly apartMs: number } | undefined {
    const other = this.#others.get(node)
    return other === undefined
      ? undefined
      : { root: other.root, apartMs: Math.round(this.#apart(other, now)) }
  }

  /** The longest time since a member and I last had one root; 0 with nobody. */
  longest(now: Instant): Duration {
    const spans = [...this.#others.values()].map(other => this.#apart(other, now))
    return milliseconds(Math.max(0, ...spans))
  }

  #apart({ root, agreedAt }: Other, now: Instant): number {
    return root === this.#own.at(-1) ? 0 : between(agreedAt, now)
  }
}
