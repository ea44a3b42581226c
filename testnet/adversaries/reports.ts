/** What the adversaries of a check write down: shapes alone, so that a check need not load what they use. */
import { z } from 'zod'

/** What a stranger learns of a node: its public keys and its key evidence, as hexadecimal text. */
export const shownShape = z.object({
  keys: z.object({ identity: z.string(), noise: z.string(), kem: z.string() }),
  platform: z.string(),
  body: z.string(),
})
export type Shown = z.infer<typeof shownShape>

/**
 * What it pretends. `none`: nothing, the control that shows the program itself to be good enough.
 * `own-old`: evidence that its machine made for the keys of an earlier boot. `foreign-evidence`: evidence of
 * another node beside its own keys. `foreign-keys`: keys and evidence of another node over its own channel.
 * `other-channel`: its own keys and evidence, but the proof of possession that it made for another channel.
 */
export const disguises = [
  'none',
  'own-old',
  'foreign-evidence',
  'foreign-keys',
  'other-channel',
] as const
export type Disguise = (typeof disguises)[number]

export const impostorReportShape = z.object({
  node: z.string(),
  connected: z.array(z.string()),
  refusals: z.array(
    z.object({ by: z.enum(['me', 'them', 'link']), code: z.string(), node: z.string().nullable() }),
  ),
})
export type ImpostorReport = z.infer<typeof impostorReportShape>

export const strangerReportShape = z.object({
  id: z.string(),
  shown: shownShape,
  measurement: z.string(),
  findings: z
    .object({
      opened: z.array(z.string()),
      heard: z.number(),
      gossipPeers: z.number(),
      peersTold: z.number(),
    })
    .nullable(),
})

export const judgeReportShape = z.object({
  /** `trusted`, or the code of the refusal. */
  byTestnet: z.string(),
  byProduction: z.string(),
  /** Codes with which production manifests that want to admit simulated evidence are refused. */
  simulatedMeasurement: z.string(),
  foreignAnchor: z.string(),
})

/** Where the copies are, in the data directory: one line of topic and hexadecimal bytes each. */
export const recordName = 'gossip.txt'
