/** Who comes in and who goes out: every change of the roster passes here, and nobody that is removed passes in. */
import { isRefusal, type Refusal, type TrustedVerdict } from '../../attestation/verdict.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { unreachable } from '../../base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { evidenceDigest } from '../../wire/evidence.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import { type Contradiction, Contradictions } from './contradictions.ts'
import type { Core } from './core.ts'
import { Delegation } from './delegation.ts'
import type { Greetings } from './greetings.ts'
import { readRemoval } from './removal-proof.ts'
import type {
  AppraisedMember,
  Liveness,
  ManifestFacts,
  MemberGoneCode,
  MembershipInput,
  Rests,
} from './types.ts'

/** Identities that left, 100 bytes each: long after the last has forgotten a record, and only members are noted. */
const leftMax = 4096

/** Refusals that say that keys are not where, or not what, they were. */
const gotOut: ReadonlySet<string> = new Set(['INSTANCE_MISMATCH', 'KEYS_MISMATCH'])

type FreshnessInput = Extract<
  MembershipInput,
  { kind: 'steppedUp' | 'stepUpFailed' | 'suspected' | 'freshnessNeeded' }
>

export class Admissions {
  readonly #core: Core
  readonly #contradictions: Contradictions
  readonly #left = new BoundedMap<NodeId, true>(leftMax)
  readonly #greetings: () => Greetings
  readonly #forget: (node: NodeId) => void
  readonly delegation: Delegation

  /** `forget` drops what all parts know of a connection. */
  constructor(
    core: Core,
    options: { readonly greetings: () => Greetings; readonly forget: (node: NodeId) => void },
  ) {
    this.#core = core
    this.#contradictions = new Contradictions(core)
    this.#greetings = options.greetings
    this.#forget = options.forget
    this.delegation = new Delegation(core, {
      vouch: (member, rests, now) => this.#vouch(member, rests, now),
      appraise: (record, author, now) => this.recordCame(record, author, now),
      gone: (node, code) => this.gone(node, code),
    })
  }

  /** A member was heard to contradict itself. */
  contradicted(input: Contradiction & { readonly author: NodeId }): void {
    this.#contradictions.note(input.author, input)
  }

  /** Takes in what became provable. */
  drive(now: Instant): void {
    const items = this.#contradictions.ready(now)
    if (items.length > 0) this.takeOwn(items, now)
    this.delegation.drive(now)
  }

  /** A connection is open; of two in a row the later counts. */
  connected(member: AppraisedMember, now: Instant): void {
    this.#forget(member.node)
    const refusal = this.#admit(member, now)
    if (refusal !== undefined) return this.#core.outbox.disconnect(member.node, refusal.code)
    this.#core.roster.connect(member.node, now)
    this.#greetings().connected(member.node, now)
    // Whoever connects asks for keys or state next, and is asked: the quote is made while the hellos are under way.
    const { roster, stepUps } = this.#core
    const isInDoubt = roster.suspected().includes(member.node)
    if (!isInDoubt && !roster.isFresh(member.node, now))
      stepUps.request(member.node, 'step-up', now)
  }

  /** A record whose possession is proven: appraised like any other evidence. Answers whether its identity is in by it. */
  recordCame(record: MemberRecord, author: NodeId, now: Instant): boolean {
    const { keys, evidence, possession } = record
    const { ports, outbox, roster } = this.#core
    const verdict = ports.appraise(keys, evidence)
    if (verdict.kind !== 'trusted') {
      const cause = verdict.kind === 'refused' ? verdict.code : 'UNDETERMINED'
      outbox.event('info', 'RECORD_REFUSED', { node: author, facts: { cause } })
      return false
    }
    const refusal = this.#admit({ node: author, keys, evidence, verdict }, now)
    if (refusal === undefined) {
      if (roster.evidenceOf(author) === evidenceDigest(evidence)) {
        roster.setPossession(author, possession)
      }
      return true
    }
    // Signed by the identity itself: its keys are in two places, as if it had answered a step-up from elsewhere.
    if (gotOut.has(refusal.code)) this.gone(author, 'RE_ATTEST_REFUSED')
    return false
  }

