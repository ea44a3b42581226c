/**
 * The rooms of one node, put together when it starts and taken apart when it stops. A start may be stopped at any
 * point of its way, so each part is kept as soon as it is made.
 */
import { VerdictCache } from '../attestation/cache.ts'
import { mayFound } from '../attestation/manifest.ts'
import type { Rival } from '../attestation/manifest-lineage.ts'
import type { Refusal } from '../attestation/verdict.ts'
import { HostError, UsageError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { type Instant, milliseconds, seconds, type Timestamp, timestamp } from '../base/time.ts'
import type { Net } from '../host/net/port.ts'
import type { Host } from '../host/port.ts'
import type { MetricFamily } from '../host/telemetry/port.ts'
import { type Evidence, evidenceDigest, keyReportData } from '../wire/evidence.ts'
import { NodeAdmission } from './admission.ts'
import type { AuditRecord } from './audit-record.ts'
import type { BanList } from './ban-list.ts'
import { ChannelDoor } from './channel-door.ts'
import type { NodeConfig } from './config.ts'
import type { Counts } from './counts.ts'
import type { Encounters } from './encounters.ts'
import { Endorsed } from './endorsed.ts'
import { EndorsementPulls } from './endorsement-pulls.ts'
import { Engine } from './engine.ts'
import type { EventLog } from './event-log.ts'
import type { BanView, VitalsView } from './handle.ts'
import type { Identity } from './identity.ts'
import { KeyEvidence } from './key-evidence.ts'
import { Leaving } from './leaving.ts'
import { LightDoor } from './light-door.ts'
import { noteRival } from './manifest-door.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { nodeMetrics } from './metrics.ts'
import { OwnStanding } from './own-standing.ts'
import { type Own, ownVerdict } from './own-verdict.ts'
import { Patience, stopPatience } from './patience.ts'
import { Rate } from './rates.ts'
import type { NodeState } from './state-api.ts'
import type { Viewed } from './views.ts'
import { type Spans, vitalsView } from './vitals.ts'

/** A vendor's service that answers at all does so within half a minute. */
const founderLooksEvery = milliseconds(250)
const founderLooksMax = 120

/** What a node has before it starts. */
export interface NodeParts {
  readonly host: Host
  readonly config: NodeConfig
  readonly identity: Identity
  readonly manifests: ManifestKeeper
  readonly audit: AuditRecord
  readonly events: EventLog
  readonly encounters: Encounters
  readonly bans: BanList
  readonly counts: Counts
  readonly spans: Spans
  readonly state: NodeState
}

export class Assembly {
  readonly #parts: NodeParts
  readonly #cache = new VerdictCache()
  #engine: Engine | undefined
  #standing: OwnStanding | undefined
  #keyEvidence: KeyEvidence | undefined
  #endArrivals: (() => void) | undefined
  #pulls: EndorsementPulls | undefined
  #net: Net | undefined
  #leaving: Leaving | undefined
  #viewed: Viewed | undefined
  #light: LightDoor | undefined
  #channel: ChannelDoor | undefined

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /** @throws {UsageError} `NOT_RUNNING` before the machines exist. */
  get engine(): Engine {
    if (this.#engine === undefined) throw notRunning()
    return this.#engine
  }

  /** What snapshots are taken of. @throws {UsageError} `NOT_RUNNING` before the network is open. */
  get viewed(): Viewed {
    if (this.#viewed === undefined) throw notRunning()
    return this.#viewed
  }

  /** What light clients are told. @throws {UsageError} `NOT_RUNNING` before the machines exist. */
  get light(): LightDoor {
    if (this.#light === undefined) throw notRunning()
    return this.#light
  }

  /** Sealed calls. @throws {UsageError} `NOT_RUNNING` before the machines exist. */
  get channel(): ChannelDoor {
    if (this.#channel === undefined) throw notRunning()
    return this.#channel
  }

  /** Why the manifest in force does not admit this node; `undefined` if it does. */
  get refusal(): Refusal | undefined {
    return this.#standing?.refusal
  }

  /** Makes everything and starts it. After a failure, what exists already is for `close`. */
  async open(signal: AbortSignal): Promise<void> {
    const { host, identity, manifests, events, encounters, audit } = this.#parts
    audit.open()
    const reportData = this.#keyReportData()
    const evidence = await host.attester.quote(reportData, signal)
    // A stop may come while anything is awaited here; nothing may begin after it.
    signal.throwIfAborted()
    const admission = this.#admission(() => keyEvidence.current)
    const keyEvidence = new KeyEvidence(
      {
        ...{ host, events, reportData },
        appraise: found => admission.appraiseEvidence(identity.keys, found),
        now: () => admission.now(),
        renewed: newest => this.#evidenceRenewed(newest),
      },
      evidence,
    )
    this.#keyEvidence = keyEvidence
    await this.#ownEndorsements(admission, evidence, signal)
    const { standing, engine } = this.#judgeAndAssemble(admission, keyEvidence)
    const leaving = new Leaving({ host, identity, manifests, engine, net: () => this.#opened() })
    this.#leaving = leaving
    const light = this.#openLight(engine, admission)
    this.#light = light
    this.#channel = new ChannelDoor({ host, identity, manifests, replica: engine.replica })
    this.#net = await host.openNet({
      admission,
      handlers: encounters.around({
        ...leaving.around(engine.handlers()),
        lightAsked: question => light.asked(question),
      }),
      identitySeed: identity.identitySeed,
      noiseSecret: identity.noiseSecret,
    })
    // A stop that came meanwhile found no net to close.
    if (signal.aborted) await new Patience(host, stopPatience).wait(this.#net.stop())
    signal.throwIfAborted()
    this.#viewed = this.#view({ engine, standing, admission, keyEvidence }, host.clock.monotonic())
    await this.#net.start(signal)
    signal.throwIfAborted()
    const { node } = identity
    events.note('started', 'the node started', { node, network: manifests.network })
    engine.start()
    this.#pullEndorsements(engine)
    standing.start()
    keyEvidence.start()
  }

  #judgeAndAssemble(
    admission: NodeAdmission,
    keyEvidence: KeyEvidence,
  ): { readonly standing: OwnStanding; readonly engine: Engine } {
    const { encounters: _, state, ...parts } = this.#parts
    const { host, identity, manifests } = parts
    const standing = this.#watchStanding(admission, () => ({
      ...{ identity, manifests, evidence: keyEvidence.current },
    }))
    const { verdict, refusal } = standing
    if (refusal !== undefined) {
      const { code, facts } = refusal
      const text = 'the manifest does not admit this node: members will refuse it'
      host.log.warn(text, { ...facts, code })
    }
    const engine = new Engine({
      ...parts,
      ownRefusal: () => standing.refusal,
      owner: () => standing.verdict.owner,
      evidence: keyEvidence.current,
      verdict,
      mayFound: refusal === undefined && mayFound(manifests.current.manifest.founding, verdict),
      admission,
      net: () => this.#opened(),
      endorsement: (request, from) => this.#endorsement(request, from),
      stateChanged: () => state.changed(),
      memberDropped: ({ verdict, evidence }) => {
        this.#cache.instanceDropped(verdict.instance)
        this.#cache.evidenceDropped(evidenceDigest(evidence))
      },
    })
    this.#engine = engine
    return { standing, engine }
  }

  #watchStanding(admission: NodeAdmission, own: () => Own): OwnStanding {
    const { host, events, manifests } = this.#parts
    this.#standing = new OwnStanding({
      timers: host.timers,
      events,
      now: () => admission.now(),
      manifest: () => manifests.current.manifest,
      judged: () => ownVerdict(admission, own()),
      windowPassed: () => this.#engine?.manifestChanged(),
    })
    return this.#standing
  }

  /** Waits until others hold what was written here and know of the leave; answers whether they hold it. */
  async leave(): Promise<boolean> {
    return (await this.#leaving?.leave()) ?? true
  }

  /** Ends all but the secrets, in the order in which nothing is lost. */
  async close(patience: Patience): Promise<void> {
    this.#endArrivals?.()
    this.#pulls?.stop()
    this.#light?.stop()
    this.#channel?.stop()
    this.#keyEvidence?.stop()
    this.#standing?.stop()
    this.#engine?.stop()
    await patience.wait(this.#engine?.closeCache())
    // A peer that does not read must not hold a stop up.
    await patience.wait(this.#net?.stop())
  }

  /** Last: wipes what was secret. Idempotent. */
  wipe(): void {
    this.#engine?.wipe()
  }

  /** As in `CoterieNode`. */
  ban(subject: string, how: { readonly seconds: number; readonly reason: string }): BanView {
    const { bans, events, identity } = this.#parts
    const verdict = this.viewed.verdict()
    if (subject === identity.node || subject === verdict.instance) {
      throw new UsageError('BAD_SUBJECT', 'A node does not ban itself or its own machine.')
    }
    const ban = bans.banByHand(subject, { ...how, span: seconds(how.seconds) })
    const facts = { subject, seconds: how.seconds }
    events.note('banned', 'a person banned a node or a machine here', facts)
    for (const { node, verdict: theirs } of this.#opened().connections()) {
      if (node !== subject && theirs.instance !== subject) continue
      // A connection that cannot be closed is closing already.
      void this.#opened()
        .disconnect(node, 'BANNED')
        .catch(() => undefined)
    }
    return ban
  }

  manifestChanged(): void {
    const { mark, policy } = this.#parts.manifests.current
    this.#parts.events.note('manifest', 'a newer manifest is in force', { ...mark })
    this.#cache.policyChanged(policy.digest)
    this.#standing?.judge()
    this.#engine?.manifestChanged()
  }

  manifestContradicted(rival: Rival): void {
    noteRival(this.#parts.events, rival)
    this.#engine?.manifestChanged()
  }

  metrics(): readonly MetricFamily[] {
    const [viewed, engine] = [this.#viewed, this.#engine]
    const counted = this.#parts.counts.families()
    if (viewed === undefined || engine === undefined) return counted
    const measured = {
      agreement: engine.agreement,
      heldMessages: () => engine.inbox.heldCount,
      pendingWrites: () => engine.replicaDriver.pendingWriteCount,
      written: () => this.#parts.state.written,
    }
    return [...counted, ...nodeMetrics(viewed, measured), ...viewed.net().metrics()]
  }

  /** As in `CoterieNode`. */
  vitals(): VitalsView {
    const { agreement, beats } = this.engine
    return vitalsView(this.viewed, { agreement, beats, spans: this.#parts.spans })
  }

  #endorsement(request: Uint8Array, from: NodeId): Uint8Array {
    if (this.#pulls === undefined) throw new HostError('NOT_SERVED', 'No documents are held here.')
    return this.#pulls.answer(request, from)
  }

  #pullEndorsements(engine: Engine): void {
    const { host } = this.#parts
    const { endorsements: shelf } = host
    if (shelf === undefined) return
    this.#pulls = new EndorsementPulls({
      ...{ host, shelf, net: () => this.#opened() },
      faulted: (node, code) => engine.faulted(node, code),
    })
    // A first meeting may have ended for want of it.
    this.#endArrivals = shelf.onArrival(() => this.#net?.retry('UNDETERMINED'))
  }

  #keyReportData(): Uint8Array {
    const { host, identity, manifests } = this.#parts
    return keyReportData(manifests.network, host.attester.platform, identity.keys)
  }

  #evidenceRenewed(evidence: Evidence): void {
    this.#standing?.judge()
    this.#engine?.evidenceRenewed(evidence)
  }

  /** A founder must know what its own machine is worth before it founds; others find out while they look for the network. */
  async #ownEndorsements(
    admission: NodeAdmission,
    evidence: Evidence,
    signal: AbortSignal,
  ): Promise<void> {
    const { host, config, identity } = this.#parts
    if (!config.found || host.endorsements === undefined) return
    for (let looks = 0; looks < founderLooksMax; looks++) {
      if (admission.appraiseEvidence(identity.keys, evidence).kind !== 'undetermined') return
      await new Promise<void>(resolve => host.timers.after(founderLooksEvery, resolve))
      signal.throwIfAborted()
    }
  }

  #admission(evidence: () => Evidence): NodeAdmission {
    const { host, identity, manifests, bans, counts, spans } = this.#parts
    return new NodeAdmission({
      ...{ identity, evidence, manifests, bans, counts, spans },
      cache: this.#cache,
      attester: host.attester,
      endorsed: new Endorsed(host.endorsements, names => this.#pulls?.want(names)),
      clock: host.clock,
      membership: () => this.engine.membership,
      authenticatedTime: () => this.#authenticatedTime(),
    })
  }

  #openLight(engine: Engine, admission: NodeAdmission): LightDoor {
    const { host, identity, manifests } = this.#parts
    const { membership, replica, checkpoints } = engine
    return new LightDoor({
      ...{ host, identity, manifests, membership, replica, checkpoints },
      evidenceAge: () => manifests.current.policy.evidenceAge,
      endorsements: node => admission.endorsementsOf(node),
    })
  }

  #view(
    parts: {
      readonly engine: Engine
      readonly standing: OwnStanding
      readonly admission: NodeAdmission
      readonly keyEvidence: KeyEvidence
    },
    startedAt: Instant,
  ): Viewed {
    const { engine, standing, admission, keyEvidence } = parts
    const { host, identity, manifests, encounters, audit, state } = this.#parts
    const { clock } = host
    const { replica, membership, liveness } = engine
    return {
      ...{ clock, identity, manifests, membership, liveness, replica },
      verdict: () => standing.verdict,
      net: () => this.#opened(),
      lastRoot: () => engine.lastRoot,
      custody: () => engine.custody.view(),
      turnedAway: () => encounters.refusals.turnedAway(),
      ownRefusal: () => standing.refusal,
      evidenceTrouble: () => keyEvidence.trouble,
      clockBehind: () => admission.clockBehind(),
      recovered: () => engine.checkpoints.recovered,
      checkpointTrouble: () => engine.checkpoints.trouble(clock.monotonic()),
      cacheTrouble: () => engine.cacheTrouble,
      auditTrouble: () => audit.trouble,
      writes: new Rate({ clock, count: () => state.written }),
      deliveries: new Rate({ clock, count: () => replica.deliveredCount }),
      startedAt,
    }
  }

  /** The group's clock once it is known: a host that sets its own back does not revive what expired. */
  #authenticatedTime(): Timestamp {
    return timestamp(this.groupClock() ?? 0)
  }

  /** In milliseconds; `null` while this node does not know it. */
  groupClock(): number | null {
    return this.#engine?.replica.groupClock(this.#parts.host.clock.monotonic()) ?? null
  }

  #opened(): Net {
    if (this.#net === undefined) throw notRunning()
    return this.#net
  }
}

function notRunning(): UsageError {
  return new UsageError('NOT_RUNNING', 'The node is not running.', {
    next: 'Call start and await it first.',
  })
}
