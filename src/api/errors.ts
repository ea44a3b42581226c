/** Error codes of the API: each with its HTTP status, in one table. */
import { CoterieError, HostError, PeerFault, UsageError } from '../base/errors.ts'

/** Status of every code that a caller can meet. A code that is not here falls back on whose fault it is. */
export const statusOfCode = {
  // The request.
  BAD_REQUEST: 400,
  BAD_KEY: 400,
  BAD_BODY: 400,
  BAD_SUBJECT: 400,
  BAD_BAN: 400,
  TOKEN_IN_URL: 400,
  TOKEN_REQUIRED: 401,
  TOKEN_REFUSED: 401,
  NOT_FOR_THE_HOST: 403,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_MANY_REQUESTS: 429,
  BODY_TOO_LARGE: 413,
  JSON_REQUIRED: 415,
  CBOR_REQUIRED: 415,
  HOST_REFUSED: 421,
  TOO_MANY_STREAMS: 503,
  // The state.
  KEY_TOO_LONG: 400,
  VALUE_TOO_LARGE: 413,
  WRONG_KIND: 409,
  NO_WRITE_RULE: 403,
  NOT_FOR_MEMBERS: 403,
  BAD_VALUE: 422,
  QUOTA_FULL: 507,
  BAD_AMOUNT: 400,
  COUNTER_FULL: 409,
  COUNTER_STAYS: 409,
  BAD_CURSOR: 400,
  NOT_YOURS: 403,
  READ_ONLY: 403,
  CURSOR_GONE: 410,
  QUEUE_FULL: 429,
  NOT_PUBLIC: 403,
  CHECKPOINT_GONE: 410,
  EVIDENCE_NOT_HELD: 404,
  AUDIT_UNREADABLE: 503,
  NO_CHECKPOINT: 503,
  PROOF_TOO_LARGE: 409,
  PROOF_NOT_READY: 503,
  NOT_READY: 503,
  NOT_ADMITTED: 503,
  NO_PEER_TO_ACK: 503,
  STOPPING: 503,
  NOT_RUNNING: 503,
  ACK_TIMEOUT: 504,
  // Threshold signing.
  REQUEST_MALFORMED: 400,
  LOCK_WANTED: 400,
  THRESHOLD_WRONG: 400,
  LOCKS_UNSAFE: 400,
  PARTICIPANT_TWICE: 400,
  INSTANCE_TWICE: 400,
  NOT_PERMITTED: 403,
  GROUP_UNKNOWN: 404,
  PARTICIPANT_UNKNOWN: 404,
  LOCKED_OTHERWISE: 409,
  KEY_DIFFERS: 409,
  GROUP_FALSE: 409,
  NOT_INVITED: 409,
  PREDECESSOR_WRONG: 409,
  SHARE_MISSING: 409,
  RESHARING_UNDER_WAY: 409,
  TWO_DEALINGS: 502,
  DEALING_INVALID: 502,
  ECHO_FALSE: 502,
  DEALT_WRONG: 502,
  COMPLAINT_FALSE: 502,
  CONFIRMATION_FALSE: 502,
  ABORT_FALSE: 502,
  SILENT: 503,
  EPOCH_ENDED: 503,
  LOCK_UNPROVEN: 503,
  NOT_ENOUGH_SIGNERS: 503,
  PARTICIPANT_DIFFERS: 503,
  PARTICIPANT_UNREACHABLE: 503,
  CEREMONIES_FULL: 503,
  SIGNING_TIMED_OUT: 504,
  CEREMONY_STALLED: 504,
  LOCKS_FULL: 507,
  SHARES_FULL: 507,
  // Sealed calls.
  NO_CLIENTS: 404,
  CALL_REFUSED: 403,
  NO_RIGHT: 403,
  OUTSIDE_PREFIXES: 403,
  NOT_SEALED: 405,
  ANSWER_TOO_LARGE: 409,
  // Ours.
  INTERNAL: 500,
} as const satisfies Readonly<Record<string, number>>

export type ErrorCode = keyof typeof statusOfCode

/** An error as the API says it. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: string
    readonly message: string
    /** What the caller can do about it; empty if there is nothing. */
    readonly next: string
  }
}

/** Builds the error that a handler throws to answer with a code of the table. */
export function apiError(code: ErrorCode, message: string, next = ''): UsageError {
  return new UsageError(code, message, { next })
}

/**
 * The answer to a thrown error. What is not a `CoterieError` is a bug of ours: its text may hold anything, so
 * the caller learns only that it happened.
 */
export function answerOfError(error: unknown): {
  readonly status: number
  readonly answer: ErrorAnswer
} {
  if (!(error instanceof CoterieError) || error.code === 'INVARIANT_BROKEN') {
    const answer = {
      code: 'INTERNAL',
      message: 'The node met an error of its own.',
      next: 'See its log.',
    }
    return { status: statusOfCode.INTERNAL, answer: { error: answer } }
  }
  const { code, message, next } = error
  return { status: statusOf(error), answer: { error: { code, message, next } } }
}

function statusOf(error: CoterieError): number {
  if (isErrorCode(error.code)) return statusOfCode[error.code]
  // Bytes that do not prove what they claim, such as a removal item: understood, and wrong.
  if (error instanceof PeerFault) return 422
  if (error instanceof UsageError) return 400
  return error instanceof HostError ? 503 : 500
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(statusOfCode, code)
}
