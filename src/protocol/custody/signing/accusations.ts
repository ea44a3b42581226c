/**
 * Who broke a ceremony, as anybody can find out from statements alone: the plan, the accusation, nothing else.
 *
 * The same functions judge what arrives and what is shown later, so nobody is named here who could not be named
 * elsewhere.
 */
import { equalBytes } from '../../../base/bytes.ts'
import { verifyDealtShare } from '../../../crypto/frost-dealing.ts'
import {
  type Accusation,
  accusationCodec,
  type ComplaintBody,
  complaintCodec,
  confirmationCodec,
  dealtShareCodec,
  echoCodec,
  type OpenedShare,
  openingCodec,
} from '../../../wire/key-ceremony.ts'
import { groupId } from '../../../wire/signing-group.ts'
import { bodyOf, type SigningStatement, statementCodec } from '../../../wire/signing-statement.ts'
import { type CeremonyPlan, dealerOf, dealingOf, groupOf, hearOf, receiverIndex } from './plan.ts'
import { isWhatWasSealed } from './sealed-share.ts'

/** Whether an accusation is shown by its statements. `SILENT` never is. Never throws. */
export function isShown(plan: CeremonyPlan, accusation: Accusation): boolean {
  const { code, accused } = accusation
  const heard = accusation.statements.map(bytes => hearOf(plan, bytes))
  const [first, second, third] = heard
  if (first === undefined || heard.includes(undefined)) return false
  const isBy = (said: SigningStatement | undefined): boolean =>
    said !== undefined && equalBytes(said.sender, accused)
  switch (code) {
    case 'TWO_DEALINGS':
      return isBy(first) && second !== undefined && areTwoDealings(first, second)
    case 'DEALING_INVALID':
      return isBy(first) && dealingOf(plan, first) === 'flawed'
    case 'ECHO_FALSE':
      return isBy(first) && first.kind === 'echo' && heardIn(plan, first) === undefined
    case 'DEALT_WRONG':
      return isBy(first) && isComplaintAbout(plan, [first, second, third], 'dealer')
    case 'COMPLAINT_FALSE':
      return isBy(second) && isComplaintAbout(plan, [first, second, third], 'complainer')
    case 'CONFIRMATION_FALSE':
      return isBy(first) && second !== undefined && areAtOdds(plan, first, second)
    case 'ABORT_FALSE':
      return isBy(first) && isFalseAbort(plan, first)
    // Of the signing that comes after, and what nobody can show.
    case 'SHARE_FALSE':
    case 'TWO_VOTES':
    case 'SILENT':
      return false
  }
}

/** Whether one dealer said two things. Signatures may differ without harm. */
export function areTwoDealings(left: SigningStatement, right: SigningStatement): boolean {
  const isOneDealer = equalBytes(left.sender, right.sender)
  const areDealings = left.kind === 'dealing' && right.kind === 'dealing'
  return isOneDealer && areDealings && !equalBytes(left.body, right.body)
}

/** The dealings that an echo repeats, one of each dealer in order; `undefined` if its sender made that up. */
export function heardIn(
  plan: CeremonyPlan,
  echo: SigningStatement,
): readonly SigningStatement[] | undefined {
  const body = bodyOf(echo, 'echo', echoCodec)
  if (body === undefined || body.dealings.length !== plan.dealers.length) return undefined
  const heard = body.dealings.map((bytes, i) => {
    const said = hearOf(plan, bytes)
    const dealer = plan.dealers[i]
    if (said?.kind !== 'dealing' || dealer === undefined) return undefined
    return equalBytes(said.sender, dealer.identity) ? said : undefined
  })
  const known = heard.filter(said => said !== undefined)
  return known.length === heard.length ? known : undefined
}

