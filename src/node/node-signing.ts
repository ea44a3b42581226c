/** `SigningApi` over the machines of a running node: it writes proposals, finds groups, and asks again where a key went. */
import { equalBytes, fromHex } from '../base/bytes.ts'
import { CoterieError, HostError, ifReadable } from '../base/errors.ts'
import {
  bytesOfDigest,
  type Digest,
  digestOf,
  keyOfNodeId,
  type NodeId,
  nodeId,
  nodeIdOfKey,
} from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Net } from '../host/net/port.ts'
import type { Attested } from '../protocol/custody/signing/ceremony-types.ts'
import { planOf } from '../protocol/custody/signing/plan.ts'
import { say } from '../protocol/custody/signing/statements.ts'
import {
  groupCodec,
  groupId,
  type InvitedParticipant,
  type Proposal,
  participantsMax,
  proposalCodec,
  proposalId,
  type SigningGroup,
} from '../wire/signing-group.ts'
import { groupAnswerCodec, groupRequestCodec } from '../wire/signing-record.ts'
import { readable, sessionBytes } from '../wire/signing-statement.ts'
import type { Wanted } from './drivers/coordinators.ts'
import { codeOf } from './drivers/membership.ts'
import type { SigningDriver } from './drivers/signing.ts'
import { type GroupBook, isSuccessor } from './group-book.ts'
import type {
  GroupRequest,
  GroupSignature,
  GroupView,
  ReshareRequest,
  SigningApi,
  SigningPolicy,
  SignRequest,
} from './signing-api.ts'
import { codeFromMember, signingError } from './signing-errors.ts'

/** Members asked for a record at once. */
const askedMax = 32
/** How many claims of a successor are tried before it counts as unknown. */
const successorsMax = 3

export interface NodeSigningParts {
  readonly driver: SigningDriver
  readonly book: GroupBook
  readonly random: Random
  readonly net: () => Pick<Net, 'ask'>
  readonly signal: AbortSignal
  readonly self: NodeId
  readonly network: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly attested: (identity: Uint8Array) => Attested | undefined
  /** Active members that this node is connected to, and itself, with their instances. */
  readonly reachable: () => readonly { readonly node: NodeId; readonly instance: Digest }[]
  readonly policyChanged: (policy: SigningPolicy) => void
}

export class NodeSigning implements SigningApi {
  readonly #parts: NodeSigningParts

  constructor(parts: NodeSigningParts) {
    this.#parts = parts
  }

  groups(): readonly GroupView[] {
    return this.#parts.book.views()
  }

  setPolicy(policy: SigningPolicy): void {
    this.#parts.policyChanged(policy)
  }

