/**
 * What others count for this node's platform instance, beside this node itself.
 *
 * A machine that was started again does not know which departed authors were its own; members that saw them live do. What
 * one member tells must be borne out by one on another instance: a single liar stops no honest writer. While only one
 * has told, its word holds, for too little room is an error and too much is a loss.
 */
import type { NodeId } from '../../base/ids.ts'
import type { InstanceUsage } from '../../wire/sync.ts'

const nothing: InstanceUsage = { entries: 0, bytes: 0 }

export class ToldShares {
  /** By who told it: what is counted there and not here. */
  readonly #told = new Map<NodeId, InstanceUsage>()
  #confirmed = nothing

  /** What members on two instances bear out, or the only one that told. */
  get confirmed(): InstanceUsage {
    return this.#confirmed
  }

  hasTold(node: NodeId): boolean {
    return this.#told.has(node)
  }

  /** `node` counts `told`, and this node, which has merged all that it had, counts `own`. `active` says who runs where. */
  told(
    node: NodeId,
    usage: { readonly told: InstanceUsage; readonly own: InstanceUsage },
    active: ReadonlyMap<NodeId, string>,
  ): void {
    if (!active.has(node)) return
    this.#told.set(node, {
      entries: Math.max(0, usage.told.entries - usage.own.entries),
      bytes: Math.max(0, usage.told.bytes - usage.own.bytes),
    })
    this.#judge(active)
  }

  /** Forgets whoever is not `active` any more. */
  keep(active: ReadonlyMap<NodeId, string>): void {
    for (const node of this.#told.keys()) if (!active.has(node)) this.#told.delete(node)
    // Whoever told last may have left: what was confirmed then stays true until others tell.
    if (this.#told.size > 0) this.#judge(active)
  }

  #judge(active: ReadonlyMap<NodeId, string>): void {
    const voices = new Map<string, InstanceUsage>()
    for (const [node, { entries, bytes }] of this.#told) {
      const instance = active.get(node) ?? ''
      const voice = voices.get(instance) ?? nothing
      voices.set(instance, {
        entries: Math.max(voice.entries, entries),
        bytes: Math.max(voice.bytes, bytes),
      })
    }
    const heard = [...voices.values()]
    this.#confirmed = {
      entries: borneOut(heard.map(({ entries }) => entries)),
      bytes: borneOut(heard.map(({ bytes }) => bytes)),
    }
  }
}

/** The largest figure that two reach; the only one if there is one. */
function borneOut(figures: readonly number[]): number {
  const [first = 0, second = first] = [...figures].sort((left, right) => right - left)
  return second
}
