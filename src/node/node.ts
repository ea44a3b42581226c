/** One running node, put together from its host, its configuration and the rooms. */
import { VerdictCache } from '../attestation/cache.ts'
import { mayFound } from '../attestation/manifest.ts'
import type { Rival } from '../attestation/manifest-lineage.ts'
import type { TrustedVerdict } from '../attestation/verdict.ts'
import { HostError, UsageError } from '../base/errors.ts'
import { digestOf, type NetworkId, type NodeId } from '../base/ids.ts'
import { type Instant, seconds, type Timestamp, timestamp } from '../base/time.ts'
import { version } from '../base/version.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Net } from '../host/net/port.ts'
import type { Host } from '../host/port.ts'
import type { MetricFamily } from '../host/telemetry/port.ts'
import { type Evidence, evidenceDigest, keyReportData } from '../wire/evidence.ts'
import { NodeAdmission } from './admission.ts'
import { BanList } from './ban-list.ts'
import type { NodeConfig } from './config.ts'
import { Counts } from './counts.ts'
import { Encounters } from './encounters.ts'
import { Engine } from './engine.ts'
import { EventLog } from './event-log.ts'
import type {
  AppliedManifest,
  BanView,
  CoterieNode,
  LeaveReport,
  LossView,
  MemberView,
  NodeEvent,
  NodePhase,
  PeerView,
  RefusalView,
  StateApi,
  StatusView,
} from './handle.ts'
import { type Identity, makeIdentity, wipeIdentity } from './identity.ts'
import { Leaving } from './leaving.ts'
import { applyManifest, noteRival } from './manifest-door.ts'
import { ManifestKeeper } from './manifest-keeper.ts'
import { nodeMetrics } from './metrics.ts'
import { OwnStanding } from './own-standing.ts'
import { type Own, ownRefusal, ownVerdict } from './own-verdict.ts'
import { Patience } from './patience.ts'
import { Rate } from './rates.ts'
import { NodeState } from './state-api.ts'
import { memberViews, peerViews, statusView, type Viewed } from './views.ts'
import { writeError } from './write-errors.ts'