  /** The same without a look of this node's own: others found it trusted. */
  #vouch(
    { record, verdict }: { readonly record: MemberRecord; readonly verdict: TrustedVerdict },
    rests: Rests,
    now: Instant,
  ): boolean {
    const { roster, outbox } = this.#core
    const { keys, evidence, possession } = record
    const member = { node: nodeIdOfKey(keys.identity), keys, evidence, verdict }
    const { node } = member
    const refusal = this.admissible(node, verdict, now)
    if (refusal !== undefined) outbox.event('info', refusal.code, { node, facts: refusal.facts })
    if (refusal !== undefined || roster.hasOtherKeys(member)) return false
    const isNew = roster.vouch(member, rests, now)
    if (roster.evidenceOf(node) === evidenceDigest(evidence)) roster.setPossession(node, possession)
    if (!isNew) return true
    outbox.event('debug', 'VOUCHED_FOR', { node, facts: { by: rests.by.join(' ') } })
    outbox.emit({ kind: 'memberAdded', node })
    return true
  }

  /** What became of somebody's freshness, or who needs it. */
  freshness(input: FreshnessInput, now: Instant): void {
    switch (input.kind) {
      case 'steppedUp':
        return this.#steppedUp(input.node, input.verdict, now)
      case 'stepUpFailed':
        return this.#stepUpFailed(input, now)
      case 'suspected':
        return this.suspected(input.node, input.code, now)
      case 'freshnessNeeded':
        return this.#freshnessNeeded(input.node, now)
      default:
        return unreachable(input)
    }
  }

  #steppedUp(node: NodeId, verdict: TrustedVerdict, now: Instant): void {
    const { removals, roster, stepUps, outbox } = this.#core
    if (removals.covers({ node, verdict }) !== undefined) return this.gone(node, 'REMOVED')
    // Whoever may not come in by this verdict does not stay by it either.
    const refusal = this.admissible(node, verdict, now)
    if (refusal !== undefined) {
      return this.#stepUpFailed({ node, code: refusal.code, how: 'refused' }, now)
    }
    roster.renew(node, verdict, now)
    stepUps.succeeded(node)
    if (roster.isFresh(node, now)) outbox.emit({ kind: 'memberFresh', node })
  }

  /** Missed beats, a fault, a contradiction: it steps up within seconds, or goes. */
  suspected(node: NodeId, code: string, now: Instant): void {
    const { roster, outbox } = this.#core
    if (roster.suspect(node, now)) outbox.emit({ kind: 'memberSuspected', node, code })
  }

  /** A quote that was just made and is not trusted ends the membership; silence may only be the link. */
  #stepUpFailed(
    { node, code, how }: { node: NodeId; code: string; how: 'refused' | 'unanswered' },
    now: Instant,
  ): void {
    this.#core.stepUps.failed(node, code, now)
    if (how === 'refused') this.gone(node, 'RE_ATTEST_REFUSED')
  }

  livenessChanged(node: NodeId, state: Liveness, now: Instant): void {
    this.#core.roster.setLiveness(node, state)
    if (state === 'suspect' || state === 'dead') this.suspected(node, 'LIVENESS_MISSED', now)
  }

  /** Somebody waits until this member is fresh. */
  #freshnessNeeded(node: NodeId, now: Instant): void {
    const { roster, outbox, neighbours, stepUps, isRemoved } = this.#core
    if (roster.isFresh(node, now) && !isRemoved(node)) outbox.emit({ kind: 'memberFresh', node })
    else if (neighbours.of(node) !== undefined) stepUps.need(node, now)
    else outbox.emit({ kind: 'memberNotFresh', node, code: 'NOT_CONNECTED' })
  }

  /** Another manifest is in force: whom it does not admit goes at once, and no key it held is used again. */
  govern(manifest: ManifestFacts, now: Instant): void {
    const { removals, roster, neighbours } = this.#core
    removals.govern(manifest)
    roster.govern(manifest)
    this.delegation.govern()
    this.#reappraise(now)
    this.#greetings().broadcast({}, null)
    for (const neighbour of neighbours.all()) this.#greetings().settle(neighbour, now)
  }

  /** Every verdict anew. */
  #reappraise(now: Instant): void {
    const { roster, ports } = this.#core
    for (const { node, keys, evidence } of roster.known()) {
      const verdict = ports.appraise(keys, evidence)
      const isStillIn =
        verdict.kind === 'trusted' && !this.#admit({ node, keys, evidence, verdict }, now)
      if (!isStillIn) this.gone(node, 'POLICY_REFUSED')
    }
  }

  /** It said so itself. Whoever has not heard it yet may still hand its record over, so it is remembered. */
  left(node: NodeId): void {
    this.#left.set(node, true)
    this.gone(node, 'LEFT')
  }

  /** No longer a member: told to the shell, and disconnected. */
  gone(node: NodeId, code: MemberGoneCode): void {
    const { roster, outbox, neighbours } = this.#core
    if (roster.verdictOf(node) !== undefined) outbox.emit({ kind: 'memberGone', node, code })
    if (code === 'RE_ATTEST_REFUSED') roster.lapse(node)
    else roster.drop(node)
    if (neighbours.of(node) !== undefined) this.#disconnect(node, code)
    this.delegation.gone(node, code)
  }

  /** The removal set grew by `items`: whom it covers goes first, then everybody else hears of it. */
  removalsGrew(items: readonly Uint8Array[], from: NodeId | null, now: Instant): void {
    const { roster, removals, neighbours, outbox } = this.#core
    for (const { node, verdict } of roster.known()) {
      if (removals.covers({ node, verdict }) !== undefined) this.gone(node, 'REMOVED')
    }
    const { digest, count } = removals
    outbox.emit({ kind: 'removalsGrew', count, digest })
    this.#greetings().broadcast({ removals: items }, from)
    // A set that was unknown may be known now.
    for (const neighbour of neighbours.all()) this.#greetings().settle(neighbour, now)
  }

  /** Items from this node's own door. Contradicting beats count only of an author that was a member here. */
  takeOwn(items: readonly Uint8Array[], now: Instant): void {
    const { removals, outbox } = this.#core
    const added: Uint8Array[] = []
    const refused: Refusal[] = []
    for (const item of items) {
      const refusal = this.#refuseAtDoor(item)
      const taken = refusal === undefined ? removals.take(item) : refusal
      if ('kind' in taken && taken.kind === 'added') added.push(item)
      if (isRefusal(taken)) refused.push(taken)
    }
    outbox.emit({
      ...{ kind: 'removalsJudged', added: added.length },
      refused: refused.map(({ code, facts }) => ({ code, facts })),
    })
    if (added.length > 0) this.removalsGrew(added, null, now)
  }

  /** Anybody can make up an identity that contradicts itself: through the API that would grow every set at no cost. */
  #refuseAtDoor(item: Uint8Array): Refusal | undefined {
    const { network, roster } = this.#core
    const read = readRemoval(network, item)
    if (read.kind === 'refused' || read.item.kind === 'certificate') return undefined
    const author = nodeIdOfKey(read.claim.subject)
    if (roster.verdictOf(author) !== undefined) return undefined
    return { code: 'REMOVAL_UNKNOWN_AUTHOR', facts: { author } }
  }

  /** Takes a member in, or says why not. */
  #admit(member: AppraisedMember, now: Instant): Refusal | undefined {
    const { roster, outbox } = this.#core
    const { node, verdict } = member
    const refusal =
      this.admissible(node, verdict, now) ??
      (roster.hasOtherKeys(member) ? { code: 'KEYS_MISMATCH', facts: {} } : undefined)
    if (refusal !== undefined) {
      outbox.event('info', refusal.code, { node, facts: refusal.facts })
      return refusal
    }
    if (roster.admit(member, now)) outbox.emit({ kind: 'memberAdded', node })
    return undefined
  }

  /** Why this appraised identity may not come in now; `undefined` if it may. */
  admissible(node: NodeId, verdict: TrustedVerdict, now: Instant): Refusal | undefined {
    return (
      this.refusal(node, verdict) ??
      this.#contradiction(node) ??
      this.#core.roster.admissible(node, verdict, now)
    )
  }

  /** While the manifest set contradicts itself nobody new comes in; who is in stays. */
  #contradiction(node: NodeId): Refusal | undefined {
    const { nonce, hash, rival } = this.#core.manifest()
    if (rival === null || this.#core.roster.verdictOf(node) !== undefined) return undefined
    return { code: 'MANIFEST_EQUIVOCATION', facts: { nonce, inForce: hash, found: rival } }
  }

  /** Why this identity can never be a member again; `undefined` if it can: removed, or left. */
  refusal(node: NodeId, verdict?: TrustedVerdict): Refusal | undefined {
    const subject = verdict === undefined ? { node } : { node, verdict }
    const scope = this.#core.removals.covers(subject)
    if (scope !== undefined) return { code: 'REMOVED', facts: { scope } }
    return this.#left.peek(node) === true ? { code: 'LEFT', facts: {} } : undefined
  }

  #disconnect(node: NodeId, code: string): void {
    this.#core.outbox.disconnect(node, code)
    this.#forget(node)
  }
}