/** Who is at fault over a complaint; `'unsettled'` while the dealer has not shown what it sealed. */
export function judgeComplaint(
  plan: CeremonyPlan,
  dealing: SigningStatement,
  complaint: SigningStatement,
  opening?: SigningStatement,
): 'dealer' | 'complainer' | 'unsettled' {
  const said = bodyOf(complaint, 'complaint', complaintCodec)
  const dealt = said === undefined ? undefined : dealtIn(plan, complaint.sender, said)
  if (said === undefined || dealt === undefined) return 'complainer'
  if (!equalBytes(dealt.dealer, dealing.sender)) return 'complainer'
  const body = dealingOf(plan, dealing)
  if (body === undefined || body === 'flawed') return 'dealer'
  const isGood = ({ share }: OpenedShare): boolean =>
    verifyDealtShare(plan.proposal.suite, body.commitments, { index: dealt.receiver, share })
  if (said.opened !== null) {
    const isHonest = dealt.isWhatWasSealed(said.opened) && !isGood(said.opened)
    return isHonest ? 'dealer' : 'complainer'
  }
  const shown = opening === undefined ? undefined : bodyOf(opening, 'opening', openingCodec)
  if (opening === undefined) return 'unsettled'
  const isAnswer =
    shown !== undefined &&
    equalBytes(opening.sender, dealt.dealer) &&
    equalBytes(shown.dealt, said.dealt)
  // An opening of something else is no answer: the dealer may still give one.
  if (!isAnswer) return 'unsettled'
  const isRight = dealt.isWhatWasSealed(shown.opened) && isGood(shown.opened)
  return isRight ? 'complainer' : 'dealer'
}

/** The sealed share that a complaint is about, if its dealer really said it to who complains. */
function dealtIn(plan: CeremonyPlan, complainer: Uint8Array, complaint: ComplaintBody) {
  const said = hearOf(plan, complaint.dealt)
  const index = receiverIndex(plan, complainer)
  const kemKey = plan.receivers[index - 1]?.kemKey
  if (said === undefined || kemKey === undefined) return undefined
  if (dealerOf(plan, said.sender) === undefined || said.kind !== 'dealt-share') return undefined
  const body = bodyOf(said, 'dealt-share', dealtShareCodec)
  // A share for another is none of its business. What is no message at all, the dealer answers for.
  if (body !== undefined && body.receiver !== index) return undefined
  const context = { about: plan.about, dealer: said.sender, receiver: complainer }
  return {
    dealer: said.sender,
    receiver: index,
    isWhatWasSealed: (opened: OpenedShare): boolean =>
      body !== undefined && isWhatWasSealed(context, kemKey, { body, opened }),
  }
}

type Shown = readonly [SigningStatement, SigningStatement | undefined, SigningStatement | undefined]

function isComplaintAbout(
  plan: CeremonyPlan,
  [dealing, complaint, opening]: Shown,
  fault: 'dealer' | 'complainer',
): boolean {
  if (complaint?.kind !== 'complaint' || dealing.kind !== 'dealing') return false
  return judgeComplaint(plan, dealing, complaint, opening) === fault
}

/** Whether somebody confirmed another group than the one that it itself heard being dealt. */
function areAtOdds(plan: CeremonyPlan, echo: SigningStatement, said: SigningStatement): boolean {
  const heard = heardIn(plan, echo)
  if (heard === undefined || said.kind !== 'confirmation') return false
  if (!equalBytes(echo.sender, said.sender)) return false
  const bodies = heard.map(each => dealingOf(plan, each))
  const sound = bodies.filter(body => body !== undefined && body !== 'flawed')
  const made = sound.length === bodies.length ? groupOf(plan, sound) : undefined
  if (made === undefined) return true
  const body = bodyOf(said, 'confirmation', confirmationCodec)
  return body === undefined || !equalBytes(body.group, groupId(made.group))
}

/** Most bytes of an abort that its author is accused of: it travels inside another. Nobody honest has as much to show. */
const accusableBytesMax = 128 * 1024

/**
 * Whether the author of an abort that shows nothing can be accused of it so that others see it too. A false word of a
 * false accusation cannot: to show it would be one more of its kind, and so on without end. It counts for nothing.
 */
export function isAccusable(abort: SigningStatement, said: Accusation | undefined): boolean {
  return said?.code !== 'ABORT_FALSE' && statementCodec.encode(abort).length <= accusableBytesMax
}

/** Whether somebody ended a ceremony with an accusation that shows nothing. */
function isFalseAbort(plan: CeremonyPlan, abort: SigningStatement): boolean {
  if (abort.kind !== 'abort') return false
  const accusation = bodyOf(abort, 'abort', accusationCodec)
  if (accusation === undefined) return true
  // Whoever accuses somebody of a false accusation is not accused in turn: that would have no end.
  if (accusation.code === 'SILENT' || accusation.code === 'ABORT_FALSE') return false
  return !isShown(plan, accusation)
}
