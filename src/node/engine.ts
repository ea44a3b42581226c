/**
 * The rooms of one running node and what they tell each other. Made once the node holds its evidence; every
 * line here joins two rooms, none decides anything.
 */
import { HostError } from '../base/errors.ts'
import type { Digest, NodeId } from '../base/ids.ts'
import type { AskProtocol } from '../host/net/port.ts'
import type { AcceptedBeat } from '../protocol/liveness/input.ts'
import type { Liveness } from '../protocol/liveness/liveness.ts'
import type { Membership } from '../protocol/membership/membership.ts'
import type { Replica } from '../protocol/replica/replica.ts'
import type { Evidence } from '../wire/evidence.ts'
import { Agreement } from './agreement.ts'
import { AuthorBudgets, authorRates, ownRate } from './author-budgets.ts'
import { BeatContents, rootOfBeat } from './beat-contents.ts'
import { BeatTrace } from './beat-trace.ts'
import type { Checkpoints } from './checkpoints.ts'
import { CommitSalts } from './commit-salts.ts'
import type { CustodyApi } from './custody-api.ts'
import { CustodyRoom } from './custody-room.ts'
import type { CacheTrouble, DiskCache } from './disk-cache.ts'
import { Doubts } from './doubts.ts'
import { LivenessDriver } from './drivers/liveness.ts'
import { MembershipDriver } from './drivers/membership.ts'
import { ReplicaDriver } from './drivers/replica.ts'
import { EpochKeyUse } from './epoch-key-use.ts'
import { livePace, paceOf } from './governed.ts'
import { Inbox } from './inbox.ts'
import { MemberNews } from './member-news.ts'
import { Outbox } from './outbox.ts'
import {
  type EngineHandlers,
  type EngineParts,
  foundingTime,
  openCache,
  openCheckpoints,
  openLiveness,
  openMembership,
  openReplica,
} from './rooms.ts'
import type { SigningApi } from './signing-api.ts'
import { SigningRoom } from './signing-room.ts'
import { Traffic } from './traffic.ts'