/** All that a stop or a leave waits for together: whoever runs a process gives it ten seconds to end. */
const stopPatience = seconds(9)

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
  readonly opensToHost: boolean
  readonly #host: Host
  readonly #config: NodeConfig
  readonly #identity: Identity
  readonly #manifests: ManifestKeeper
  readonly #events: EventLog
  readonly #encounters: Encounters
  readonly #bans: BanList
  readonly #state: NodeState
  readonly #cache = new VerdictCache()
  readonly #counts = new Counts()
  readonly #stopping = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  readonly ended = this.#ended.promise
  #life: Life = 'new'
  #stopped: Promise<void> | undefined
  #left: Promise<LeaveReport> | undefined
  #engine: Engine | undefined
  #standing: OwnStanding | undefined
  #net: Net | undefined
  #leaving: Leaving | undefined
  #viewed: Viewed | undefined

  constructor(host: Host, config: NodeConfig) {
    this.#host = host
    this.#config = config
    this.#manifests = new ManifestKeeper(config.manifestEnvelope, {
      changed: () => this.#manifestChanged(),
      contradicted: rival => this.#manifestContradicted(rival),
    })
    this.#identity = makeIdentity(host.random)
    this.#events = new EventLog(host)
    this.#encounters = new Encounters({
      clock: host.clock,
      events: this.#events,
      counts: this.#counts,
      isMember: node => this.#running().membership.isMember(node, host.clock.monotonic()),
    })
    this.#bans = new BanList(host)
    this.id = this.#identity.node
    this.network = this.#manifests.network
    this.opensToHost = this.#manifests.current.manifest.founding.testnet
    const boot = digestOf(sha256(this.#identity.keys.identity)).slice(0, 16)
    const rooms = {
      driver: () => this.#running().replicaDriver,
      refusal: () => this.#standing?.refusal,
    }
    this.#state = new NodeState(rooms, { boot })
    this.state = this.#state
  }

  async start(): Promise<void> {
    if (this.#life !== 'new') throw new UsageError('STARTED_ALREADY', 'A node starts once.')
    this.#life = 'starting'
    try {
      await this.#open()
      this.#life = 'running'
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close(new Patience(this.#host, stopPatience))
    return this.#stopped
  }

  leave(): Promise<LeaveReport> {
    this.#left ??= this.#leave(new Patience(this.#host, stopPatience))
    return this.#left
  }

  members(): readonly MemberView[] {
    return memberViews(this.#seen())
  }

  peers(): readonly PeerView[] {
    return peerViews(this.#seen().net())
  }

  refusals(): readonly RefusalView[] {
    return this.#encounters.refusals.latest()
  }

  bans(): readonly BanView[] {
    return this.#bans.current()
  }

  losses(): LossView {
    return this.#encounters.losses.view()
  }

  unban(subject: string): boolean {
    const wasBanned = this.#bans.lift(subject)
    if (wasBanned) this.#events.note('unbanned', 'a ban was lifted by hand', { subject })
    return wasBanned
  }

  status(): StatusView {
    const next = this.#engine?.membership.next ?? ''
    return statusView(this.#seen(), { phase: this.#phase(), next, version })
  }

  metrics(): readonly MetricFamily[] {
    const [viewed, engine] = [this.#viewed, this.#engine]
    const counted = this.#counts.families()
    if (viewed === undefined || engine === undefined) return counted
    const measured = {
      agreement: engine.agreement,
      heldMessages: () => engine.inbox.heldCount,
      pendingWrites: () => engine.replicaDriver.pendingWriteCount,
      written: () => this.#state.written,
    }
    return [...counted, ...nodeMetrics(viewed, measured), ...viewed.net().metrics()]
  }

  remove(items: readonly Uint8Array[]): { readonly added: number } {
    return this.#running().takeRemovals(items)
  }

  applyManifest(file: Uint8Array): AppliedManifest {
    this.#running()
    return applyManifest(this.#manifests, file)
  }

  manifestFile(): Uint8Array {
    return this.#manifests.file()
  }

  events(signal: AbortSignal): AsyncIterable<NodeEvent> {
    return this.#events.follow(AbortSignal.any([signal, this.#stopping.signal]))
  }

  async #open(): Promise<void> {
    const { signal } = this.#stopping
    const evidence = await this.#quoteKeys(signal)
    // A stop may come while anything is awaited here; nothing may begin after it.
    signal.throwIfAborted()
    const admission = this.#admission(evidence)
    const own = { identity: this.#identity, evidence, manifests: this.#manifests }
    const { verdict, refusal } = ownVerdict(admission, own)
    if (refusal !== undefined) {
      const { code, facts } = refusal
      const text = 'the manifest does not admit this node: members will refuse it'
      this.#host.log.warn(text, { ...facts, code })
    }
    const standing = this.#watchStanding(admission, own)
    const engine = new Engine({
      host: this.#host,
      ownRefusal: () => standing.refusal,
      config: this.#config,
      identity: this.#identity,
      evidence,
      verdict,
      mayFound:
        refusal === undefined && mayFound(this.#manifests.current.manifest.founding, verdict),
      manifests: this.#manifests,
      admission,
      events: this.#events,
      counts: this.#counts,
      net: () => this.#opened(),
      bans: this.#bans,
      stateChanged: () => this.#state.changed(),
      memberDropped: ({ verdict, evidence }) => {
        this.#cache.instanceDropped(verdict.instance)
        this.#cache.evidenceDropped(evidenceDigest(evidence))
      },
    })
    this.#engine = engine
    this.#leaving = new Leaving({
      ...{ host: this.#host, identity: this.#identity, manifests: this.#manifests, engine },
      net: () => this.#opened(),
    })
    this.#net = await this.#host.openNet({
      admission,
      handlers: this.#encounters.around(this.#leaving.around(engine.handlers())),
      identitySeed: this.#identity.identitySeed,
      noiseSecret: this.#identity.noiseSecret,
    })
    // A stop that came meanwhile found no net to close.
    if (signal.aborted) await new Patience(this.#host, stopPatience).wait(this.#net.stop())
    signal.throwIfAborted()
    this.#viewed = this.#view({ engine, verdict, admission }, this.#host.clock.monotonic())
    await this.#net.start(signal)
    signal.throwIfAborted()
    this.#events.note('started', 'the node started', { node: this.id, network: this.network })
    engine.start()
    standing.start()
  }

  #watchStanding(admission: NodeAdmission, own: Own): OwnStanding {
    this.#standing = new OwnStanding({
      timers: this.#host.timers,
      events: this.#events,
      now: () => admission.now(),
      manifest: () => this.#manifests.current.manifest,
      refusal: () => ownRefusal(admission, own),
      windowPassed: () => this.#engine?.manifestChanged(),
    })
    return this.#standing
  }

  async #leave(patience: Patience): Promise<LeaveReport> {
    const isRunning = this.#life === 'running'
    const drained = isRunning ? ((await this.#leaving?.leave()) ?? true) : true
    if (isRunning) this.#events.note('leaving', 'the members know of the leave', { drained })
    this.#stopped ??= this.#close(patience)
    await this.#stopped
    return { drained }
  }

  async #close(patience: Patience): Promise<void> {
    const wasRunning = this.#life !== 'new'
    this.#life = 'stopping'
    this.#stopping.abort(new HostError('STOPPING', 'the node stops'))
    this.#state.stop()
    try {
      this.#standing?.stop()
      this.#engine?.stop()
      await patience.wait(this.#engine?.closeCache())
      // A peer that does not read must not hold a stop up.
      if (wasRunning) await patience.wait(this.#net?.stop())
    } finally {
      this.#engine?.wipe()
      wipeIdentity(this.#identity)
      this.#host.release?.()
      this.#life = 'stopped'
      this.#ended.resolve()
    }
  }

  #quoteKeys(signal: AbortSignal): Promise<Evidence> {
    const { attester } = this.#host
    const reportData = keyReportData(this.network, attester.platform, this.#identity.keys)
    return attester.quote(reportData, signal)
  }

  #admission(evidence: Evidence): NodeAdmission {
    return new NodeAdmission({
      identity: this.#identity,
      evidence,
      manifests: this.#manifests,
      cache: this.#cache,
      attester: this.#host.attester,
      bans: this.#bans,
      clock: this.#host.clock,
      counts: this.#counts,
      membership: () => this.#running().membership,
      authenticatedTime: () => this.#authenticatedTime(),
    })
  }

  #view(
    parts: {
      readonly engine: Engine
      readonly verdict: TrustedVerdict
      readonly admission: NodeAdmission
    },
    startedAt: Instant,
  ): Viewed {
    const { engine, verdict, admission } = parts
    const { clock } = this.#host
    const { replica, membership, liveness } = engine
    return {
      clock,
      identity: this.#identity,
      verdict,
      manifests: this.#manifests,
      membership,
      liveness,
      replica,
      net: () => this.#opened(),
      lastRoot: () => engine.lastRoot,
      turnedAway: () => this.#encounters.refusals.turnedAway(),
      ownRefusal: () => this.#standing?.refusal,
      clockBehind: () => admission.clockBehind(),
      cacheTrouble: () => engine.cacheTrouble,
      writes: new Rate({ clock, count: () => this.#state.written }),
      deliveries: new Rate({ clock, count: () => replica.deliveredCount }),
      startedAt,
    }
  }

  #manifestChanged(): void {
    const { mark } = this.#manifests.current
    this.#events.note('manifest', 'a newer manifest is in force', { ...mark })
    this.#cache.policyChanged(this.#manifests.current.policy.digest)
    this.#standing?.judge()
    this.#engine?.manifestChanged()
  }

  #manifestContradicted(rival: Rival): void {
    noteRival(this.#events, rival)
    this.#engine?.manifestChanged()
  }

  /** The group's clock once it is known: a host that sets its own back does not revive what expired. */
  #authenticatedTime(): Timestamp {
    const now = this.#host.clock.monotonic()
    return timestamp(this.#engine?.replica.groupClock(now) ?? 0)
  }

  #phase(): NodePhase {
    if (this.#life === 'new') return 'starting'
    if (this.#life !== 'running') return this.#life
    const { phase } = this.#running().membership
    return phase === 'active' && this.#encounters.standing.isRefused ? 'refused' : phase
  }

  #running(): Engine {
    if (this.#life === 'stopped') throw writeError('STOPPING')
    if (this.#engine === undefined) throw notRunning()
    return this.#engine
  }

  #opened(): Net {
    if (this.#net === undefined) throw notRunning()
    return this.#net
  }

  #seen(): Viewed {
    if (this.#viewed === undefined) throw notRunning()
    return this.#viewed
  }
}

function notRunning(): UsageError {
  return new UsageError('NOT_RUNNING', 'The node is not running.', {
    next: 'Call start and await it first.',
  })
}
