/** When the root of each member was last looked at: while all write, roots differ at every look. */
import type { NodeId } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'

/** Rest between two looks at the root of one member. */
const rest = seconds(2)

export class RootLooks {
  readonly #lookedAt = new Map<NodeId, Instant>()

  isDue(node: NodeId, now: Instant): boolean {
    const lookedAt = this.#lookedAt.get(node)
    return lookedAt === undefined || after(lookedAt, rest) <= now
  }

  looked(node: NodeId, now: Instant): void {
    this.#lookedAt.set(node, now)
  }

  /** Forgets members that left the roster. */
  keep(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#lookedAt.keys()) if (!nodes.has(node)) this.#lookedAt.delete(node)
  }
}
