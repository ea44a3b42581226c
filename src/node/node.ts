/** One running node, put together from its host, its configuration and the rooms. */
import { HostError, UsageError } from '../base/errors.ts'
import { digestOf, type NetworkId, type NodeId } from '../base/ids.ts'
import { version } from '../base/version.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Host } from '../host/port.ts'
import type { MetricFamily } from '../host/telemetry/port.ts'
import { Assembly, type NodeParts } from './assembly.ts'
import type { AuditApi } from './audit-api.ts'
import { AuditRecord } from './audit-record.ts'
import { BanList } from './ban-list.ts'
import type { ChannelApi } from './channel-api.ts'
import type { NodeConfig } from './config.ts'
import { Counts } from './counts.ts'
import type { CustodyApi } from './custody-api.ts'
import { Encounters } from './encounters.ts'
import type { Engine } from './engine.ts'
import { EventLog } from './event-log.ts'
import type {
  AppliedManifest,
  BanView,
  CoterieNode,
  LeaveReport,
  LightApi,
  LossView,
  MemberView,
  NodeEvent,
  NodePhase,
  PeerView,
  RefusalView,
  StateApi,
  StatusView,
  VitalsView,
} from './handle.ts'
import { makeIdentity, wipeIdentity } from './identity.ts'
import { applyManifest } from './manifest-door.ts'
import { ManifestKeeper } from './manifest-keeper.ts'
import { Patience, stopPatience } from './patience.ts'
import type { GroupSignature, SigningApi, SignRequest } from './signing-api.ts'
import { NodeState } from './state-api.ts'
import { memberViews, peerViews, statusView } from './views.ts'
import { Spans } from './vitals.ts'
import { writeError } from './write-errors.ts'

/**
 * A node over this host. Nothing runs and no key is used before `start`.
 *
 * @throws {UsageError} if the manifest of the configuration does not hold.
 */
export function createNode(host: Host, config: NodeConfig): CoterieNode {
  return new Node(host, config)
}

type Life = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

class Node implements CoterieNode {
  readonly id: NodeId
  readonly network: NetworkId
  readonly state: StateApi
  readonly audit: AuditApi
  readonly opensToHost: boolean
  readonly #parts: NodeParts
  readonly #assembly: Assembly
  readonly #stopping = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  readonly ended = this.#ended.promise
  #life: Life = 'new'
  #stopped: Promise<void> | undefined
  #left: Promise<LeaveReport> | undefined

  constructor(host: Host, config: NodeConfig) {
    const manifests = new ManifestKeeper(config.manifestEnvelope, {
      changed: () => this.#assembly.manifestChanged(),
      contradicted: rival => this.#assembly.manifestContradicted(rival),
    })
    const identity = makeIdentity(host.random)
    const audit = new AuditRecord({
      ...{ host, identity, network: manifests.network },
      groupClock: () => this.#assembly.groupClock(),
    })
    const { clock, log } = host
    const events = new EventLog({ clock, log, heard: (kind, facts) => audit.note(kind, facts) })
    const [counts, bans] = [new Counts(), new BanList(host)]
    const spans = new Spans()
    const isMember = (node: NodeId): boolean =>
      this.#running().membership.isMember(node, clock.monotonic())
    const encounters = new Encounters({ clock, events, counts, isMember })
    const boot = digestOf(sha256(identity.keys.identity)).slice(0, 16)
    const rooms = {
      driver: () => this.#running().replicaDriver,
      refusal: () => this.#assembly.refusal,
      clock,
      spans: spans.writes,
    }
    const state = new NodeState(rooms, { boot })
    const kept = { manifests, audit, events, encounters, bans, counts, spans, state }
    this.#parts = { host, config, identity, ...kept }
    this.#assembly = new Assembly(this.#parts)
    this.id = identity.node
    this.network = manifests.network
    this.opensToHost = manifests.current.manifest.founding.testnet
    this.state = state
    this.audit = audit
  }

