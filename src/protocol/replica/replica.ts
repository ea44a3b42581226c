/** The replicated map of one node: a pure machine over lattice, outbox, acknowledgements, clock and sync. */
import { PeerFault } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { type Instant, instant } from '../../base/time.ts'
import type { Machine } from '../machine.ts'
import { AckTeller } from './ack-teller.ts'
import { Acks } from './acks.ts'
import { Beginning } from './beginning.ts'
import { CommitKeyCalls } from './commit-key-calls.ts'
import { Core, settingsOf } from './core.ts'
import { Cuts } from './cuts.ts'
import { Incoming, type IncomingBatch } from './incoming.ts'
import { proveKey } from './key-proof.ts'
import { Merge } from './merge.ts'
import { Publisher } from './publisher.ts'
import { RestingRoots } from './resting-roots.ts'
import { RootLooks } from './root-looks.ts'
import { Sync } from './sync.ts'
import { SyncServer } from './sync-server.ts'
import type {
  ReplicaEffect,
  ReplicaEntry,
  ReplicaInput,
  ReplicaMember,
  ReplicaOptions,
  ReplicaPorts,
  ReplicaQueries,
} from './types.ts'
import { type WaitingWrite, WaitingWrites } from './waiting-writes.ts'
import { Writer } from './writer.ts'

/** Everything that a node keeps together with the others, except what must never fork. */
export interface Replica extends Machine<ReplicaInput, ReplicaEffect>, ReplicaQueries {}

/** A replica that is `joining`, empty and without a group clock. */
export function createReplica(ports: ReplicaPorts, options: ReplicaOptions): Replica {
  return new ReplicaMachine(ports, options)
}

class ReplicaMachine implements Replica {
  readonly #core: Core
  readonly #merge: Merge
  readonly #writer: Writer
  readonly #publisher: Publisher
  readonly #sync: Sync
  readonly #beginning: Beginning
  readonly #server: SyncServer
  readonly #incoming: Incoming
  readonly acks: Acks
  readonly cuts: Cuts
  readonly #teller: AckTeller
  readonly #waiting: WaitingWrites
  readonly #connected = new Set<NodeId>()
  readonly #looks = new RootLooks()
  readonly #keyCalls: CommitKeyCalls
  readonly #resting: RestingRoots
  #members = new Map<NodeId, ReplicaMember>()
  #memberList: readonly ReplicaMember[] = []
  #sources: readonly NodeId[] = []
  #phase: 'joining' | 'active' | 'stopping' = 'joining'
  #watchTold = 0
  #now = instant(0)
  #effects: ReplicaEffect[] = []

