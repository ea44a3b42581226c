/** How the routes of custody say no: as the tools that went before read it, with the next step beside. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ErrorAnswer } from './errors.ts'

/** What is written; readers take what the tools that went before write, too. */
export const custodyErrorAnswerShape = z.object({
  error: z.string().max(1024).describe('One sentence for people.'),
  code: z.string().describe('Stable.'),
  next: z.string().describe('What to do; empty if there is nothing.'),
  request_id: z.uuid(),
})
type CustodyErrorAnswer = z.output<typeof custodyErrorAnswerShape>

/** Of refusals that are about time or place; what a caller brought and is wrong is 422. */
export const custodyStatuses: Readonly<Record<string, number>> = {
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
  return { status: custodyStatusOf(code, found.status), answer }
}

/** The status of a code here; `status` is the one that it has elsewhere. */
export function custodyStatusOf(code: string, status: number): number {
  return custodyStatuses[code] ?? (status === 400 ? 422 : status)
}
