/** What can be broken in a running testnet, as it is asked for over the control socket. */
import { z } from 'zod'
import { UsageError } from '../src/base/errors.ts'

const node = z.string().min(1).max(64)
const nodes = z.array(node).min(1).max(64)
/** A minute: longer than anything waits. */
const span = z.number().min(0).max(60_000)

export const faultRequestShape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kill'), nodes }),
  z.strictObject({ kind: z.literal('pause'), nodes }),
  z.strictObject({ kind: z.literal('resume'), nodes }),
  z.strictObject({ kind: z.literal('restart'), nodes }),
  z.strictObject({
    kind: z.literal('partition'),
    left: nodes,
    /** Everybody else if it is empty. */
    right: z.array(node).max(64),
    how: z.enum(['silent', 'reset', 'one-way']),
  }),
  z.strictObject({ kind: z.literal('heal') }),
  z.strictObject({ kind: z.literal('delay'), from: nodes, to: nodes, delay: span, jitter: span }),
  z.strictObject({
    kind: z.literal('loss'),
    from: nodes,
    to: nodes,
    rate: z.number().min(0).max(1),
    how: z.enum(['stall', 'reset']),
  }),
  z.strictObject({ kind: z.literal('clock'), nodes, offset: z.string().max(16) }),
  z.strictObject({ kind: z.literal('wrong-measurement') }),
  z.strictObject({ kind: z.literal('remove'), node }),
])

/** Nodes are named by number or name; `all` is every numbered one. */
export type FaultRequest = z.infer<typeof faultRequestShape>

/** @throws {UsageError} `BAD_FAULT`. */
export function parseFault(given: unknown): FaultRequest {
  const request = faultRequestShape.safeParse(given)
  if (request.success) return request.data
  const [issue] = request.error.issues
  throw new UsageError('BAD_FAULT', `${issue?.path.join('.')}: ${issue?.message}`, {
    next: 'See: coterie testnet fault --help.',
  })
}

/** A fault that is in force. */
export const activeFaultShape = z.object({
  kind: z.string(),
  /** What is broken. */
  text: z.string(),
  /** The command that ends it. */
  undo: z.string(),
})
export type ActiveFault = z.infer<typeof activeFaultShape>

export const faultAnswerShape = z.object({
  did: z.string(),
  watch: z.string(),
  undo: z.string(),
  active: z.array(activeFaultShape),
})
export type FaultAnswer = z.infer<typeof faultAnswerShape>
