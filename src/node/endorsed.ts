/** Appraises with what the vendors say of a machine, as far as it is at hand: evidence itself tells what it needs. */
import { type Endorsements, noEndorsements } from '../attestation/endorsements.ts'
import type { Verdict } from '../attestation/verdict.ts'
import { BoundedMap } from '../base/bounded-map.ts'
import type { NodeId } from '../base/ids.ts'
import type { EndorsementShelf } from '../host/endorsements/port.ts'

/** Nodes whose needs are remembered, some hundred bytes each. Who is forgotten costs one appraisal more. */
const nodesMax = 4_096
/** Documents under one appraisal: Intel's collateral has five, AMD's two or three. */
const namesMax = 12

export class Endorsed {
  readonly #shelf: EndorsementShelf | undefined
  /** Names of the documents that appraisals of a node's evidence missed. A machine needs the same for key evidence and step-ups. */
  readonly #needs = new BoundedMap<NodeId, readonly string[]>(nodesMax)

  readonly #missed: (names: readonly string[]) => void

  /** Without a shelf nothing is ever at hand. `missed` hears what a verdict lacks. */
  constructor(
    shelf: EndorsementShelf | undefined,
    missed: (names: readonly string[]) => void = () => undefined,
  ) {
    this.#shelf = shelf
    this.#missed = missed
  }

  /** What is at hand of the documents that evidence of `node` needed. */
  held(node: NodeId): Endorsements {
    return this.#shelf?.take(this.#needs.get(node) ?? []) ?? noEndorsements
  }

  /**
   * The verdict with everything at hand that `appraise` turned out to need for `node`. What is not at hand is on its way afterwards: the
   * verdict is undetermined, and the next one on this node may not be.
   */
  judge(node: NodeId, appraise: (endorsements: Endorsements) => Verdict): Verdict {
    const shelf = this.#shelf
    if (shelf === undefined) return appraise(noEndorsements)
    let names = this.#needs.get(node) ?? []
    for (;;) {
      const verdict = appraise(shelf.take(names))
      if (verdict.kind === 'trusted') shelf.vouch(names)
      if (verdict.kind !== 'undetermined') return verdict
      const missing = verdict.missing.map(nameOf).filter(name => !names.includes(name))
      const more = [...names, ...new Set(missing)].slice(0, namesMax)
      if (more.length === names.length) {
        this.#missed(verdict.missing.map(nameOf))
        return verdict
      }
      names = more
      this.#needs.set(node, names)
    }
  }
}

/** Verifiers say behind the name why what they have would not do. */
const nameOf = (missing: string): string => missing.replace(/: .*$/s, '')
