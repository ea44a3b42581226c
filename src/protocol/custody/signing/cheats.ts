/** Cheats in signing, as anybody who knows the group can find out from two statements. */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import { verifyShare } from '../../../crypto/frost.ts'
import type { Accusation } from '../../../wire/key-ceremony.ts'
import {
  bodyOf,
  requestDigest,
  type SigningStatement,
  statementCodec,
} from '../../../wire/signing-statement.ts'
import {
  lockVoteCodec,
  signatureShareCodec,
  signRequestCodec,
} from '../../../wire/threshold-signing.ts'
import { indexOf } from './key-share.ts'
import { hear } from './statements.ts'
import { hearSigner, type KnownGroup } from './votes.ts'

/** Whether an accusation about signing is shown by its statements. Never throws. */
export function isCheatShown(
  known: KnownGroup,
  { code, accused, statements }: Accusation,
): boolean {
  const [first, second] = statements
  if (first === undefined || second === undefined || statements.length !== 2) return false
  const said = hearSigner(known, second)
  if (said === undefined || !equalBytes(said.sender, accused)) return false
  if (code === 'TWO_VOTES') {
    const other = hearSigner(known, first)
    return other !== undefined && equalBytes(other.sender, accused) && areTwoVotes(other, said)
  }
  const { group, id } = known
  const about = { network: group.network, epoch: group.epoch, subject: id }
  const asked = hear(first, about, () => true)
  return code === 'SHARE_FALSE' && asked !== undefined && isShareFalse(known, asked, said)
}

/** Whether a signer answered a request with a share that does not hold for it. */
function isShareFalse(
  { group }: KnownGroup,
  asked: SigningStatement,
  said: SigningStatement,
): boolean {
  const request = bodyOf(asked, 'sign-request', signRequestCodec)
  const body = bodyOf(said, 'signature-share', signatureShareCodec)
  if (request === undefined || body === undefined) return false
  if (!equalBytes(body.request, requestDigest(asked.body))) return false
  const index = indexOf(group, said.sender)
  return !verifyShare(group, request, { index, share: body.share })
}

/** Whether one signer gave one lock to two messages. */
export function areTwoVotes(left: SigningStatement, right: SigningStatement): boolean {
  const one = bodyOf(left, 'lock-vote', lockVoteCodec)
  const other = bodyOf(right, 'lock-vote', lockVoteCodec)
  if (one === undefined || other === undefined) return false
  return equalBytes(one.lock, other.lock) && !equalBytes(one.message, other.message)
}

/** Votes that were heard, so that a second one of the same signer and lock is noticed. */
export function voteName(said: SigningStatement): string | undefined {
  const body = bodyOf(said, 'lock-vote', lockVoteCodec)
  return body === undefined ? undefined : `${toHex(said.sender)} ${toHex(body.lock)}`
}

/** An accusation of the author of the last statement. */
export function cheatOf(
  code: 'SHARE_FALSE' | 'TWO_VOTES',
  first: SigningStatement,
  said: SigningStatement,
): Accusation {
  const statements = [first, said].map(each => statementCodec.encode(each))
  return { code, accused: said.sender, statements }
}
