/**
 * What a proposal comes to: who deals, who receives, and which group stands at the end.
 *
 * A new key is dealt by all its participants. A key that is handed on is dealt by old signers, as many as sign or
 * more, each of whom splits its weighted share; what they owe is known from the old group, so nobody can split
 * anything else.
 */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import {
  type CombinedKey,
  combineDealings,
  type Handing,
  isKeyOf,
  owedCommitment,
  verifyDealing,
} from '../../../crypto/frost-dealing.ts'
import { type DealingBody, dealingCodec } from '../../../wire/key-ceremony.ts'
import {
  groupCodec,
  groupId,
  type InvitedParticipant,
  type Proposal,
  proposalId,
  type SigningGroup,
} from '../../../wire/signing-group.ts'
import {
  bodyOf,
  readable,
  type SigningStatement,
  type UnsignedStatement,
} from '../../../wire/signing-statement.ts'
import { flawOfTerms, type TermsRefusal } from './group-rules.ts'
import { indexOf } from './key-share.ts'
import { hear, type Subject } from './statements.ts'

export type PlanRefusal = TermsRefusal | 'PREDECESSOR_WRONG'

export interface Dealer {
  readonly identity: Uint8Array
  /** Of a new key the place among the participants, else the place in the old group. */
  readonly index: number
}

export interface CeremonyPlan {
  readonly proposal: Proposal
  /** What every statement of the ceremony is about. */
  readonly about: Subject
  readonly predecessor: { readonly group: SigningGroup; readonly id: Uint8Array } | null
  readonly dealers: readonly Dealer[]
  /** Index `i + 1` at place `i`. */
  readonly receivers: readonly InvitedParticipant[]
  /** Identities of everybody who has a part: receivers, and the old signers. */
  readonly everybody: readonly Uint8Array[]
}

/** The plan of a proposal, or why it is none. */
export function planOf(
  proposal: Proposal,
): { readonly kind: 'plan'; readonly plan: CeremonyPlan } | { kind: 'refused'; code: PlanRefusal } {
  const flaw = flawOfTerms(proposal, proposal.participants)
  if (flaw !== undefined) return { kind: 'refused', code: flaw }
  const predecessor = predecessorOf(proposal)
  if (predecessor === undefined) return { kind: 'refused', code: 'PREDECESSOR_WRONG' }
  const { network, session, epoch, participants } = proposal
  const about = { network, session, epoch, subject: proposalId(proposal) }
  const old = predecessor?.group.participants ?? []
  const dealers =
    proposal.predecessor === null
      ? participants.map(({ identity }, i) => ({ identity, index: i + 1 }))
      : proposal.predecessor.dealers.map(index => ({
          identity: old[index - 1]?.identity ?? new Uint8Array(),
          index,
        }))
  const everybody = [...participants, ...old].map(({ identity }) => identity)
  const once = [...new Map(everybody.map(identity => [toHex(identity), identity])).values()]
  const plan = { proposal, about, predecessor, dealers, receivers: participants, everybody: once }
  return { kind: 'plan', plan }
}

/** The old group of a proposal, `null` for a new key, `undefined` if it cannot hand on to this one. */
function predecessorOf(proposal: Proposal): CeremonyPlan['predecessor'] | undefined {
  const named = proposal.predecessor
  if (named === null) return proposal.epoch === 1 ? null : undefined
  const group = readable(groupCodec, named.group)
  if (group === undefined || flawOfTerms(group, group.participants) !== undefined) return undefined
  const goesOn =
    group.suite === proposal.suite &&
    group.locks === proposal.locks &&
    equalBytes(group.network, proposal.network) &&
    group.epoch + 1 === proposal.epoch
  const isOrdered = named.dealers.every(
    (index, i) => index > (named.dealers[i - 1] ?? 0) && index <= group.participants.length,
  )
  const isEnough = named.dealers.length >= group.threshold
  if (!goesOn || !isOrdered || !isEnough || !isKeyOf(group, named.dealers)) return undefined
  return { group, id: groupId(group) }
}

/** Whether an identity has a part in the ceremony. */
export function hasPart(plan: CeremonyPlan, identity: Uint8Array): boolean {
  return plan.everybody.some(each => equalBytes(each, identity))
}

export function dealerOf(plan: CeremonyPlan, identity: Uint8Array): Dealer | undefined {
  return plan.dealers.find(dealer => equalBytes(dealer.identity, identity))
}

/** The receiver's index, from 1 on; 0 for somebody else. */
export function receiverIndex(plan: CeremonyPlan, identity: Uint8Array): number {
  return indexOf({ participants: plan.receivers }, identity)
}

/** A statement of this ceremony by somebody who has a part in it. Never throws. */
export function hearOf(plan: CeremonyPlan, bytes: Uint8Array): SigningStatement | undefined {
  return hear(bytes, plan.about, sender => hasPart(plan, sender))
}

/** What a dealer said, if it is what a dealer owes; `'flawed'` if it is not, `undefined` if this is no dealing. */
export function dealingOf(
  plan: CeremonyPlan,
  said: UnsignedStatement,
): DealingBody | 'flawed' | undefined {
  const dealer = dealerOf(plan, said.sender)
  if (dealer === undefined || said.kind !== 'dealing') return undefined
  const body = bodyOf(said, 'dealing', dealingCodec)
  if (body === undefined) return 'flawed'
  const { suite, threshold } = plan.proposal
  if (!verifyDealing({ suite, threshold, index: dealer.index }, body)) return 'flawed'
  const { predecessor } = plan
  if (predecessor === null) return body
  const share = predecessor.group.verificationShares[dealer.index - 1] ?? new Uint8Array()
  const owed = owedCommitment(handingOf(plan, dealer), share)
  const [first] = body.commitments
  const isOwed = owed !== undefined && first !== undefined && equalBytes(owed, first)
  return isOwed ? body : 'flawed'
}

/** How a dealer weighs its old share. */
export function handingOf(plan: CeremonyPlan, { index }: Dealer): Handing {
  const dealers = plan.dealers.map(dealer => dealer.index)
  return { suite: plan.proposal.suite, dealers, index }
}

/** The group that these dealings make, in the order of the dealers; `undefined` if they cancel each other out. */
export function groupOf(
  plan: CeremonyPlan,
  dealings: readonly DealingBody[],
): { readonly group: SigningGroup; readonly key: CombinedKey } | undefined {
  const { proposal, predecessor, receivers } = plan
  const key = combineDealings(proposal.suite, predecessor === null ? 'fresh' : 'continued', {
    size: receivers.length,
    dealings: dealings.map(({ commitments }) => commitments),
  })
  if (key === undefined) return undefined
  const { network, suite, epoch, threshold, clonesMax, locks } = proposal
  const participants = receivers.map(({ identity, instance }) => ({ identity, instance }))
  const { publicKey, verificationShares } = key
  const terms = { network, suite, epoch, threshold, clonesMax, locks }
  return { group: { ...terms, publicKey, participants, verificationShares }, key }
}