export class Engine {
  readonly membership: Membership
  readonly liveness: Liveness
  readonly replica: Replica
  readonly replicaDriver: ReplicaDriver
  readonly agreement = new Agreement()
  readonly beats = new BeatTrace()
  readonly checkpoints: Checkpoints
  readonly inbox: Inbox
  readonly #parts: EngineParts
  readonly #membershipDriver: MembershipDriver
  readonly #livenessDriver: LivenessDriver
  readonly #custody: CustodyRoom
  readonly #signing: SigningRoom
  readonly #traffic: Traffic
  readonly #contents: BeatContents
  readonly #salts: CommitSalts
  readonly #outbox: Outbox
  readonly #keyUse: EpochKeyUse
  readonly #cache: DiskCache | null
  readonly #doubts: Doubts
  readonly #news: MemberNews
  readonly #stopping = new AbortController()
  #hasSynced = false

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { host, identity, manifests, net } = parts
    this.membership = openMembership(parts)
    this.#traffic = new Traffic({
      network: manifests.network,
      signing: identity.signing,
      random: host.random,
      clock: host.clock,
      keys: this.membership,
      unknownKey: (id, from) => this.#keyUse.unknown(id, from),
    })
    this.#salts = new CommitSalts({ clock: host.clock, membership: this.membership })
    this.replica = openReplica(parts, this.#salts)
    const { membership, replica, agreement } = this
    this.checkpoints = openCheckpoints(parts, {
      ...{ membership, replica },
      faulted: (node, code) => this.#doubts.faulted(node, code),
      toMembership: input => this.#membershipDriver.feed(input),
    })
    this.#contents = new BeatContents(
      { membership, replica, agreement, checkpoints: this.checkpoints },
      livePace(manifests),
    )
    this.liveness = openLiveness(parts, this.#contents)
    const rate = ownRate(authorRates[parts.config.preset])
    this.#outbox = new Outbox({ traffic: this.#traffic, net, host }, { rate })
    this.inbox = this.#openInbox()
    this.#keyUse = new EpochKeyUse({
      ...{ host, membership, replica },
      salts: this.#salts,
      traffic: this.#traffic,
      inbox: this.inbox,
      membershipDriver: () => this.#membershipDriver,
      replicaDriver: () => this.replicaDriver,
    })
    this.#cache = this.#openCache()
    this.#doubts = new Doubts({
      ...{ parts, membership },
      feed: input => this.#membershipDriver.feed(input),
    })
    this.#news = new MemberNews({
      parts,
      membership: this.membership,
      inbox: this.inbox,
      membershipDriver: () => this.#membershipDriver,
      livenessDriver: () => this.#livenessDriver,
      replicaDriver: () => this.replicaDriver,
      maySync: () => this.#maySync(),
    })
    this.#membershipDriver = this.#driveMembership()
    this.#livenessDriver = this.#driveLiveness()
    this.replicaDriver = this.#driveReplica()
    this.#custody = this.#openCustody()
    this.#signing = new SigningRoom(parts, this)
  }

  /** After the net has started. */
  start(): void {
    this.#news.started()
    this.#membershipDriver.feed({ kind: 'started' })
    this.#livenessDriver.feed({ kind: 'tick' })
    this.#custody.driver.tick()
    this.#keyUse.start()
  }

  /** Ends every machine; the net may still be open and is stopped after. Idempotent. */
  stop(): void {
    this.#stopping.abort(new HostError('STOPPING', 'the node stops'))
    this.#keyUse.stop()
    this.#outbox.stop()
    this.#custody.driver.stop()
    this.#signing.stop()
    this.replicaDriver.stop()
    this.#livenessDriver.stop()
    this.#membershipDriver.stop()
    this.#traffic.stop()
  }

  /** After `stop`: writes what the disk lacks. */
  async closeCache(): Promise<void> {
    await this.#cache?.stop()
  }

  /** Last, because no record names the last pages without the quorum key: wipes what was secret. Idempotent. */
  wipe(): void {
    this.#custody.driver.wipe()
    this.#salts[Symbol.dispose]()
    this.membership[Symbol.dispose]()
  }

  get custody(): CustodyApi {
    return this.#custody.api
  }

  get signing(): SigningApi {
    return this.#signing.api
  }

  get cacheTrouble(): CacheTrouble | undefined {
    return this.#cache?.trouble ?? this.#custody.recovery.trouble
  }

  /** A member sent what no member sends. */
  faulted(node: NodeId, code: string): void {
    this.#doubts.faulted(node, code)
  }

  left(node: NodeId): void {
    this.#membershipDriver.feed({ kind: 'left', node })
  }

  takeRemovals(items: readonly Uint8Array[]): { readonly added: number } {
    return this.#membershipDriver.takeRemovals(items)
  }

  /** The state root of the last beat. */
  get lastRoot(): Uint8Array | undefined {
    return this.#contents.lastRoot
  }

  /** Members learn it as they come to it; nothing that is open is closed. */
  evidenceRenewed(evidence: Evidence): void {
    this.#custody.evidenceRenewed(evidence)
    this.#membershipDriver.feed({ kind: 'evidenceRenewed', evidence })
  }

  manifestChanged(): void {
    const { manifests, admission } = this.#parts
    this.replicaDriver.feed({ kind: 'rulesChanged', rules: manifests.stateRules() })
    const manifest = manifests.membershipFacts(admission.now())
    this.#membershipDriver.feed({ kind: 'manifestChanged', manifest })
    this.#livenessDriver.feed({ kind: 'paceChanged', pace: paceOf(manifests.current.manifest) })
  }

  /** What the net tells; what became of no connection is the caller's. */
  handlers(): EngineHandlers {
    return {
      memberConnected: connection => this.#news.connected(connection),
      memberDisconnected: (node, reason) => this.#news.disconnected(node, reason),
      dialRefused: node =>
        this.#livenessDriver.feed({ kind: 'connectionClosed', node, reconnect: 'refused' }),
      gossip: (topic, data, from) => this.#doubts.judged(from, this.inbox.judge(topic, data, from)),
      flooded: node => this.#doubts.faulted(node, 'GOSSIP_FLOOD'),
      asked: (protocol, request, from, signal) => this.#asked(protocol, request, from, signal),
      told: (protocol, frame, from) => {
        if (protocol === 'ack') return this.replicaDriver.ackTold(frame, from)
        if (protocol === 'signing') return this.#signing.told(frame, from)
        this.#membershipDriver.told(frame, from)
        this.#news.phase(from)
      },
      steppedUp: (node, _purpose, verdict) =>
        this.#membershipDriver.feed({ kind: 'steppedUp', node, verdict }),
    }
  }

  async #asked(
    protocol: Exclude<AskProtocol, 'leave'>,
    request: Uint8Array,
    from: NodeId,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (protocol === 'endorsement') return this.#parts.endorsement(request, from)
    if (protocol === 'probe') return this.#livenessDriver.asked(request, from)
    const isServed = /^(key|sync|record|results|custody-.*|signing-.*)$/.test(protocol)
    if (isServed && this.#parts.ownRefusal() !== undefined) {
      throw new HostError('NOT_ADMITTED', 'The manifest does not admit this node any more.')
    }
    if (protocol === 'custody-manifest' || protocol === 'custody-key') {
      return this.#custody.driver.asked(protocol, request, from)
    }
    if (protocol === 'signing-proposal' || protocol === 'signing-group') {
      return this.#signing.asked(protocol, request, from)
    }
    if (protocol !== 'sync') return this.#membershipDriver.asked(protocol, request, from)
    await this.#doubts.untilFresh(from, AbortSignal.any([signal, this.#stopping.signal]))
    return this.replicaDriver.syncAsked(request, from)
  }

  #openInbox(): Inbox {
    const { clock } = this.#parts.host
    return new Inbox({
      self: this.#parts.identity.node,
      clock,
      budgets: new AuthorBudgets({ clock }, { rate: authorRates[this.#parts.config.preset] }),
      traffic: this.#traffic,
      members: this.membership,
      isActive: node => this.membership.member(node, clock.monotonic())?.phase === 'active',
      unknownKey: (id, from) => this.#keyUse.unknown(id, from),
      unknownAuthor: (author, from) =>
        this.#membershipDriver.feed({ kind: 'unknownAuthor', author, from }),
      batch: (author, sequence, bytes) =>
        this.replicaDriver.feed({ kind: 'batchReceived', author, sequence, bytes }),
      beat: (author, sequence, payload, signedBody) =>
        this.#livenessDriver.beatReceived({
          kind: 'beatReceived',
          author,
          sequence,
          payload,
          signedBody,
        }),
      rejected: why => this.#parts.counts.add('coterie_wire_decode_rejects_total', { why }),
    })
  }

  #driveReplica(): ReplicaDriver {
    const { host, counts, net, stateChanged } = this.#parts
    return new ReplicaDriver(
      { host, machine: this.replica, net, frames: this.#traffic, counts },
      {
        publish: (sequence, bytes) =>
          this.#outbox.publishBatch(sequence, bytes, () =>
            this.replicaDriver.feed({ kind: 'published', sequence }),
          ),
        fullSyncCompleted: node => this.#fullSyncCompleted(node),
        needCommitKey: (id, from) => this.#keyUse.unknown(id, from ?? this.#news.anyOpen()),
        changed: stateChanged,
        faulted: (node, code) => this.#doubts.faulted(node, code),
      },
    )
  }

  #driveMembership(): MembershipDriver {
    const { host, events, net } = this.#parts
    return new MembershipDriver(
      { host, machine: this.membership, net, events },
      {
        memberAdded: node => this.#news.added(node),
        memberGone: node => {
          this.agreement.forget(node)
          this.beats.forget(node)
          this.checkpoints.forget(node)
          const facts = this.#news.gone(node)
          if (facts !== undefined) this.#parts.memberDropped(facts)
          this.inbox.forget(node)
        },
        phaseChanged: () => this.#phaseChanged(),
        keysChanged: ({ added, dropped }) =>
          this.#keysChanged(
            added.map(key => key.id),
            dropped.map(key => key.id),
          ),
        removalsGrew: () => this.#keysChanged([], []),
        ...this.#doubts.listeners(),
        manifestCame: envelopes => this.#parts.admission.considerManifest(envelopes),
      },
    )
  }

  #driveLiveness(): LivenessDriver {
    const { host, events, net } = this.#parts
    return new LivenessDriver(
      { host, machine: this.liveness, net, events },
      {
        sendBeat: (sequence, payload) => this.#outbox.publishBeat(sequence, payload),
        accepted: (node, beat) => this.#beatAccepted(node, beat),
        stateChanged: (node, state) =>
          this.#membershipDriver.feed({ kind: 'livenessChanged', node, state }),
        equivocated: ({ author, first, second }) =>
          this.#membershipDriver.feed({ kind: 'contradicted', of: 'beats', author, first, second }),
      },
    )
  }

  #beatAccepted(node: NodeId, beat: AcceptedBeat): void {
    this.beats.heard(node, this.#parts.host.clock.monotonic())
    this.#membershipDriver.feed({ kind: 'beat', node, phase: beat.phase })
    this.#news.phase(node)
    if (beat.checkpoint !== null) this.checkpoints.heard(node, beat.checkpoint)
    if (beat.groupClock === null) return
    const root = rootOfBeat(beat)
    if (root !== null) this.agreement.theirs(node, root, this.#parts.host.clock.monotonic())
    this.replicaDriver.feed({ kind: 'beat', node, root, groupClock: beat.groupClock })
  }

  #openCustody(): CustodyRoom {
    const { membership, liveness, replica, checkpoints } = this
    return new CustodyRoom(this.#parts, {
      ...{ membership, liveness, replica, checkpoints, cache: this.#cache },
      toMembership: input => this.#membershipDriver.feed(input),
      toReplica: input => this.replicaDriver.feed(input),
    })
  }

  #openCache(): DiskCache | null {
    const { membership: keys, replica } = this
    return openCache(this.#parts, {
      ...{ keys, replica },
      record: pages => this.#custody.recovery.record(pages),
      restore: bytes => this.replicaDriver.feed({ kind: 'restored', bytes }),
      loaded: () => {
        this.#news.startSyncs()
        if (this.membership.phase === 'active') this.#activateCache()
      },
    })
  }

  #phaseChanged(): void {
    const { phase } = this.membership
    const isActive = phase === 'active'
    if (isActive && !this.#hasSynced) {
      this.replicaDriver.feed(foundingTime(this.#parts))
      this.checkpoints.founded()
    }
    this.replicaDriver.feed({ kind: 'phaseChanged', phase: isActive ? 'active' : 'joining' })
    if (isActive) this.#activateCache()
    this.#custody.driver.tick()
    this.#news.changed()
  }

  readonly #activateCache = (): void =>
    this.#cache?.activate({ hasState: this.#hasSynced || this.#custody.recovery.isDone })

  #fullSyncCompleted(node: NodeId): void {
    this.#hasSynced = true
    this.#membershipDriver.feed({ kind: 'fullSyncCompleted', node })
  }

  #keysChanged(added: readonly Digest[], dropped: readonly Digest[]): void {
    this.#keyUse.changed(added, dropped)
    const counts = { added: added.length, dropped: dropped.length }
    if (counts.added > 0) this.#parts.events.note('epoch-keys', 'epoch keys were learned', counts)
    this.#cache?.keysLearned()
    this.#news.startSyncs()
  }

  /** The first sync judges what came from the disk, so the disk is read first. */
  #maySync(): boolean {
    return this.#cache?.isLoaded !== false && this.#keyUse.hasTrafficKey
  }
}
