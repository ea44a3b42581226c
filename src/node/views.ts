/** Snapshots of a node for people and programs. Reads only. */
import { quorumKeyName } from '../attestation/custody/custody-manifest.ts'
import type { Refusal, TrustedVerdict } from '../attestation/verdict.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import type { NodeId } from '../base/ids.ts'
import { between, type Clock, type Duration, type Instant, type Timestamp } from '../base/time.ts'
import type { Net } from '../host/net/port.ts'
import type { CustodyView } from '../protocol/custody/custody.ts'
import type { Liveness } from '../protocol/liveness/liveness.ts'
import type { MemberFacts, MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import type { ToldRecovery } from '../wire/checkpoint.ts'
import type { QuorumKeyView } from './custody-api.ts'
import type { CacheTrouble } from './disk-cache.ts'
import type { MemberView, NodePhase, PeerView, RefusalView, StatusView } from './handle.ts'
import type { Identity } from './identity.ts'
import { isolatedWarning, leaseView } from './lease-view.ts'
import { manifestWarnings, notAdmitted } from './manifest-door.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { measurementViews } from './measurement-view.ts'
import type { Rate } from './rates.ts'
import { adviceOn } from './refusal-advice.ts'

/** What a snapshot is taken of. */
export interface Viewed {
  readonly clock: Clock
  readonly identity: Identity
  /** On this node itself, by the manifest in force. */
  readonly verdict: () => TrustedVerdict
  readonly manifests: ManifestKeeper
  readonly membership: MembershipQueries
  readonly liveness: Pick<Liveness, 'stateOf' | 'causeOf' | 'phi' | 'silence' | 'lease'>
  readonly replica: ReplicaQueries
  readonly net: () => Net
  readonly lastRoot: () => Uint8Array | undefined
  /** The latest refusal by another node that still stands. */
  readonly custody: () => CustodyView
  readonly turnedAway: () => RefusalView | undefined
  /** How far the host's clock is behind a time that is proved to have passed. */
  /** Why the manifest in force does not admit this node itself. */
  readonly ownRefusal: () => Refusal | undefined
  readonly clockBehind: () => Duration
  /** Why the evidence about this node's keys may not outlast what it is. */
  readonly evidenceTrouble: () => StatusView['warnings'][number] | undefined
  /** What came back from a disk when no member lived, under the manifest in force. */
  readonly recovered: () => ToldRecovery | null
  /** Why this node makes no checkpoints. */
  readonly checkpointTrouble: () => StatusView['warnings'][number] | undefined
  readonly cacheTrouble: () => CacheTrouble | undefined
  readonly auditTrouble: () => StatusView['warnings'][number] | undefined
  readonly writes: Rate
  readonly deliveries: Rate
  readonly startedAt: Instant
}

export function memberViews(viewed: Viewed): readonly MemberView[] {
  const now = viewed.clock.monotonic()
  const others = viewed.membership.members(now).map(member => memberView(viewed, member, now))
  return [selfView(viewed), ...others].sort((left, right) => (left.node < right.node ? -1 : 1))
}

export function peerViews(net: Net): readonly PeerView[] {
  return net.connections().map(connection => ({
    node: connection.node,
    address: connection.address,
    direction: connection.outbound ? ('out' as const) : ('in' as const),
    verdict: connection.verdict.testnet ? 'trusted (testnet)' : 'trusted',
    measurement: connection.verdict.measurement,
  }))
}

/** `phase` and `next` are the node's own word: it knows whether it starts or stops. */
export function statusView(
  viewed: Viewed,
  own: { readonly phase: NodePhase; readonly next: string; readonly version: string },
): StatusView {
  const now = viewed.clock.monotonic()
  const { manifest, mark } = viewed.manifests.current
  const views = memberViews(viewed)
  const { membership, replica } = viewed
  return {
    node: viewed.identity.node,
    network: viewed.manifests.network,
    networkName: manifest.founding.name,
    testnet: manifest.founding.testnet,
    tee: viewed.verdict().platform,
    ...own,
    next: nextStep(viewed) || own.next,
    addresses: viewed.net().addresses(),
    listening: viewed.net().listening(),
    manifest: mark,
    measurements: measurementViews(manifest.join.measurements, views),
    members: {
      active: views.filter(view => view.phase === 'active').length,
      live: views.filter(view => view.state === 'alive').length,
      known: views.length,
    },
    state: {
      root: toHex(viewed.lastRoot() ?? new Uint8Array(0)),
      entries: replica.entryCount,
      delivered: replica.deliveredCount,
      writesPerSecond: viewed.writes.perSecond(),
      deliveriesPerSecond: viewed.deliveries.perSecond(),
    },
    keys: membership.keyCounts(now),
    removals: { count: membership.removalCount, digest: membership.removalDigest },
    quorumKey: quorumKeyView(viewed.custody()),
    lease: leaseView(viewed),
    warnings: warnings(viewed),
    uptimeSeconds: Math.round(between(viewed.startedAt, now) / 1000),
  }
}

function quorumKeyView({ phase, quorumKey, namespace, shares }: CustodyView): QuorumKeyView {
  const key = quorumKey === null ? undefined : fromHex(quorumKey)
  return {
    ...{ phase, namespace },
    fingerprint: key === undefined ? null : quorumKeyName(key),
    shares: shares && { have: shares.have, need: shares.need },
  }
}

function memberView(viewed: Viewed, member: MemberFacts, now: Instant): MemberView {
  const { clock, liveness } = viewed
  return {
    node: member.node,
    phase: member.phase,
    state: liveness.stateOf(member.node) ?? 'new',
    ...attested(member.verdict),
    verdictExpiresAt: new Date(clock.wall() + between(now, member.expiresAt)).toISOString(),
    isFresh: member.isFresh,
    vouchedBy: member.rests?.by ?? [],
    cause: liveness.causeOf(member.node),
    phi: liveness.phi(member.node, now),
    connected: member.isConnected,
    self: false,
  }
}

function selfView(viewed: Viewed): MemberView {
  const { phase } = viewed.membership
  const node: NodeId = viewed.identity.node
  return {
    node,
    phase: phase === 'active' ? 'active' : 'joining',
    state: 'alive',
    ...attested(viewed.verdict()),
    verdictExpiresAt: new Date(ownEnd(viewed.verdict())).toISOString(),
    isFresh: true,
    vouchedBy: [],
    cause: null,
    phi: null,
    connected: true,
    self: true,
  }
}

/** A node does not ask itself for quotes: what it says of itself holds as long as its evidence. */
export function ownEnd(verdict: TrustedVerdict): Timestamp {
  return verdict.evidenceEndsAt ?? verdict.expiresAt
}

function attested(
  verdict: TrustedVerdict,
): Pick<MemberView, 'platform' | 'instance' | 'measurement' | 'owner'> {
  const { platform, instance, measurement, owner } = verdict
  return { platform, instance, measurement, owner }
}

function warnings(viewed: Viewed): StatusView['warnings'] {
  const held = viewed.replica.heldCount
  const refusal = turnedAway(viewed)
  const trouble = viewed.cacheTrouble()
  const unwritten = viewed.auditTrouble()
  const withheld = viewed.checkpointTrouble()
  const evidence = viewed.evidenceTrouble()
  const behind = Math.round(viewed.clockBehind() / 1000)
  const stampsAhead = {
    code: 'STAMPS_AHEAD',
    text: `${held} changes are stamped further ahead than the manifest allows and wait.`,
  }
  const clockBehind = {
    code: 'CLOCK_BEHIND',
    text: `The host's clock is ${behind} s behind a time that is proved to have passed: set it right.`,
  }
  return [
    ...notAdmitted(viewed.ownRefusal()),
    ...manifestWarnings(viewed.manifests),
    ...(held > 0 ? [stampsAhead] : []),
    ...(behind > 0 ? [clockBehind] : []),
    ...(evidence === undefined ? [] : [evidence]),
    ...isolatedWarning(viewed),
    ...recoveredWarning(viewed.recovered()),
    ...(withheld === undefined ? [] : [withheld]),
    ...(trouble === undefined ? [] : [trouble]),
    ...(unwritten === undefined ? [] : [unwritten]),
    ...(refusal === undefined ? [] : [turnedAwayWarning(refusal)]),
  ]
}

function recoveredWarning(told: ToldRecovery | null): StatusView['warnings'] {
  if (told === null) return []
  const when =
    told.cut === 0 ? 'at a time that nobody said' : `at ${new Date(told.cut).toISOString()}`
  const text = `All nodes were lost, and the state came back as it was ${when}, with the root ${told.root}. What was written later is missing. It is said until a newer manifest is in force.`
  return [{ code: 'RECOVERED', text }]
}

/** What a person can do about the worst of it; empty if nothing is wrong. */
function nextStep(viewed: Viewed): string {
  const refusal = viewed.ownRefusal()
  if (refusal !== undefined) return adviceOn(refusal.code)
  const trouble = viewed.evidenceTrouble() ?? viewed.checkpointTrouble()
  return turnedAway(viewed)?.next || (trouble === undefined ? '' : adviceOn(trouble.code))
}

/** A refusal by others that no redial will change, until the manifest or the machine does. */
function turnedAway(viewed: Viewed): RefusalView | undefined {
  return viewed.net().connections().length > 0 ? undefined : viewed.turnedAway()
}

function turnedAwayWarning(refusal: RefusalView): StatusView['warnings'][number] {
  const facts = Object.entries(refusal.facts).map(([name, value]) => `${name} ${value}`)
  const why = [refusal.code, ...facts].join(', ')
  return { code: 'TURNED_AWAY', text: `Members refuse this node: ${why}.` }
}
