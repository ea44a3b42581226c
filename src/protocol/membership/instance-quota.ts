import type { Digest, NodeId } from '../../base/ids.ts'
import { between, hours, type Instant } from '../../base/time.ts'

/** The span in which new identities of one instance are counted: the manifest says "per hour". */
const window = hours(1)

interface Arrival {
  readonly node: NodeId
  readonly at: Instant
}

interface InstanceHistory {
  readonly firstAt: Instant
  readonly arrivals: readonly Arrival[]
}

/**
 * New identities per platform instance within the last hour.
 *
 * A restart makes a new identity for free, so the machine behind it is what is counted. Whoever meets an
 * instance for the first time (a joiner, or after a partition) also meets identities that are not new: for
 * an hour it is owed as many as may live at once. Holds nobody beyond the limit, because whoever is refused
 * never arrives.
 */
export class InstanceQuota {
  readonly #histories = new Map<Digest, InstanceHistory>()

  /** How many other identities of this instance arrived within the hour, those first met not counted. */
  arrivals(arrival: { readonly instance: Digest; readonly node: NodeId }, now: Instant): number {
    const history = this.#histories.get(arrival.instance)
    return recent(history, now).filter(({ node }) => node !== arrival.node).length
  }

  /** Whether the instance is known for less than an hour. */
  isNewHere(instance: Digest, now: Instant): boolean {
    const history = this.#histories.get(instance)
    return history === undefined || between(history.firstAt, now) < window
  }

  /** Counts an identity; one that comes back within the hour counts once. */
  arrived(arrival: { readonly instance: Digest; readonly node: NodeId }, now: Instant): void {
    const history = this.#histories.get(arrival.instance)
    const arrivals = recent(history, now)
    if (arrivals.some(({ node }) => node === arrival.node)) return
    this.#histories.set(arrival.instance, {
      firstAt: history?.firstAt ?? now,
      arrivals: [...arrivals, { node: arrival.node, at: now }],
    })
  }

  /** Forgets what the hour has passed over, and instances that have nobody in the roster (`present`). */
  fold(present: ReadonlySet<Digest>, now: Instant): void {
    for (const [instance, history] of this.#histories) {
      const arrivals = recent(history, now)
      if (arrivals.length === 0 && !present.has(instance)) this.#histories.delete(instance)
      else if (arrivals.length < history.arrivals.length) {
        this.#histories.set(instance, { firstAt: history.firstAt, arrivals })
      }
    }
  }
}

function recent(history: InstanceHistory | undefined, now: Instant): readonly Arrival[] {
  return history?.arrivals.filter(({ at }) => between(at, now) < window) ?? []
}
