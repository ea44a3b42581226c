/**
 * What the other rooms are told of each member: who is one, in which phase, and whose connection is open. The
 * membership room decides; here each piece of news is carried on, once, and in the order in which it holds.
 */
import { HostError } from '../base/errors.ts'
import type { Digest, NodeId } from '../base/ids.ts'
import { between, timestamp } from '../base/time.ts'
import type { MemberConnection } from '../host/net/port.ts'
import type { MemberFacts, MembershipQueries } from '../protocol/membership/types.ts'
import type { Evidence } from '../wire/evidence.ts'
import { admissionFacts } from './admission-facts.ts'
import type { LivenessDriver } from './drivers/liveness.ts'
import type { MembershipDriver } from './drivers/membership.ts'
import type { ReplicaDriver } from './drivers/replica.ts'
import type { Inbox } from './inbox.ts'
import { lossReasonOf } from './loss-reasons.ts'
import type { EngineParts } from './rooms.ts'
import { ownEnd } from './views.ts'

export interface MemberNewsPorts {
  readonly parts: Pick<
    EngineParts,
    'host' | 'identity' | 'verdict' | 'evidence' | 'ownRefusal' | 'manifests' | 'events' | 'counts'
  >
  readonly membership: MembershipQueries
  readonly inbox: Pick<Inbox, 'release'>
  readonly membershipDriver: () => MembershipDriver
  readonly livenessDriver: () => LivenessDriver
  readonly replicaDriver: () => ReplicaDriver
  /** Whether a sync may begin: the disk was read, and a key is there to seal it. */
  readonly maySync: () => boolean
}

export class MemberNews {
  readonly #ports: MemberNewsPorts
  /** The connection to each member, gate open or not. */
  readonly #connections = new Map<NodeId, MemberConnection>()
  /** Members whose gate is open and whom the replica was told of. */
  readonly #gated = new Set<NodeId>()
  /** What each member was last judged by. */
  readonly #judged = new Map<NodeId, { readonly evidence: Evidence; readonly policy: Digest }>()
  /** What the other rooms were last told of each member. */
  readonly #known = new Map<NodeId, MemberFacts>()

  constructor(ports: MemberNewsPorts) {
    this.#ports = ports
  }

  /** Once, first: this node is the first member that it believes, unless the manifest does not admit it. */
  started(): void {
    const { events, identity, verdict, evidence, manifests, ownRefusal } = this.#ports.parts
    if (ownRefusal() === undefined) {
      const own = { node: identity.node, verdict, evidence, until: ownEnd(verdict) }
      const facts = admissionFacts({ ...own, isVouched: false }, manifests.current)
      events.record('member-admitted', facts)
    }
    this.changed()
  }

  /** @throws {HostError} `DISCONNECTED` if it closed before its gate opened. */
  async connected(connection: MemberConnection): Promise<void> {
    const { node } = connection
    const { parts, membershipDriver, livenessDriver, replicaDriver, maySync } = this.#ports
    this.#connections.set(node, connection)
    await membershipDriver().connected(connection)
    // The step that opened the gate may have closed the connection as well.
    if (this.#connections.get(node) !== connection) {
      throw new HostError('DISCONNECTED', 'the connection closed')
    }
    const direction = connection.outbound ? 'out' : 'in'
    parts.events.note('connected', 'a member connected', { node, direction })
    this.#gated.add(node)
    livenessDriver().feed({ kind: 'connectionOpened', node })
    this.phase(node)
    if (maySync()) replicaDriver().feed({ kind: 'connected', node })
  }

  disconnected(node: NodeId, reason: string): void {
    const { parts, membershipDriver, livenessDriver, replicaDriver } = this.#ports
    parts.events.note('disconnected', 'a member disconnected', { node, reason })
    parts.counts.add('coterie_net_peer_disconnects_total', { reason: lossReasonOf(reason) })
    this.#connections.delete(node)
    this.#gated.delete(node)
    membershipDriver().disconnected(node)
    replicaDriver().feed({ kind: 'disconnected', node })
    livenessDriver().feed({ kind: 'connectionClosed', node, reconnect: 'pending' })
  }

  added(node: NodeId): void {
    const { parts, membership, inbox, livenessDriver } = this.#ports
    const facts = membership.member(node, parts.host.clock.monotonic())
    if (facts !== undefined) {
      this.#noteAdmission('member-admitted', facts)
      const { instance } = facts.verdict
      livenessDriver().feed({ kind: 'memberAdded', node, instance })
    }
    this.changed()
    inbox.release({ kind: 'author', node })
  }

  /** Answers what was known of it. */
  gone(node: NodeId): MemberFacts | undefined {
    const facts = this.#known.get(node)
    this.#known.delete(node)
    this.#judged.delete(node)
    this.#ports.livenessDriver().feed({ kind: 'memberGone', node })
    this.changed()
    return facts
  }

  /** A member that became active counts for acknowledgements and may write from now on. */
  phase(node: NodeId): void {
    const { parts, membership, inbox } = this.#ports
    const facts = membership.member(node, parts.host.clock.monotonic())
    if (facts === undefined) return
    this.#renewed(facts)
    if (this.#known.get(node)?.phase === facts.phase) return
    this.#known.set(node, facts)
    this.changed()
    inbox.release({ kind: 'author', node })
  }

  /** Who the members are, this node among them. */
  changed(): void {
    const { parts, membership, replicaDriver } = this.#ports
    const { identity, verdict, host } = parts
    const isActive = membership.phase === 'active'
    const self = {
      node: identity.node,
      instance: verdict.instance,
      phase: isActive ? ('active' as const) : ('joining' as const),
    }
    const others = membership
      .members(host.clock.monotonic())
      .map(({ node, verdict: { instance }, phase }) => ({ node, instance, phase }))
    replicaDriver().feed({ kind: 'membersChanged', members: [self, ...others] })
  }

  /** Newer evidence of a member, or another policy that it was judged by. */
  #renewed(facts: MemberFacts): void {
    const judged = this.#judged.get(facts.node)
    if (judged === undefined) return
    const { digest } = this.#ports.parts.manifests.current.policy
    if (judged.evidence === facts.evidence && judged.policy === digest) return
    this.#noteAdmission('member-renewed', facts)
  }

  #noteAdmission(kind: 'member-admitted' | 'member-renewed', facts: MemberFacts): void {
    const { node, verdict, evidence, expiresAt, rests } = facts
    const { events, manifests, host } = this.#ports.parts
    const { clock } = host
    const until = timestamp(clock.wall() + between(clock.monotonic(), expiresAt))
    const admitted = { node, verdict, evidence, until, isVouched: rests !== null }
    events.record(kind, admissionFacts(admitted, manifests.current))
    this.#judged.set(node, { evidence, policy: manifests.current.policy.digest })
  }

  /** Tells the replica again of all open members: what held a sync back is over. */
  startSyncs(): void {
    const { maySync, replicaDriver } = this.#ports
    if (!maySync()) return
    for (const node of this.#gated) replicaDriver().feed({ kind: 'connected', node })
  }

  /** Some member whose gate is open. */
  anyOpen(): NodeId | undefined {
    return this.#gated.values().next().value
  }
}
