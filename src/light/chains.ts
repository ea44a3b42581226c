/** What genuine nodes signed, side by side: forks, differences, and how many machines say the same. */
import type { Digest, NodeId } from '../base/ids.ts'
import { nodeIdOfKey } from '../base/ids.ts'
import { breaksChain, type SignedHead } from './checkpoints.ts'
import type { NodeLook, Voice } from './node-look.ts'

/** Compares all that was seen in one look at a network. */
export class Chains {
  readonly #looks: readonly NodeLook[]
  readonly #byNode = new Map<NodeId, SignedHead[]>()
  readonly #forked = new Set<NodeId>()

  /** `remembered` are the last heads of nodes at earlier looks, and the nodes that forked then. */
  constructor(
    looks: readonly NodeLook[],
    remembered: { readonly heads: readonly SignedHead[]; readonly forked: readonly Uint8Array[] },
  ) {
    this.#looks = looks
    for (const key of remembered.forked) this.#forked.add(nodeIdOfKey(key))
    for (const head of [...remembered.heads, ...looks.flatMap(headsOfLook)]) this.#add(head)
  }

  /** Whether the node signed what cannot be one chain. */
  isForked(node: NodeId): boolean {
    return this.#forked.has(node)
  }

  /** Those of now after those of before. */
  get forked(): readonly NodeId[] {
    return [...this.#forked]
  }

  /** Machines that signed this claim, from whichever node their signatures came; none that forked. */
  machinesFor({ claimKey }: SignedHead): readonly Voice[] {
    const voices = new Map<Digest, Voice>()
    for (const { found } of this.#looks) {
      if (found?.served?.claimKey !== claimKey) continue
      for (const voice of found.voices) {
        if (!this.#forked.has(voice.node) && !voices.has(voice.instance)) {
          voices.set(voice.instance, voice)
        }
      }
    }
    return [...voices.values()]
  }

  /** Other nodes asked that committed to something else for the cut of this head. */
  differingFrom(head: SignedHead): number {
    return this.#looks.filter(look => {
      const heads = look.found === null ? [] : [look.found.latest, look.found.served]
      return heads.some(
        other => other?.claim.cut === head.claim.cut && other.claimKey !== head.claimKey,
      )
    }).length
  }

  #add(head: SignedHead): void {
    const node = nodeIdOfKey(head.checkpoint.node)
    const known = this.#byNode.get(node) ?? []
    if (known.some(other => breaksChain(other, head))) this.#forked.add(node)
    this.#byNode.set(node, [...known, head])
  }
}

/** Every checkpoint that a look brought, of whichever node. */
function headsOfLook({ found }: NodeLook): readonly SignedHead[] {
  if (found === null) return []
  const own = [found.quoted, found.latest, found.served].filter(head => head !== null)
  return [...own, ...found.voices.map(({ head }) => head)]
}
