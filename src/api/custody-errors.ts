/** How the routes of custody say no: as the tools that went before read it, with the next step beside. */
import { randomUUID } from 'node:crypto'
import type { ErrorAnswer } from './errors.ts'

export interface CustodyErrorAnswer {
  readonly error: string
  readonly code: string
  readonly next: string
  readonly request_id: string
}

/** Of refusals that are about time or place; what a caller brought and is wrong is 422. */
const statuses: Readonly<Record<string, number>> = {
  WRONG_PHASE: 409,
  DIFFERENT_MANIFEST: 409,
  NOTHING_TO_RECOVER: 404,
  RECOVERY_TOO_LATE: 409,
  MEMBERS_LIVE: 409,
  NOT_ALONE_YET: 503,
  NOT_APPROVED: 403,
  NOT_A_MEMBER: 403,
  UNRECOVERABLE: 503,
  BUSY: 503,
  QUOTE_FAILED: 503,
  NO_HANDLER: 503,
  NOT_FRESH: 503,
  ISOLATED: 503,
  STOPPING: 503,
}

export function custodyErrorOf(found: { readonly status: number; readonly answer: ErrorAnswer }): {
  readonly status: number
  readonly answer: CustodyErrorAnswer
} {
  const { code, message, next } = found.answer.error
  const answer = { error: message.slice(0, 1024), code, next, request_id: randomUUID() }
  return { status: statuses[code] ?? (found.status === 400 ? 422 : found.status), answer }
}
