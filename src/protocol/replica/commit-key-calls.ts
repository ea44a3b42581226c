/** Which commit keys that entries name are missing, and when each was last called for. */
import type { Digest } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import type { ReplicaPorts } from './types.ts'

const rest = seconds(5)
const heldMax = 1024

export class CommitKeyCalls {
  readonly #ports: ReplicaPorts
  readonly #held = new Set<Digest>()
  readonly #calledAt = new Map<Digest, Instant>()

  constructor(ports: ReplicaPorts) {
    this.#ports = ports
  }

  /** Whether `id` is to be called for now: it is not at hand and was not called for a moment ago. */
  isCallFor(id: Digest, now: Instant): boolean {
    if (this.#held.has(id)) return false
    if (this.#ports.commitSalt(id, new Uint8Array(0)) !== undefined) {
      if (this.#held.size === heldMax) this.#held.clear()
      this.#held.add(id)
      return false
    }
    const calledAt = this.#calledAt.get(id)
    if (calledAt !== undefined && after(calledAt, rest) > now) return false
    if (this.#calledAt.size === heldMax) this.#calledAt.clear()
    this.#calledAt.set(id, now)
    return true
  }

  learned(id: Digest): void {
    this.#calledAt.delete(id)
  }
}