  async makeGroup(request: GroupRequest): Promise<GroupView> {
    const { suite, threshold, clonesMax = 0, locks, purpose, signers } = request
    return await this.#propose({
      ...{ network: this.#parts.network, suite, epoch: 1, threshold, clonesMax, locks, purpose },
      participants: this.#invited(signers ?? this.#everybody()),
      session: this.#parts.random.bytes(sessionBytes),
      predecessor: null,
    })
  }

  async reshare(name: string, { signers, threshold }: ReshareRequest): Promise<GroupView> {
    const { book, network, random } = this.#parts
    const old = await this.#found(book.newest(groupNamed(name)))
    const { suite, epoch, clonesMax, locks } = old
    return await this.#propose({
      ...{ network, suite, threshold, clonesMax, locks, epoch: epoch + 1 },
      purpose: book.purpose(digestOf(groupId(old))) ?? '',
      participants: this.#invited(signers),
      session: random.bytes(sessionBytes),
      predecessor: { group: groupCodec.encode(old), dealers: this.#dealers(old) },
    })
  }

  async sign(asked: SignRequest): Promise<GroupSignature> {
    const { group: name, message, lock, publicKey, caller } = asked
    const { book } = this.#parts
    const id = groupNamed(name)
    const wanted = { message, lockKey: lock ?? null, ...(caller === undefined ? {} : { caller }) }
    const named = await this.#found(id)
    if (publicKey !== undefined && !equalBytes(publicKey, named.publicKey)) {
      throw signingError('KEY_DIFFERS')
    }
    const first = book.group(book.newest(id)) ?? named
    try {
      return await this.#signedBy(first, wanted)
    } catch (error) {
      // The key went on while this node was not told: whoever knows where is believed once a signature verifies.
      if (codeOf(error) !== 'EPOCH_ENDED') throw error
      return await this.#signedByLater(first, wanted, error)
    }
  }

  async #signedByLater(old: SigningGroup, wanted: Wanted, ended: unknown): Promise<GroupSignature> {
    const isLater = (group: SigningGroup): boolean => isSuccessor(group, old)
    const id = digestOf(groupId(old))
    let why = ended
    const tried = new Set<string>()
    const signed = async (group: SigningGroup): Promise<GroupSignature | undefined> => {
      tried.add(digestOf(groupId(group)))
      try {
        return await this.#signedBy(group, wanted)
      } catch (error) {
        // One claim of several, and perhaps a lie: the last reason is the one that is told.
        why = error
        return undefined
      }
    }
    // Whoever handed the key on knows where it went, and the first of them to answer is as good as all.
    const signers = new Set(old.participants.map(({ identity }) => nodeIdOfKey(identity)))
    const first = await this.#firstOf(id, node => signers.has(node), isLater)
    const made = first === undefined ? undefined : await signed(first)
    if (made !== undefined) return made
    const told = await this.#askAll(id)
    // What most members say first: anybody can make up as many records as it likes, of as late an epoch as it likes.
    const later = [...told.values()]
      .filter(({ group }) => isLater(group) && !tried.has(digestOf(groupId(group))))
      .toSorted((left, right) => right.by - left.by || right.group.epoch - left.group.epoch)
    for (const { group } of later.slice(0, successorsMax)) {
      const found = await signed(group)
      if (found !== undefined) return found
    }
    throw why
  }

  async #signedBy(group: SigningGroup, wanted: Wanted): Promise<GroupSignature> {
    const signature = await this.#parts.driver.coordinators.sign(group, wanted)
    const id = digestOf(groupId(group))
    this.#parts.book.signed(id, group)
    const { publicKey, suite, epoch } = group
    return { signature, publicKey, suite, group: id, epoch }
  }

  /** The record of a group, from the book or from members. */
  async #found(id: Digest): Promise<SigningGroup> {
    const { book } = this.#parts
    const known = book.group(id)
    if (known !== undefined) return known
    const told = await this.#firstOf(
      id,
      () => true,
      group => digestOf(groupId(group)) === id,
    )
    if (told === undefined) throw signingError('GROUP_UNKNOWN', { group: id })
    book.keep(id, told)
    return told
  }

  /** The first group of this kind that one of these members tells of, asked about `id`: no silent one delays it. */
  async #firstOf(
    id: Digest,
    isAsked: (node: NodeId) => boolean,
    isIt: (group: SigningGroup) => boolean,
  ): Promise<SigningGroup | undefined> {
    const answers = this.#asks(id, isAsked).map(async answer => {
      const found = [...(await answer).values()].find(isIt)
      if (found === undefined) throw signingError('GROUP_UNKNOWN', { group: id })
      return found
    })
    return await Promise.any(answers).catch(() => undefined)
  }

  /** What the members say of a group and of the newest of its key, and how many say it. */
  async #askAll(
    id: Digest,
  ): Promise<ReadonlyMap<Digest, { readonly group: SigningGroup; readonly by: number }>> {
    const told = new Map<Digest, { readonly group: SigningGroup; readonly by: number }>()
    for (const answer of await Promise.allSettled(this.#asks(id, () => true))) {
      if (answer.status === 'rejected') continue
      for (const [each, group] of answer.value) {
        told.set(each, { group, by: 1 + (told.get(each)?.by ?? 0) })
      }
    }
    return told
  }

  /** What each of these members says. */
  #asks(
    id: Digest,
    isAsked: (node: NodeId) => boolean,
  ): readonly Promise<ReadonlyMap<Digest, SigningGroup>>[] {
    const { net, self, signal, book } = this.#parts
    const request = groupRequestCodec.encode({ group: bytesOfDigest(id) })
    const others = this.#parts.reachable().filter(({ node }) => node !== self && isAsked(node))
    return others.slice(0, askedMax).map(async ({ node }) => {
      const answer = await net().ask(node, 'signing-group', request, signal)
      const records = readable(groupAnswerCodec, answer)?.records ?? []
      const found = records.flatMap(bytes => book.told(bytes) ?? [])
      return new Map(found.map(each => [each.id, each.group]))
    })
  }

  async #propose(proposal: Proposal): Promise<GroupView> {
    const { driver, book, signal } = this.#parts
    signal.throwIfAborted()
    const made = driver.join(proposal)
    // Whatever ends it first is the answer: nobody waits for questions that are still open.
    const group = await Promise.race([made, this.#inviteAll(proposal).then(() => made)])
    const view = book.view(digestOf(groupId(group)))
    if (view === undefined) throw new HostError('STOPPING', 'the node stops')
    return view
  }

  /** Brings the proposal to all that have a part in it; who is needed and does not take part ends it. */
  async #inviteAll(proposal: Proposal): Promise<void> {
    const { driver, self, net, signal, sign } = this.#parts
    const { network, epoch, session } = proposal
    const speaker = { identity: keyOfNodeId(self), sign }
    const body = proposalCodec.encode(proposal)
    const about = { network, subject: proposalId(proposal), epoch, session }
    const bytes = say(speaker, about, { kind: 'proposal', body })
    const { needed, others } = partsIn(proposal)
    const invite = (node: NodeId): Promise<Uint8Array> =>
      net().ask(node, 'signing-proposal', bytes, signal)
    // Old signers who deal nothing may be gone; those who are there give their shares up sooner.
    for (const node of others) if (node !== self) invite(node).catch(() => undefined)
    await Promise.all(
      needed
        .filter(node => node !== self)
        .map(async node => {
          try {
            await invite(node)
          } catch (error) {
            signal.throwIfAborted()
            if (!(error instanceof CoterieError)) throw error
            const why = signingError(codeFromMember(error.code), { node })
            driver.ceremonies.cancel(proposal, why)
            throw why
          }
        }),
    )
  }

  #everybody(): readonly NodeId[] {
    const { self } = this.#parts
    const own = this.#parts.reachable().find(({ node }) => node === self)
    const byInstance = new Map(
      this.#parts.reachable().map(({ node, instance }) => [instance, node]),
    )
    if (own !== undefined) byInstance.set(own.instance, self)
    const others = [...byInstance.values()].filter(node => node !== self)
    return [self, ...others.slice(0, participantsMax - 1)]
  }

  #invited(names: readonly string[]): readonly InvitedParticipant[] {
    if (names.length > participantsMax) throw signingError('THRESHOLD_WRONG')
    return names.map(name => {
      const node = ifReadable(() => nodeId(name))
      const identity = node === undefined ? undefined : keyOfNodeId(node)
      const known = identity === undefined ? undefined : this.#parts.attested(identity)
      if (identity === undefined || known === undefined) {
        throw signingError('PARTICIPANT_UNKNOWN', { node: name.slice(0, 64) })
      }
      return { identity, ...known }
    })
  }

  /** As many old signers as it takes, this node first: each further one may fail. */
  #dealers({ participants, threshold }: SigningGroup): readonly number[] {
    const { self } = this.#parts
    const reachable = new Set(this.#parts.reachable().map(({ node }) => node))
    const nodes = participants.map(({ identity }) => nodeIdOfKey(identity))
    const places = nodes.flatMap((node, i) => (reachable.has(node) ? [i + 1] : []))
    const [own] = places.filter(place => nodes[place - 1] === self)
    const chosen = [...(own === undefined ? [] : [own]), ...places.filter(place => place !== own)]
    if (chosen.length < threshold)
      throw signingError('NOT_ENOUGH_SIGNERS', { living: chosen.length, needed: threshold })
    return chosen.slice(0, threshold).toSorted((left, right) => left - right)
  }
}

/** @throws {UsageError} `GROUP_UNKNOWN` for what names none. */
function groupNamed(name: string): Digest {
  const bytes = fromHex(name)
  if (bytes?.length === 32) return digestOf(bytes)
  throw signingError('GROUP_UNKNOWN', { group: name.slice(0, 64) })
}

/** Who has a part in a ceremony: without some of them it cannot end well. */
function partsIn(proposal: Proposal): {
  readonly needed: readonly NodeId[]
  readonly others: readonly NodeId[]
} {
  const planned = planOf(proposal)
  if (planned.kind === 'refused') throw signingError(planned.code)
  const { dealers, receivers, everybody } = planned.plan
  const needed = new Set([...dealers, ...receivers].map(({ identity }) => nodeIdOfKey(identity)))
  const others = everybody.map(nodeIdOfKey).filter(node => !needed.has(node))
  return { needed: [...needed], others }
}
