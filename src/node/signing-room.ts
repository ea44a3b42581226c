/** Threshold signing in a running node: its machines over what the other rooms know, the policy of this node, and what applications are given. */
import { equalBytes } from '../base/bytes.ts'
import { HostError } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NodeId, nodeIdOfKey } from '../base/ids.ts'
import { seconds } from '../base/time.ts'
import type { Attested, CeremonyPace } from '../protocol/custody/signing/ceremony-types.ts'
import type { SigningAsked } from '../protocol/custody/signing/signer.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import { groupCodec, groupId, type Proposal } from '../wire/signing-group.ts'
import { groupAnswerCodec, groupRequestCodec } from '../wire/signing-record.ts'
import { readable } from '../wire/signing-statement.ts'
import { SigningDriver } from './drivers/signing.ts'
import { GroupBook, groupView } from './group-book.ts'
import { NodeSigning } from './node-signing.ts'
import type { PresetName } from './presets.ts'
import type { EngineParts } from './rooms.ts'
import type { GroupView, SigningApi } from './signing-api.ts'
import { firstPolicy, PolicyInForce } from './signing-policy.ts'

/** How long the others have in a ceremony before the silent are named: a round trip is milliseconds here, seconds there. */
const paces: Readonly<Record<PresetName, CeremonyPace>> = {
  local: { patience: seconds(15), repeat: seconds(1) },
  lan: { patience: seconds(30), repeat: seconds(1) },
  wan: { patience: seconds(60), repeat: seconds(2) },
}

export interface SigningNeighbours {
  readonly membership: Pick<MembershipQueries, 'isMember' | 'member' | 'members'>
  readonly faulted: (node: NodeId, code: string) => void
}

export class SigningRoom {
  readonly api: SigningApi
  readonly #parts: EngineParts
  readonly #neighbours: SigningNeighbours
  readonly #book: GroupBook
  readonly #driver: SigningDriver
  readonly #stopping = new AbortController()
  readonly #policy: PolicyInForce

  constructor(parts: EngineParts, neighbours: SigningNeighbours) {
    this.#parts = parts
    this.#neighbours = neighbours
    const first = firstPolicy(parts.manifests.current.manifest.founding)
    this.#policy = new PolicyInForce(first, parts.host)
    const network = bytesOfDigest(parts.manifests.network)
    this.#book = new GroupBook(network, id => this.#driver.signers.liveShare(id) !== undefined)
    this.#driver = this.#drive(network)
    this.api = this.#open(network)
  }

  /** A frame of a member's stream. What the manifest does not admit any more signs nothing. */
  told(frame: Uint8Array, from: NodeId): void {
    if (this.#parts.ownRefusal() === undefined) this.#driver.told(frame, from)
  }

  /** A member proposes a ceremony, or asks for the record of a group. @throws {CoterieError} this node's no. */
  asked(
    protocol: 'signing-proposal' | 'signing-group',
    bytes: Uint8Array,
    from: NodeId,
  ): Uint8Array {
    if (protocol === 'signing-proposal') return this.#driver.proposed(bytes, from)
    const { group } = groupRequestCodec.decode(bytes)
    return groupAnswerCodec.encode({ records: this.#book.records(digestOf(group)) })
  }

  stop(): void {
    this.#stopping.abort(new HostError('STOPPING', 'the node stops'))
    this.#driver.stop()
  }

  #drive(network: Uint8Array): SigningDriver {
    const { host, events, identity, net, config, counts } = this.#parts
    const { membership, faulted } = this.#neighbours
    return new SigningDriver({
      ...{ host, events, net, network, faulted, random: host.random },
      self: identity.node,
      identity: identity.keys.identity,
      pace: paces[config.preset],
      sign: message => identity.signing.sign(message),
      decapsulate: ciphertext => identity.kem.decapsulate(ciphertext),
      attested: key => this.#attested(key),
      isMember: node => membership.isMember(node, host.clock.monotonic()),
      permits: (group, asked) => this.#permits(group, asked),
      joins: (proposer, proposal) => this.#joins(proposer, proposal),
      made: ({ group }, proposal) => this.#book.made(group, this.#purposeOf(proposal)),
      gaveUp: (group, proposal) => this.#book.made(group, this.#purposeOf(proposal)),
      dropped: why => counts.add('coterie_signing_drops_total', { why }),
    })
  }

  #open(network: Uint8Array): SigningApi {
    const { host, identity, net } = this.#parts
    return new NodeSigning({
      ...{ driver: this.#driver, book: this.#book, random: host.random, net, network },
      signal: this.#stopping.signal,
      self: identity.node,
      sign: message => identity.signing.sign(message),
      attested: key => this.#attested(key),
      reachable: () => this.#reachable(),
      policyChanged: policy => this.#policy.replace(policy),
    })
  }

  /** Of a member, or of this node itself. */
  #attested(key: Uint8Array): Attested | undefined {
    const { host, identity, verdict } = this.#parts
    const isSelf = equalBytes(key, identity.keys.identity)
    const found = isSelf
      ? { keys: identity.keys, verdict }
      : this.#neighbours.membership.member(nodeIdOfKey(key), host.clock.monotonic())
    if (found === undefined) return undefined
    return { instance: bytesOfDigest(found.verdict.instance), kemKey: found.keys.kem }
  }

  #reachable(): readonly { readonly node: NodeId; readonly instance: Digest }[] {
    const { host, identity, verdict } = this.#parts
    const members = this.#neighbours.membership.members(host.clock.monotonic())
    const others = members.filter(({ isConnected, phase }) => isConnected && phase === 'active')
    return [{ node: identity.node, verdict }, ...others].map(each => ({
      node: each.node,
      instance: each.verdict.instance,
    }))
  }

  #permits(id: Digest, { asker, message, lockKey: lock }: SigningAsked): boolean {
    const group = this.#book.view(id)
    if (group === undefined) return false
    return this.#policy.says(policy => policy.signs({ asker, group, message, lock }))
  }

  /** What a key is for stays what it was made for, whoever hands it on. */
  #purposeOf(proposal: Proposal): string {
    return this.#predecessorOf(proposal)?.purpose ?? proposal.purpose
  }

  #predecessorOf({ predecessor }: Proposal): GroupView | null {
    const old = predecessor === null ? undefined : readable(groupCodec, predecessor.group)
    if (old === undefined) return null
    const known = this.#book.view(digestOf(groupId(old)))
    return known ?? groupView(old, { purpose: null, isSigner: false })
  }

  #joins(proposer: NodeId, proposal: Proposal): boolean {
    const { suite, threshold, clonesMax, locks, purpose } = proposal
    return this.#policy.says(policy =>
      policy.joins({
        ...{ proposer, suite, threshold, clonesMax, locks, purpose },
        signers: proposal.participants.map(({ identity }) => nodeIdOfKey(identity)),
        predecessor: this.#predecessorOf(proposal),
      }),
    )
  }
}
