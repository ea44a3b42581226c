/** What a node tells of itself as metrics, read at the moment of asking from what the machines answer. */
import { between, type Instant } from '../base/time.ts'
import { version } from '../base/version.ts'
import type { MetricFamily, MetricSample } from '../host/telemetry/port.ts'
import type { Agreement } from './agreement.ts'
import { isolatedWarning } from './lease-view.ts'
import { measurementViews } from './measurement-view.ts'
import { memberViews, ownEnd, type Viewed } from './views.ts'

/** What the metrics are read from besides the views. */
export interface Measured {
  readonly agreement: Agreement
  /** Beats, batches and others that wait for a key or a member. */
  readonly heldMessages: () => number
  readonly pendingWrites: () => number
  readonly written: () => number
}

interface Gauge {
  readonly kind?: 'counter'
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: (viewed: Viewed, measured: Measured, now: Instant) => number | MetricSample[]
}

const byLabel =
  (label: string) =>
  (counts: Readonly<Record<string, number>>): MetricSample[] =>
    Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }))

const gauges = {
  coterie_node_info: {
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'tee', 'testnet'],
    read: ({ verdict, manifests }) => {
      const testnet = String(manifests.current.manifest.founding.testnet)
      return [{ labels: { version, tee: verdict().platform, testnet }, value: 1 }]
    },
  },
  coterie_node_uptime_seconds: {
    help: 'Since the node started.',
    read: ({ startedAt }, _, now) => between(startedAt, now) / 1000,
  },
  coterie_node_writes_total: {
    kind: 'counter',
    help: 'Writes of this node that were acknowledged.',
    read: (_, { written }) => written(),
  },
  coterie_node_queue_depth: {
    help: 'What waits: writes for their acknowledgement, messages for a key or a member.',
    labels: ['queue'],
    read: (_, { pendingWrites, heldMessages }) =>
      byLabel('queue')({ writes: pendingWrites(), 'held-messages': heldMessages() }),
  },
  coterie_attestation_evidence_expires_seconds: {
    help: 'Until the own evidence no longer counts; negative once it does not.',
    read: ({ verdict, clock }) => (ownEnd(verdict()) - clock.wall()) / 1000,
  },
  coterie_host_clock_behind_seconds: {
    help: "How far the host's clock is behind a time that is proved to have passed.",
    read: ({ clockBehind }) => clockBehind() / 1000,
  },
  coterie_membership_active: {
    help: '1 while this node is active.',
    read: ({ membership }) => Number(membership.phase === 'active'),
  },
  coterie_membership_members: {
    help: 'Members by phase, this node included.',
    labels: ['phase'],
    read: viewed => {
      const phases = memberViews(viewed).map(({ phase }) => phase)
      const count = (name: string): number => phases.filter(phase => phase === name).length
      return byLabel('phase')({ active: count('active'), joining: count('joining') })
    },
  },
  coterie_membership_vouched_members: {
    help: 'Members that this node did not appraise itself: it goes by delegated results.',
    read: ({ membership }, _, now) =>
      membership.members(now).filter(({ rests }) => rests !== null).length,
  },
  coterie_membership_measurement_members: {
    help: 'Members that are not dead by the software that they run, this node included.',
    labels: ['measurement'],
    read: viewed => {
      const { measurements } = viewed.manifests.current.manifest.join
      const counts = measurementViews(measurements, memberViews(viewed))
      return byLabel('measurement')(
        Object.fromEntries(counts.map(({ name, members }) => [name, members])),
      )
    },
  },
  coterie_membership_manifest_nonce: {
    help: 'The nonce of the manifest in force: the same everywhere once a change has spread.',
    read: ({ manifests }) => manifests.current.mark.nonce,
  },
  coterie_membership_manifest_alarm: {
    help: '1 while two approved manifests of one nonce are known: nobody is admitted until the next.',
    read: ({ manifests }) => Number(manifests.isContradicted),
  },
  coterie_membership_keys: {
    help: 'Epoch keys held, by kind.',
    labels: ['kind'],
    read: ({ membership }, _, now) => byLabel('kind')(membership.keyCounts(now)),
  },
  coterie_membership_removals: {
    help: 'Items of the removal set.',
    read: ({ membership }) => membership.removalCount,
  },
  coterie_membership_turned_away: {
    help: '1 while others refuse this node and it has no connection.',
    read: ({ turnedAway, net }) =>
      Number(net().connections().length === 0 && turnedAway() !== undefined),
  },
  coterie_liveness_members: {
    help: 'Other members by the word of the failure detector.',
    labels: ['state'],
    read: ({ membership, liveness }, _, now) => {
      const counts = { new: 0, alive: 0, suspect: 0, dead: 0 }
      for (const { node } of membership.members(now)) counts[liveness.stateOf(node) ?? 'new']++
      return byLabel('state')(counts)
    },
  },
  coterie_liveness_heartbeat_age_seconds: {
    help: 'The oldest last accepted beat among members that are not dead; 0 with nobody.',
    read: ({ membership, liveness }, _, now) => {
      const living = membership
        .members(now)
        .filter(({ node }) => liveness.stateOf(node) !== 'dead')
        .map(({ node }) => liveness.silence(node, now) ?? 0)
      return Math.max(0, ...living) / 1000
    },
  },
  coterie_liveness_lease_seconds: {
    help: 'Until the policy lease ends unless members hear this node again; 0 without it, its whole span while no other machine is needed.',
    read: ({ liveness, manifests }, _, now) => {
      const { kind, until } = liveness.lease(now)
      if (kind === 'isolated') return 0
      if (until === null) return manifests.current.manifest.liveness.leaseMs / 1000
      return between(now, until) / 1000
    },
  },
  coterie_liveness_isolated: {
    help: '1 while an active node lacks the policy lease, and releases no key.',
    read: viewed => Number(isolatedWarning(viewed).length > 0),
  },
  coterie_liveness_lease_instances: {
    help: 'Platform instances of the roster, this one included: those that heard this node lately, and all.',
    labels: ['heard'],
    read: ({ liveness }, _, now) => {
      const { citing, instances } = liveness.lease(now)
      return byLabel('heard')({ lately: citing, all: instances })
    },
  },
  coterie_replica_entries: {
    help: 'Keys that hold something.',
    read: ({ replica }) => replica.entryCount,
  },
  coterie_replica_entries_held: {
    help: 'Changes stamped further ahead than the manifest allows, which wait.',
    read: ({ replica }) => replica.heldCount,
  },
  coterie_replica_deliveries_total: {
    kind: 'counter',
    help: 'Changes of other members merged here.',
    read: ({ replica }) => replica.deliveredCount,
  },
  coterie_replica_state_divergence_seconds: {
    help: 'The longest time since a member and this node last had one root.',
    read: (_, { agreement }, now) => agreement.longest(now) / 1000,
  },
} as const satisfies Readonly<Record<string, Gauge>>

/** The metrics of a node that has started. */
export function nodeMetrics(viewed: Viewed, measured: Measured): readonly MetricFamily[] {
  const now = viewed.clock.monotonic()
  return Object.entries<Gauge>(gauges).map(([name, { kind, help, labels = [], read }]) => {
    const found = read(viewed, measured, now)
    const samples = typeof found === 'number' ? [{ labels: {}, value: found }] : found
    return { name, kind: kind ?? 'gauge', help, labels, samples }
  })
}
