/** Shapes of what a node tells about itself. Ids and hashes are plain text out here. */
import { z } from 'zod'
import { custodyPhases } from '../node/custody-api.ts'
import type {
  BanView,
  MemberView,
  NodeEvent,
  NodePhase,
  PeerView,
  RefusalView,
  StatusView,
} from '../node/handle.ts'

const count = z.number()
const phase = z.enum([
  'starting',
  'joining',
  'alone',
  'active',
  'refused',
  'removed',
  'stopping',
  'stopped',
])
const facts = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .readonly()

/** What anybody may know: no ids, no counts, no names. */
export const healthShape = z.object({
  ok: z.boolean(),
  phase,
  testnet: z.boolean(),
  tee: z.string(),
  /** Where the node stands with the quorum key. */
  custody: z.enum(custodyPhases),
})

export const readyShape = z.object({
  ok: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
})

const measurementShape = z.object({
  name: z.string(),
  validUntil: z.string().nullable(),
  members: count,
  share: z.number().min(0).max(1),
})

export const statusShape = z.object({
  node: z.string(),
  network: z.string(),
  networkName: z.string(),
  testnet: z.boolean(),
  tee: z.string(),
  phase,
  next: z.string(),
  version: z.string(),
  addresses: z.array(z.string()).readonly(),
  listening: z.array(z.string()).readonly(),
  manifest: z.object({ nonce: count, hash: z.string() }),
  measurements: z.array(measurementShape).readonly(),
  members: z.object({ active: count, live: count, known: count }),
  state: z.object({
    root: z.string(),
    entries: count,
    delivered: count,
    writesPerSecond: count,
    deliveriesPerSecond: count,
  }),
  keys: z.object({ traffic: count, storage: count, commit: count }),
  removals: z.object({ count, digest: z.string() }),
  quorumKey: z.object({
    phase: z.enum(custodyPhases),
    fingerprint: z.string().nullable(),
    namespace: z.object({ name: z.string(), nonce: count }).nullable(),
    shares: z.object({ have: count, need: count }).nullable(),
  }),
  lease: z.object({
    state: z.enum(['held', 'isolated']),
    until: z.string().nullable(),
    instances: count,
    citing: count,
  }),
  warnings: z.array(z.object({ code: z.string(), text: z.string() })).readonly(),
  uptimeSeconds: count,
})

const memberShape = z.object({
  node: z.string(),
  phase: z.enum(['joining', 'active']),
  state: z.enum(['new', 'alive', 'suspect', 'dead']),
  platform: z.string(),
  instance: z.string(),
  measurement: z.string(),
  owner: z.string().nullable(),
  verdictExpiresAt: z.string(),
  isFresh: z.boolean(),
  vouchedBy: z.array(z.string()).readonly(),
  cause: z.enum(['overdue', 'my-link', 'their-link', 'their-process']).nullable(),
  phi: z.number().nullable(),
  connected: z.boolean(),
  self: z.boolean(),
})
export const membersShape = z.object({ members: z.array(memberShape).readonly() })

const peerShape = z.object({
  node: z.string(),
  address: z.string(),
  direction: z.enum(['in', 'out']),
  verdict: z.string(),
  measurement: z.string(),
})
export const peersShape = z.object({ peers: z.array(peerShape).readonly() })

export const banShape = z.object({
  subject: z.string(),
  scope: z.enum(['identity', 'instance']),
  code: z.string(),
  reason: z.string(),
  count: z.int(),
  until: z.string(),
})
export const bansShape = z.object({ bans: z.array(banShape).readonly() })

const refusalShape = z.object({
  at: z.string(),
  by: z.enum(['me', 'them', 'link']),
  node: z.string().nullable(),
  address: z.string(),
  code: z.string(),
  facts,
  count: z.int(),
  next: z.string(),
})
export const refusalsShape = z.object({ refusals: z.array(refusalShape).readonly() })

export const eventShape = z.object({ at: z.string(), kind: z.string(), text: z.string(), facts })

/** Compiles only while the shapes say all that the node's views say, and no other phases and states. */
type Same<View, Shape> = View extends Shape
  ? keyof View extends keyof Shape
    ? true
    : 'a field of the view is missing in the shape'
  : 'a field differs'
const views: readonly [
  Same<StatusView, z.infer<typeof statusShape>>,
  Same<MemberView, z.infer<typeof memberShape>>,
  Same<PeerView, z.infer<typeof peerShape>>,
  Same<BanView, z.infer<typeof banShape>>,
  Same<RefusalView, z.infer<typeof refusalShape>>,
  Same<NodeEvent, z.infer<typeof eventShape>>,
  Same<{ phase: NodePhase }, { phase: z.infer<typeof phase> }>,
] = [true, true, true, true, true, true, true]
void views
