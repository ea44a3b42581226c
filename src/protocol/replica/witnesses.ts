/**
 * Whose word takes away what this replica holds, and from when on what third members claim counts as seen.
 *
 * A removal that was pruned leaves nothing to show: only that a member saw an entry and holds it no more. Whoever
 * was in sync all along has missed no removal, so a newcomer that says so lies, or went by what a liar said.
 */
import type { NodeId } from '../../base/ids.ts'

/** Instances that count for all of them, where there are so many: one may be a liar's. */
const instancesMin = 2
/** Members whose last full sync is remembered, those that left included; the longest ago gives way. */
const syncsMax = 4096

interface LastSync {
  readonly instance: string
  /** Group clock ms. */
  readonly at: number
}

/** The platform instances that members other than this node are active on. */
type Instances = ReadonlySet<string>

export class Witnesses {
  /** Latest last. */
  readonly #syncs = new Map<NodeId, LastSync>()
  /** Instances of members whose root was once the same as this replica's. */
  readonly #equals = new Set<string>()
  /** Whether this replica was ever whole, by the word of the instances active then. */
  #wasConfirmed = false
  #isFounder = false

  /** This replica began the state: there was nothing before it that it could lack. */
  founded(): void {
    this.#isFounder = true
    this.#wasConfirmed = true
  }

  /** A pull from `node` was completed at group time `at`. */
  synced(node: NodeId, instance: string | undefined, at: number): void {
    if (instance === undefined) return
    this.#syncs.delete(node)
    this.#syncs.set(node, { instance, at })
    if (this.#syncs.size <= syncsMax) return
    const [longestAgo] = this.#syncs.keys()
    if (longestAgo !== undefined) this.#syncs.delete(longestAgo)
  }

  /**
   * Group time up to which this replica has missed nothing that `node` could know: its last full sync from it; if
   * there was none, the last one from members on two instances, or from anybody where one is active. `undefined`: none.
   */
  syncedAt(node: NodeId, active: Instances): number | undefined {
    const own = this.#syncs.get(node)
    if (own !== undefined) return own.at
    const latest = new Map<string, number>()
    for (const { instance, at } of this.#syncs.values()) {
      latest.set(instance, Math.max(at, latest.get(instance) ?? 0))
    }
    const times = [...latest.values()].sort((left, right) => right - left)
    return times[needed(active) - 1]
  }

  /** A beat from `instance` named the root of this replica. */
  equalled(instance: string | undefined, active: Instances): void {
    if (instance === undefined) return
    if (this.#equals.size < instancesMin) this.#equals.add(instance)
    this.#wasConfirmed ||= this.isConfirmed(active)
  }

  /**
   * Whether what was withheld at the first sync would have been noticed: the root once equalled that of members on
   * two instances, or on the only one.
   */
  isConfirmed(active: Instances): boolean {
    return this.#isFounder || this.#equals.size >= needed(active)
  }

  /**
   * Whether `node`, having listed all that it holds, is believed about what is gone. `floor` is this replica's: what was
   * removed since a sync above it is forgotten by nobody. What a replica drops that was never whole, others still hold.
   */
  mayTestify(node: NodeId, active: Instances, floor: number): boolean {
    if (!this.#wasConfirmed) return true
    const syncedAt = this.syncedAt(node, active)
    // Who never pulled from anybody stands at the beginning of all.
    if (syncedAt === undefined || syncedAt >= floor) return false
    // The only other instance, and never met before, may be all that an attacker let through.
    return this.#syncs.has(node) || active.size >= instancesMin
  }
}

function needed(active: Instances): number {
  return Math.max(1, Math.min(instancesMin, active.size))
}
