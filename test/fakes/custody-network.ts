/** The holders of one quorum key around a simulated network: they make it, and bring it back to a fresh node. */
import { encodeCustodyEnvelope } from '../../src/attestation/custody/approvals.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import type { GenesisAnswer } from '../../src/protocol/custody/types.ts'
import { testHolders } from '../fixtures/holders.ts'
import { entryOf, manifestApprovals, openedShare, termsOf } from './custody-people.ts'
import type { Simulation } from './simulation.ts'

export class HolderCircle {
  readonly #simulation: Simulation
  readonly #holders = testHolders(3)
  #genesis: GenesisAnswer | undefined

  constructor(simulation: Simulation) {
    this.#simulation = simulation
  }

  get #made(): GenesisAnswer {
    if (this.#genesis === undefined) throw new Error('a key was made')
    return this.#genesis
  }

  /** The envelope with the approvals that it needs. */
  get envelope(): Uint8Array {
    const { manifest } = this.#made.envelope
    const approvals = manifestApprovals(this.#holders.slice(0, 2), manifest)
    return encodeCustodyEnvelope({ manifest, approvals })
  }

  /** A key of two of three holders, made and injected in this node. */
  async provision(node: CoterieNode): Promise<void> {
    const made = node.custody.genesisBoot(termsOf(this.#holders, 2))
    this.#genesis = await this.#simulation.settle(made)
    await this.#inject(node, this.#genesis.attestation)
  }

  /** Brings the key to a node that did not make it. */
  async bringTo(node: CoterieNode): Promise<void> {
    await this.#simulation.settle(node.custody.bootStandard(this.envelope))
    const { attestation } = await this.#simulation.settle(node.custody.attestBoot())
    await this.#inject(node, attestation)
  }

  async #inject({ custody }: CoterieNode, attestation: Uint8Array): Promise<void> {
    const { manifest } = this.#made.envelope
    const shares = this.#holders.slice(1).map(holder => {
      using share = openedShare(holder, this.#made)
      return entryOf({ holder, share, manifest, attestation })
    })
    const { namespace } = manifest
    const done = await this.#simulation.settle(
      custody.injectShares({ namespace, shares, approvals: [] }),
    )
    if (!done.isProvisioned) throw new Error(`shares were refused: ${JSON.stringify(done.refused)}`)
  }
}
