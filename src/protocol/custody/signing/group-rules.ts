/**
 * What numbers make a group safe.
 *
 * n signers, t sign, r may be copied or set back in memory, q keep a lock before any share leaves.
 *
 *     t + t > n + r        two sets that sign share a signer with one memory, and it votes for one message
 *     q = n - t + 1 + r    any t who hand over include one with one memory who keeps the lock
 *
 * The second is why a lock is stored at more signers than the next one to sign would need: at a resharing t of n speak
 * for all, and what they do not know is free again.
 */
import { toHex } from '../../../base/bytes.ts'
import { type GroupTerms, participantsMax } from '../../../wire/signing-group.ts'

/** Why terms make no group. */
export type TermsRefusal =
  | 'THRESHOLD_WRONG'
  | 'LOCKS_UNSAFE'
  | 'PARTICIPANT_TWICE'
  | 'INSTANCE_TWICE'

/** What is wrong with terms and who shall sign under them; `undefined` if nothing is. */
export function flawOfTerms(
  terms: Pick<GroupTerms, 'threshold' | 'clonesMax' | 'locks'>,
  participants: readonly { readonly identity: Uint8Array; readonly instance: Uint8Array }[],
): TermsRefusal | undefined {
  const { threshold, clonesMax, locks } = terms
  const size = participants.length
  if (threshold < 2 || threshold > size || size > participantsMax) return 'THRESHOLD_WRONG'
  if (locks && 2 * threshold <= size + clonesMax) return 'LOCKS_UNSAFE'
  const identities = new Set(participants.map(({ identity }) => toHex(identity)))
  const instances = new Set(participants.map(({ instance }) => toHex(instance)))
  if (identities.size !== size) return 'PARTICIPANT_TWICE'
  // One chip that signs twice is one signer: whoever breaks it has both shares.
  return instances.size === size ? undefined : 'INSTANCE_TWICE'
}

/** How many signers keep a lock before any signature share leaves. */
export function lockQuorum(group: {
  readonly participants: readonly unknown[]
  readonly threshold: number
  readonly clonesMax: number
}): number {
  return group.participants.length - group.threshold + 1 + group.clonesMax
}