  async start(): Promise<void> {
    if (this.#life !== 'new') throw new UsageError('STARTED_ALREADY', 'A node starts once.')
    this.#life = 'starting'
    try {
      await this.#assembly.open(this.#stopping.signal)
      this.#life = 'running'
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close(new Patience(this.#parts.host, stopPatience))
    return this.#stopped
  }

  leave(): Promise<LeaveReport> {
    this.#left ??= this.#leave(new Patience(this.#parts.host, stopPatience))
    return this.#left
  }

  get light(): LightApi {
    this.#running()
    return this.#assembly.light
  }

  get channel(): ChannelApi {
    this.#running()
    return this.#assembly.channel
  }

  get custody(): CustodyApi {
    return this.#running().custody
  }

  get signing(): SigningApi {
    return this.#running().signing
  }

  sign(request: SignRequest): Promise<GroupSignature> {
    return this.signing.sign(request)
  }

  members(): readonly MemberView[] {
    return memberViews(this.#assembly.viewed)
  }

  peers(): readonly PeerView[] {
    return peerViews(this.#assembly.viewed.net())
  }

  refusals(): readonly RefusalView[] {
    return this.#parts.encounters.refusals.latest()
  }

  bans(): readonly BanView[] {
    return this.#parts.bans.current()
  }

  losses(): LossView {
    return this.#parts.encounters.losses.view()
  }

  ban(subject: string, how: { readonly seconds: number; readonly reason: string }): BanView {
    return this.#assembly.ban(subject, how)
  }

  unban(subject: string): boolean {
    const wasBanned = this.#parts.bans.lift(subject)
    if (wasBanned) this.#parts.events.note('unbanned', 'a ban was lifted by hand', { subject })
    return wasBanned
  }

  status(): StatusView {
    const { viewed } = this.#assembly
    const { next } = viewed.membership
    return statusView(viewed, { phase: this.#phase(), next, version })
  }

  vitals(): VitalsView {
    return this.#assembly.vitals()
  }

  metrics(): readonly MetricFamily[] {
    return this.#assembly.metrics()
  }

  remove(items: readonly Uint8Array[]): { readonly added: number } {
    return this.#running().takeRemovals(items)
  }

  applyManifest(file: Uint8Array): AppliedManifest {
    this.#running()
    return applyManifest(this.#parts.manifests, file)
  }

  manifestFile(): Uint8Array {
    return this.#parts.manifests.file()
  }

  events(signal: AbortSignal): AsyncIterable<NodeEvent> {
    return this.#parts.events.follow(AbortSignal.any([signal, this.#stopping.signal]))
  }

  async #leave(patience: Patience): Promise<LeaveReport> {
    const isRunning = this.#life === 'running'
    const drained = isRunning ? await this.#assembly.leave() : true
    if (isRunning) this.#parts.events.note('leaving', 'the members know of the leave', { drained })
    this.#stopped ??= this.#close(patience)
    await this.#stopped
    return { drained }
  }

  async #close(patience: Patience): Promise<void> {
    this.#life = 'stopping'
    this.#stopping.abort(new HostError('STOPPING', 'the node stops'))
    const { host, identity, audit, state } = this.#parts
    try {
      state.stop()
      await this.#assembly.close(patience)
    } finally {
      // Whatever fails on the way, no key stays, and who waits for the end hears of it.
      try {
        this.#assembly.wipe()
        audit.stop()
      } finally {
        wipeIdentity(identity)
        try {
          host.release?.()
        } finally {
          this.#life = 'stopped'
          this.#ended.resolve()
        }
      }
    }
  }

  #phase(): NodePhase {
    if (this.#life === 'new') return 'starting'
    if (this.#life !== 'running') return this.#life
    const { phase } = this.#running().membership
    return phase === 'active' && this.#parts.encounters.standing.isRefused ? 'refused' : phase
  }

  #running(): Engine {
    if (this.#life === 'stopped') throw writeError('STOPPING')
    return this.#assembly.engine
  }
}
