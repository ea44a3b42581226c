/** People who run a network and do not give up: whatever dies, they bring one key to every node, or are told why not. */
import { encodeCustodyEnvelope } from '../../src/attestation/custody/approvals.ts'
import type {
  CustodyManifest,
  GenesisTerms,
} from '../../src/attestation/custody/custody-manifest.ts'
import { toHex } from '../../src/base/bytes.ts'
import type { GenesisAnswer } from '../../src/protocol/custody/types.ts'
import type { TestHolder } from '../fixtures/holders.ts'
import { CarefulHolder, entryOf, openedShare, termsOf } from './custody-people.ts'
import { attestationOf, exportTo } from './custody-stages.ts'
import { type CustodyWorld, seedOf, type WorldNode } from './custody-world.ts'

export class Operators {
  readonly world: CustodyWorld
  readonly holders: readonly CarefulHolder[]
  readonly #names: readonly string[]
  readonly #terms: GenesisTerms
  readonly #isByHand: boolean
  /** Every quorum key that any node ever held. */
  readonly provisioned = new Set<string>()
  /** What genesis answered: sealed shares in the hands of people. */
  genesis: GenesisAnswer | undefined

  constructor(
    world: CustodyWorld,
    given: {
      readonly names: readonly string[]
      readonly holders: readonly TestHolder[]
      readonly threshold: number
      /** Carries keys between nodes, which fetch nothing by themselves. */
      readonly isByHand?: boolean
    },
  ) {
    this.#isByHand = given.isByHand ?? false
    this.world = world
    this.#names = given.names
    this.holders = given.holders.map(holder => new CarefulHolder(holder))
    this.#terms = termsOf(given.holders, given.threshold)
    for (const name of given.names) world.boot(name)
  }

  /** Whether every node holds the key. */
  get isDone(): boolean {
    return this.#names.every(name => seedOf(this.node(name)) !== undefined)
  }

  /** The node of this name that lives; a new one if the last one died. */
  node(name: string): WorldNode {
    const found = this.world.nodes.find(node => node.name === name && node.isAlive)
    return found ?? this.world.boot(name)
  }

  /** Notes which keys are held now. */
  watch(): void {
    for (const { custody, isAlive } of this.world.nodes) {
      const keys = custody.lend('open-own')
      if (isAlive && !('code' in keys)) this.provisioned.add(toHex(keys.publicKey))
    }
  }

  /** One round of what people do next, seeing how things stand. */
  async round(): Promise<void> {
    const nodes = this.#names.map(name => this.node(name))
    const holding = nodes.find(node => seedOf(node) !== undefined)
    const first = nodes[0]
    if (holding === undefined && this.genesis === undefined && first) await this.#make(first)
    else if (holding === undefined && first) await this.#bring(first)
    else if (holding !== undefined) {
      for (const node of nodes) if (seedOf(node) === undefined) await this.#forward(node, holding)
    }
    this.watch()
    await this.world.pass(10_000)
    this.watch()
  }

  async #make(node: WorldNode): Promise<void> {
    const { phase } = node.custody.view()
    if (phase === 'WaitingForQuorumShards') {
      const output = await this.world.call(node, { kind: 'genesisOutput' })
      if (output?.kind === 'genesis') this.genesis = output
    } else if (phase === 'WaitingForBootInstruction') {
      const made = await this.world.call(node, { kind: 'genesisBoot', terms: this.#terms })
      if (made?.kind === 'genesis') this.genesis = made
    }
  }

  /** Shares, to the node that made the key or to one that boots under it. */
  async #bring(node: WorldNode): Promise<void> {
    const { genesis } = this
    if (genesis === undefined) return
    const { manifest } = genesis.envelope
    if (node.custody.view().phase === 'WaitingForBootInstruction') {
      await this.world.call(node, { kind: 'bootStandard', envelope: this.#approved(manifest) })
    }
    const { phase, namespace } = node.custody.view()
    if (phase !== 'WaitingForQuorumShards' || namespace === null) {
      // It waits for something that nobody has any more.
      this.world.kill(node)
      return
    }
    const attestation = await attestationOf(this.world, node).catch(() => undefined)
    if (attestation === undefined) return
    const shares = this.holders.map(({ holder }) =>
      entryOf({
        holder,
        share: openedShare(holder, genesis),
        manifest,
        attestation,
        approvesManifest: false,
      }),
    )
    const approvals = this.#approvals(manifest)
    for (const share of shares) {
      await this.world.call(node, { kind: 'injectShares', namespace, shares: [share], approvals })
      this.watch()
    }
  }

  async #forward(node: WorldNode, holding: WorldNode): Promise<void> {
    const { genesis } = this
    const { phase } = node.custody.view()
    if (genesis === undefined) return
    const envelope = encodeCustodyEnvelope(genesis.envelope)
    if (phase === 'WaitingForBootInstruction') {
      await this.world.call(node, { kind: 'shareManifest', envelope })
    } else if (phase === 'GenesisBooted' || phase === 'WaitingForQuorumShards') {
      this.world.kill(node)
    }
    if (this.#isByHand) await this.#carry(holding, { to: node, envelope })
  }

  async #carry(
    from: WorldNode,
    given: { readonly to: WorldNode; readonly envelope: Uint8Array },
  ): Promise<void> {
    const answer = await exportTo(this.world, from, given).catch(() => undefined)
    if (answer?.kind !== 'exported') return
    const { exported, signature } = answer
    await this.world.call(given.to, { kind: 'injectKey', exported, signature })
  }

  #approvals(manifest: CustodyManifest) {
    return this.holders.flatMap(holder => holder.approve(manifest) ?? [])
  }

  #approved(manifest: CustodyManifest): Uint8Array {
    const approvals = this.#approvals(manifest).map(({ alias, signature }) => ({
      role: 'manifest' as const,
      alias,
      signature: toHex(signature),
    }))
    return encodeCustodyEnvelope({ manifest, approvals })
  }
}
