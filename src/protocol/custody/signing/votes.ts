/** Votes of signers, as proof that a lock is kept. */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import { groupId, type SigningGroup } from '../../../wire/signing-group.ts'
import { bodyOf, type SigningStatement } from '../../../wire/signing-statement.ts'
import { type LockVoteBody, lockVoteCodec } from '../../../wire/threshold-signing.ts'
import { lockQuorum } from './group-rules.ts'
import { indexOf } from './key-share.ts'
import { hear } from './statements.ts'

/** A group with its id at hand. */
export interface KnownGroup {
  readonly group: SigningGroup
  readonly id: Uint8Array
}

/** A signer's statement in this group and epoch, in any session; of those who `mayCount`. */
export function hearSigner(
  { group, id }: KnownGroup,
  bytes: Uint8Array,
  mayCount: (sender: Uint8Array) => boolean = () => true,
) {
  const about = { network: group.network, epoch: group.epoch, subject: id }
  return hear(bytes, about, sender => indexOf(group, sender) > 0 && mayCount(sender))
}

/** Whether as many signers as a lock needs, each on a machine of its own, say that they keep it for this message. */
export function isLockKept(
  known: KnownGroup,
  kept: LockVoteBody,
  votes: readonly Uint8Array[],
): boolean {
  const voters = new Set<string>()
  const tried = new Set<string>()
  // One signature of each signer is verified, and not as many as whoever asks puts in.
  const isFirst = (sender: Uint8Array): boolean => tried.size < tried.add(toHex(sender)).size
  const quorum = lockQuorum(known.group)
  for (const bytes of votes) {
    if (voters.size >= quorum) break
    const said = hearSigner(known, bytes, isFirst)
    if (said !== undefined && isVoteFor(said, kept)) voters.add(toHex(said.sender))
  }
  return voters.size >= quorum
}

/** Whether a statement keeps exactly this lock for exactly this message. */
export function isVoteFor(said: SigningStatement, { lock, message }: LockVoteBody): boolean {
  const body = bodyOf(said, 'lock-vote', lockVoteCodec)
  return body !== undefined && equalBytes(body.lock, lock) && equalBytes(body.message, message)
}

/** A group by all that it is. */
export function knownGroup(group: SigningGroup): KnownGroup {
  return { group, id: groupId(group) }
}
