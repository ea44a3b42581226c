/** Why there is no proof of a key, for people. */
import { CoterieError, UsageError } from '../base/errors.ts'
import type { ProofRefusal } from '../protocol/replica/types.ts'

const explanations = {
  BAD_KEY: {
    message: 'The key is empty or not well-formed text.',
    next: 'Use a non-empty key of valid Unicode.',
  },
  KEY_TOO_LONG: {
    message: 'The key is longer than 512 UTF-8 bytes.',
    next: 'Ask for a key that can be written.',
  },
  NOT_READY: {
    message: 'The node has not joined the network yet: what it does not hold may well exist.',
    next: 'Wait until status says active, then ask again.',
  },
  PROOF_NOT_READY: {
    message: 'So much was written lately that the root is not hashed yet.',
    next: 'Ask again in a second.',
  },
  PROOF_TOO_LARGE: {
    message: 'The key has more elements or values, removed ones included, than one proof shows.',
    next: 'Spread them over several keys; what was removed is forgotten after a day.',
  },
} as const satisfies Readonly<Record<ProofRefusal, { message: string; next: string }>>

/** The error that an asker sees for a refusal of the replica. */
export function proofError(code: ProofRefusal): CoterieError {
  const { message, next } = explanations[code]
  const isPassing = code === 'NOT_READY' || code === 'PROOF_NOT_READY'
  return isPassing
    ? new CoterieError(code, message, { next })
    : new UsageError(code, message, { next })
}
