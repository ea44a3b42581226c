/** The shape of one look at a node: all that a person who watches it sees at one moment. */
import { z } from 'zod'
import type { VitalsView } from '../node/handle.ts'
import { eventShape, membersShape, refusalsShape, statusShape } from './views.ts'

const histogramShape = z.object({
  boundsMs: z.array(z.number()).readonly(),
  counts: z.array(z.int()).readonly(),
})

const vitalsShape = z.object({
  uptimeMs: z.number(),
  members: z
    .array(
      z.object({
        node: z.string(),
        beatAgesMs: z.array(z.number()).readonly(),
        root: z.string().nullable(),
        apartMs: z.number(),
      }),
    )
    .readonly(),
  writes: histogramShape,
  appraisals: histogramShape,
  trafficKey: z.string().nullable(),
})

/** Counts, ids, digests and codes: no key and no value of the state. */
export const lookShape = z.object({
  /** ISO 8601, by the host's clock. */
  at: z.string(),
  status: statusShape,
  members: membersShape.shape.members,
  vitals: vitalsShape,
  /** Newest first; `null` if they are as in the look before. */
  refusals: refusalsShape.shape.refusals.nullable(),
  /** The latest, newest last; `null` if they are as in the look before. */
  events: z.array(eventShape).nullable(),
  /** Where a page asks for the faults of a testnet; `null` on every other network. */
  desk: z.string().nullable(),
})
export type Look = z.infer<typeof lookShape>

/** Compiles only while the shape says all that the view says. */
const isWhole: keyof VitalsView extends keyof z.infer<typeof vitalsShape> ? true : never = true
void isWhole
