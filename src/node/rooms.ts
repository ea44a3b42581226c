/** What a node is made of, and its machines made from that. */
import { verdictOfFinding } from '../attestation/delegated.ts'
import type { Refusal, TrustedVerdict } from '../attestation/verdict.ts'
import type { NodeId } from '../base/ids.ts'
import { milliseconds, timestamp } from '../base/time.ts'
import type { AskProtocol, Net, NetHandlers } from '../host/net/port.ts'
import type { Host } from '../host/port.ts'
import type { BeatSource } from '../protocol/liveness/input.ts'
import { Liveness } from '../protocol/liveness/liveness.ts'
import { Membership } from '../protocol/membership/membership.ts'
import type { MemberFacts, MembershipInput } from '../protocol/membership/types.ts'
import { createReplica, type Replica } from '../protocol/replica/replica.ts'
import type { ReplicaInput } from '../protocol/replica/types.ts'
import type { Evidence } from '../wire/evidence.ts'
import type { NodeAdmission } from './admission.ts'
import type { BanList } from './ban-list.ts'
import { type CheckpointPorts, Checkpoints } from './checkpoints.ts'
import type { CommitSalts } from './commit-salts.ts'
import type { NodeConfig } from './config.ts'
import type { Counts } from './counts.ts'
import { DiskCache, type DiskCacheParts } from './disk-cache.ts'
import type { EventLog } from './event-log.ts'
import { livePace, paceOf } from './governed.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

export interface EngineParts {
  readonly host: Host
  readonly config: NodeConfig
  readonly identity: Identity
  readonly evidence: Evidence
  readonly verdict: TrustedVerdict
  /** Whether this machine may found the network at all. */
  readonly mayFound: boolean
  readonly manifests: ManifestKeeper
  readonly admission: NodeAdmission
  readonly events: EventLog
  readonly counts: Counts
  readonly net: () => Net
  /** Why the manifest in force does not admit this node itself; `undefined` if it does. */
  readonly ownRefusal: () => Refusal | undefined
  /** Who runs the machine of this node, by the manifest in force. */
  readonly owner: () => string | null
  /** Watchers of the state may read on. */
  readonly stateChanged: () => void
  /** What was remembered about this member's evidence no longer counts. */
  readonly memberDropped: (member: MemberFacts) => void
  readonly bans: BanList
  /** Answers a member that asks for a vendor's document. @throws {CoterieError} if this node hands out none. */
  readonly endorsement: (request: Uint8Array, from: NodeId) => Uint8Array
}

/** What the engine answers of all that the net tells: leaves and light clients are not its business. */
export type EngineHandlers = Omit<
  NetHandlers,
  'connectionRefused' | 'dialFailed' | 'asked' | 'lightAsked'
> & {
  asked(
    protocol: Exclude<AskProtocol, 'leave'>,
    request: Uint8Array,
    from: NodeId,
    signal: AbortSignal,
  ): Promise<Uint8Array>
}

export function openMembership(parts: EngineParts): Membership {
  const { host, config, identity, evidence, verdict, manifests, admission, mayFound } = parts
  return new Membership(
    {
      sign: message => identity.signing.sign(message),
      decapsulate: ciphertext => identity.kem.decapsulate(ciphertext),
      appraise: (keys, theirs) => admission.appraiseEvidence(keys, theirs),
      judgeFinding: finding => verdictOfFinding(manifests.current.policy, finding),
      rerun: (keys, theirs, basis) => admission.rerun(keys, theirs, basis),
      attestor: admission,
      manifestSteps: (hash, above) => manifests.stepsTo(hash, above),
      wall: () => admission.now(),
      random: host.random,
    },
    {
      network: manifests.network,
      self: { node: identity.node, keys: identity.keys, evidence, verdict },
      manifest: manifests.membershipFacts(admission.now()),
      isFounder: config.found,
      mayFound,
      foundWait: config.foundWait,
    },
  )
}

export function openLiveness(parts: EngineParts, source: BeatSource): Liveness {
  const { host, identity, manifests, verdict } = parts
  const { interval, ...rules } = paceOf(manifests.current.manifest)
  return new Liveness(
    { source, random: host.random, sign: message => identity.signing.sign(message) },
    {
      self: identity.node,
      instance: verdict.instance,
      network: manifests.network,
      interval,
      startsAt: host.clock.monotonic(),
      rules,
    },
  )
}

/** The only look at a wall clock that sets the group's time: a founder's, once. */
export function foundingTime({
  host,
  manifests,
}: EngineParts): Extract<ReplicaInput, { kind: 'founded' }> {
  const { measurements } = manifests.current.manifest.join
  const validFrom = measurements.map(({ validFrom }) => Date.parse(validFrom))
  const wall = host.clock.wall()
  const past = validFrom.filter(time => time <= wall)
  return { kind: 'founded', wall, notBefore: timestamp(Math.max(0, ...past)) }
}

export function openReplica(parts: EngineParts, salts: CommitSalts): Replica {
  const { host, config, identity, manifests } = parts
  const { manifest } = manifests.current
  return createReplica(
    {
      random: host.random,
      sign: message => identity.signing.sign(message),
      commitSalt: (id, data) => salts.salt(id, data),
    },
    {
      self: identity.node,
      network: manifests.network,
      rules: manifests.stateRules(),
      maxDrift: milliseconds(manifest.liveness.maxDriftMs),
      ackTimeout: config.ackTimeout,
      readyTimeout: config.readyTimeout,
      syncInterval: config.syncInterval,
      waitingWritesMax: config.writeQueueMax,
      watchEventsMax: config.watchEventsMax,
    },
  )
}

/** This node's chain of checkpoints; members that break theirs are faulted, or removed. */
export function openCheckpoints(
  { identity, manifests, verdict, events }: EngineParts,
  others: Pick<CheckpointPorts, 'membership' | 'replica' | 'faulted'> & {
    readonly toMembership: (input: MembershipInput) => void
  },
): Checkpoints {
  const { toMembership, ...ports } = others
  return new Checkpoints({
    ...ports,
    ...{ identity, manifests, pace: livePace(manifests), instance: () => verdict.instance },
    contradicted: (author, first, second) => {
      const text = 'a member signed two checkpoints of one number'
      events.note('equivocation', text, { node: author })
      toMembership({ kind: 'contradicted', of: 'checkpoints', author, first, second })
    },
  })
}

/** The cache on the host's disk, if the host keeps one. */
export function openCache(
  parts: EngineParts,
  users: Pick<DiskCacheParts, 'keys' | 'replica' | 'record' | 'restore' | 'loaded'>,
): DiskCache | null {
  const { host, manifests, events } = parts
  if (host.openCache === null) return null
  return new DiskCache({ host, events, network: manifests.network, open: host.openCache, ...users })
}
