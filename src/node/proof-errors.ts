/** Why there is no proof of a key, for people. */
import { CoterieError, UsageError } from '../base/errors.ts'
import type { CutRefusal } from '../protocol/replica/types.ts'

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
  NOT_PUBLIC: {
    message: 'The key is not below a public prefix of the manifest.',
    next: 'Light clients read public prefixes alone; ask an application inside the TEE for the rest.',
  },
  CHECKPOINT_GONE: {
    message:
      'That checkpoint is not held any more, or never was: the last ten are, about ten seconds.',
    next: 'Fetch the newest checkpoint, then its proof.',
  },
} as const satisfies Readonly<Record<CutRefusal, { message: string; next: string }>>

/** The error that an asker sees for a refusal of the replica. */
export function proofError(code: CutRefusal): CoterieError {
  const { message, next } = explanations[code]
  const isPassing = code === 'NOT_READY' || code === 'PROOF_NOT_READY'
  return isPassing
    ? new CoterieError(code, message, { next })
    : new UsageError(code, message, { next })
}