  constructor(ports: ReplicaPorts, options: ReplicaOptions) {
    const settings = settingsOf(options)
    this.#core = new Core(ports, settings)
    this.#resting = new RestingRoots(this.#core.commitment)
    this.cuts = new Cuts(this.#core, this.#resting)
    this.#merge = new Merge(this.#core)
    this.#writer = new Writer(this.#core, this.#merge)
    this.#publisher = new Publisher(this.#core)
    this.#sync = new Sync(this.#core, this.#merge)
    this.#beginning = new Beginning(this.#core, { merge: this.#merge, sync: this.#sync })
    this.#server = new SyncServer(this.#core, this.#merge)
    this.#incoming = new Incoming(this.#core, this.#merge, this.#sync)
    this.#keyCalls = new CommitKeyCalls(ports)
    this.acks = new Acks(settings.self, settings.ackTimeout)
    this.#teller = new AckTeller(this.#core.marks)
    this.#waiting = new WaitingWrites(settings.waitingWritesMax, settings.readyTimeout)
  }

  step(input: ReplicaInput, now: Instant): readonly ReplicaEffect[] {
    this.#now = now
    this.#take(input)
    for (const batch of this.#incoming.due()) this.#takeBatch(batch)
    this.#core.prune(now)
    this.#merge.retryHeld(now)
    this.acks.dropped(this.#core.takeDropped())
    this.#apply()
    this.acks.dropped(this.#core.takeDropped())
    this.#publish()
    this.#settleWrites()
    this.#speak()
    this.#resting.step(now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  wakeAt(): Instant | null {
    const held = this.#core.hold.earliestMs
    const candidates = [
      this.acks.nextDeadline,
      this.#waiting.nextDeadline,
      this.#phase === 'active' ? this.#teller.wakeAt() : null,
      held === undefined ? null : this.#core.instantOf(held, this.#now),
      this.#sync.wakeAt(this.#sources, this.#now),
      this.#resting.wakeAt(),
    ].filter(at => at !== null)
    return candidates.length === 0 ? null : instant(Math.min(...candidates))
  }

  get(key: string): ReplicaEntry | undefined {
    return key.isWellFormed() ? this.#core.map.get(key) : undefined
  }

  readonly list: Replica['list'] = query => this.#core.map.list(query)

  readonly roots: Replica['roots'] = () => {
    const roots = this.#core.commitment.roots()
    return 'missing' in roots ? undefined : roots
  }

  readonly restingRoots: Replica['restingRoots'] = () => this.#resting.read()
  readonly published: Replica['published'] = () => ({
    root: this.#core.outbox.isEmpty ? this.restingRoots()?.root : undefined,
    entriesMin: Math.max(0, this.entryCount - this.#core.outbox.size),
  })
  readonly proveKey: Replica['proveKey'] = key =>
    this.#phase === 'joining' ? 'NOT_READY' : proveKey(this.#core, this.restingRoots(), key)
  readonly cachePage: Replica['cachePage'] = cursor => this.#server.cachePage(cursor)

  get entryCount(): number {
    return this.#core.map.entryCount
  }

  get deliveredCount(): number {
    return this.#merge.deliveredCount
  }

  get refusedCount(): number {
    return this.#merge.refusedCount
  }

  get heldCount(): number {
    return this.#core.hold.count
  }

  get watchCursor(): number {
    return this.#core.watch.head
  }

  get sequence(): number {
    return this.#core.outbox.sequence
  }

  readonly changesAfter: Replica['changesAfter'] = query => this.#core.changesAfter(query)

  readonly commitKeysNamed = (): readonly Digest[] => this.#core.map.commitKeys.named()
  readonly groupClock: Replica['groupClock'] = now => this.#core.clock.read(now)
  readonly pruneFloor: Replica['pruneFloor'] = now => this.#core.clock.floor(now)

  #take(input: ReplicaInput): void {
    const now = this.#now
    switch (input.kind) {
      case 'tick':
        return this.#mergePages()
      case 'phaseChanged':
        return this.#changePhase(input.phase)
      case 'rulesChanged':
        return this.#core.changeRules(input.rules)
      case 'founded':
        return this.#beginning.founded(Math.max(input.wall, input.notBefore), now)
      case 'membersChanged':
        return this.#changeMembers(input.members)
      case 'connected':
        this.#connected.add(input.node)
        this.#publisher.nameAnew(now)
        this.#sync.connected(input.node, now)
        this.#teller.owe(input.node)
        return this.#chooseSources()
      case 'disconnected':
        this.#connected.delete(input.node)
        this.#teller.disconnected(input.node)
        this.#sync.failed(input.node, now)
        return this.#chooseSources()
      case 'beat':
        return this.#hearBeat(input)
      case 'writes':
        for (const write of input.writes) this.#takeWrite(write)
        return
      case 'writeAbandoned':
        this.#waiting.abandon(input.id)
        return this.acks.abandon(input.id)
      case 'published':
        return this.#core.outbox.published()
      case 'batchReceived':
        return this.#takeBatch(input)
      case 'ackReceived':
        return this.#blame(input.from, () => this.acks.take(input, this.#core.outbox.sequence))
      case 'syncAsked':
        return this.#serve(input)
      case 'syncAnswered':
        return this.#blame(input.node, () => this.#takeAnswer(input.node, input.bytes))
      case 'syncFailed':
        return this.#sync.failed(input.node, now)
      case 'commitKeyChosen':
        return this.#writer.chooseCommitKey(input.id)
      case 'restored':
        this.#sync.restored()
        return this.#merge.restored(input.bytes)
      case 'recovered':
        return this.#beginning.recovered(input, now)
      case 'commitKeyLearned':
        return this.#keyCalls.learned(input.id)
    }
  }

  /** Runs `action`; a fault in it is the peer's and harms nothing. */
  #blame(node: NodeId, action: () => void): void {
    try {
      action()
    } catch (fault) {
      if (!(fault instanceof PeerFault)) throw fault
      this.#effects.push({ kind: 'peerFault', node, code: fault.code })
    }
  }

  #changePhase(phase: 'joining' | 'active' | 'stopping'): void {
    this.#phase = phase
    if (phase === 'active') for (const node of this.#connected) this.#teller.owe(node)
    if (phase !== 'stopping') return
    for (let write = this.#waiting.take(); write !== undefined; write = this.#waiting.take()) {
      this.#effects.push({ kind: 'failed', id: write.id, code: 'STOPPING' })
    }
  }

  #changeMembers(members: readonly ReplicaMember[]): void {
    this.#memberList = [...members]
    if (members.some(({ node }) => !this.#members.has(node))) this.#publisher.nameAnew(this.#now)
    this.#members = new Map(members.map(member => [member.node, member]))
    const nodes = new Set(this.#members.keys())
    this.acks.membersChanged(members)
    this.#core.membersChanged(members)
    this.#sync.keep(nodes)
    this.#looks.keep(nodes)
    this.#chooseSources()
  }

  /** State is pulled from active members at the other end of a connection. */
  #chooseSources(): void {
    this.#sources = [...this.#connected].filter(
      node => this.#core.mayPull && this.#core.isActive(node),
    )
  }

  #hearBeat(beat: ReplicaInput & { readonly kind: 'beat' }): void {
    const member = this.#members.get(beat.node)
    if (member === undefined) return
    const { clock } = this.#core
    const wasSet = clock.isSet
    this.#core.timeTold(beat.node, beat.groupClock, this.#now)
    if (!wasSet && clock.isSet) {
      this.#sync.born(clock.read(this.#now) ?? 0)
      this.#chooseSources()
    }
    clock.heard(member.instance, beat.groupClock, this.#now)
    if (member.phase !== 'active' || beat.root === null || !this.#connected.has(beat.node)) return
    if (!this.#looks.isDue(beat.node, this.#now)) return
    const own = this.restingRoots()
    if (own === undefined) return
    this.#looks.looked(beat.node, this.#now)
    this.#sync.compared(beat.node, { own: own.root, theirs: beat.root }, this.#now)
  }

  #takeWrite(write: WaitingWrite): void {
    const isStopping = this.#phase === 'stopping'
    if (!isStopping && this.#waiting.put(write, this.#now)) return
    const code = isStopping ? 'STOPPING' : 'QUEUE_FULL'
    this.#effects.push({ kind: 'failed', id: write.id, code })
  }

  #takeBatch(batch: IncomingBatch): void {
    const { author } = batch
    this.#blame(author, () => this.#callForKeys(this.#incoming.take(batch, this.#now), author))
  }

  #serve(request: ReplicaInput & { readonly kind: 'syncAsked' }): void {
    const { id, from } = request
    if (this.#phase !== 'active' || !this.#core.clock.isSet) {
      this.#effects.push({ kind: 'refuse', id, code: 'NOT_ACTIVE' })
      return
    }
    const asker = { node: from, syncedAt: this.#sync.syncedAt(from), members: this.#memberList }
    const { effects, commitKeys } = this.#server.serve(request, asker, this.#now)
    this.#callForKeys(commitKeys, from)
    this.#effects.push(...effects)
  }

  #mergePages(): void {
    for (const node of this.#sync.unmerged()) {
      this.#blame(node, () => this.#callForKeys(this.#sync.mergePage(node, this.#now), node))
    }
  }

  #takeAnswer(node: NodeId, bytes: Uint8Array): void {
    const step = this.#sync.answered(node, bytes, this.#memberList, this.#now)
    if (step === undefined) return
    this.#callForKeys(step.commitKeys, node)
    if (step.next !== undefined) {
      this.#effects.push({ kind: 'askSync', to: node, bytes: step.next })
      return
    }
    this.acks.heard(node, Math.min(step.ownMark, this.#core.outbox.sequence))
    if (!step.isCompleted) return
    this.#teller.owe(node)
    this.#effects.push({ kind: 'fullSyncCompleted', node })
  }

  #callForKeys(ids: readonly Digest[], from: NodeId): void {
    const missing = ids.filter(id => this.#keyCalls.isCallFor(id, this.#now))
    for (const id of missing) this.#effects.push({ kind: 'needCommitKey', id, from })
  }

  /** Applies the writes that can be applied, in order. */
  #apply(): void {
    const { clock, outbox } = this.#core
    const groupMs = clock.read(this.#now)
    const isReady = this.#phase === 'active' && this.#writer.commitKey !== undefined
    if (isReady && groupMs !== undefined) {
      this.#writer.renewOwn(groupMs)
      while (outbox.hasRoom) {
        const write = this.#waiting.take()
        if (write === undefined) return
        this.#applyOne(write, groupMs)
      }
    }
    for (;;) {
      const write = this.#waiting.takeOverdue(this.#now)
      if (write === undefined) return
      const code = isReady && groupMs !== undefined ? 'QUEUE_FULL' : 'NOT_READY'
      this.#effects.push({ kind: 'failed', id: write.id, code })
    }
  }

  #applyOne({ id, operation, ack }: WaitingWrite, groupMs: number): void {
    // Decided before anything is applied: such a write has left no trace.
    const rows = this.acks.canReach(ack, this.#connected)
      ? this.#writer.apply(operation, groupMs)
      : 'NO_PEER_TO_ACK'
    if (typeof rows === 'string') {
      this.#effects.push({ kind: 'failed', id, code: rows })
    } else if (rows.length === 0 || ack === 'local' || ack === 0) {
      this.#effects.push({ kind: 'written', id, acknowledgedBy: 0 })
    } else {
      this.acks.wait({ id, ack, rows }, this.#now)
    }
  }

  #publish(): void {
    const { outbox } = this.#core
    if (!outbox.isReady) return
    if (this.#connected.size === 0) {
      this.#publisher.skip()
    } else {
      const batch = this.#publisher.next(this.#now)
      if (batch !== undefined) this.#effects.push({ kind: 'publish', ...batch })
    }
    this.acks.batched(outbox.sequence, row => outbox.has(row))
  }

  #settleWrites(): void {
    const { outbox } = this.#core
    // A write that another node's later one overwrote before it was published is in no batch to come.
    if (outbox.isEmpty) this.acks.batched(outbox.sequence, () => false)
    for (const done of this.acks.takeAcknowledged()) {
      this.#effects.push({ kind: 'written', ...done })
    }
    for (const id of this.acks.takeOverdue(this.#now)) {
      this.#effects.push({ kind: 'failed', id, code: 'ACK_TIMEOUT' })
    }
  }

  /** Acknowledges, asks and wakes watchers. */
  #speak(): void {
    if (this.#phase === 'active') {
      for (const told of this.#teller.due(this.#connected, this.#now)) {
        this.#effects.push({ kind: 'tellAck', ...told })
      }
    }
    for (const request of this.#sync.due(this.#sources, this.#memberList, this.#now)) {
      this.#effects.push({ kind: 'askSync', ...request })
    }
    const { head } = this.#core.watch
    if (head === this.#watchTold) return
    this.#watchTold = head
    this.#effects.push({ kind: 'changed', cursor: head })
  }
}
