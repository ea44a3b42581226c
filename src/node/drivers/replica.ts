/**
 * Runs the replica machine: batches out through the outbox, sync and acknowledgements as sealed frames on
 * member streams, answers back to whoever wrote.
 */
import { CoterieError, HostError } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { milliseconds } from '../../base/time.ts'
import type { Net } from '../../host/net/port.ts'
import type { Host } from '../../host/port.ts'
import type { Replica } from '../../protocol/replica/replica.ts'
import type {
  AckLevel,
  AskedWrite,
  Operation,
  ReplicaEffect,
  ReplicaInput,
} from '../../protocol/replica/types.ts'
import type { Counts } from '../counts.ts'
import { Drive } from '../drive.ts'
import type { FrameSeal } from '../frame-seal.ts'
import { syncPathOf } from '../sync-path.ts'
import { writeError } from '../write-errors.ts'

type EffectOf<Kind extends ReplicaEffect['kind']> = Extract<ReplicaEffect, { kind: Kind }>

export interface ReplicaListeners {
  /** Seals, signs and publishes a batch; `published` is fed by whoever did. */
  publish(sequence: number, bytes: Uint8Array): void
  fullSyncCompleted(node: NodeId): void
  needCommitKey(id: Digest, from: NodeId | null): void
  /** Watchers may read on. */
  changed(): void
  /** A member sent what no member sends: it is to be cut off, and turned away for a while. */
  faulted(node: NodeId, code: string): void
}

interface PendingWrite {
  readonly done: (acknowledgedBy: number) => void
  readonly failed: (reason: Error) => void
}

interface PendingAnswer {
  readonly answer: (bytes: Uint8Array) => void
  readonly refuse: (reason: Error) => void
}

/** Patience with one page of a sync; the machine asks again later. */
const syncPatience = milliseconds(10_000)

export class ReplicaDriver {
  readonly machine: Replica
  readonly #drive: Drive<ReplicaInput, ReplicaEffect>
  readonly #net: () => Net
  readonly #frames: FrameSeal
  readonly #counts: Counts
  readonly #listeners: ReplicaListeners
  readonly #writes = new Map<number, PendingWrite>()
  readonly #answers = new Map<number, PendingAnswer>()
  readonly #stopping = new AbortController()
  /** Writes of this turn that the machine has not seen. */
  #asked: AskedWrite[] = []
  #lastId = 0

  constructor(
    ports: {
      readonly host: Pick<Host, 'clock' | 'timers'>
      readonly machine: Replica
      readonly net: () => Net
      readonly frames: FrameSeal
      readonly counts: Counts
    },
    listeners: ReplicaListeners,
  ) {
    this.machine = ports.machine
    this.#net = ports.net
    this.#frames = ports.frames
    this.#counts = ports.counts
    this.#listeners = listeners
    this.#drive = new Drive<ReplicaInput, ReplicaEffect>(ports.machine, ports.host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(effect),
    })
  }

  feed(input: ReplicaInput): void {
    this.#drive.feed(input)
  }

  /** Whether nothing that was written here would be lost with this node: no write is under way, and others hold all. */
  get isHeldElsewhere(): boolean {
    const { acks, sequence } = this.machine
    return this.#writes.size === 0 && acks.areHeldElsewhere(sequence)
  }

  /** Resolves with the number of members that hold the write. @throws {CoterieError} with the code of the refusal. */
  write(operation: Operation, ack: AckLevel, signal?: AbortSignal): Promise<number> {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#stopping.signal.aborted) return Promise.reject(writeError('STOPPING'))
    const id = ++this.#lastId
    const written = new Promise<number>((done, failed) => this.#writes.set(id, { done, failed }))
    this.#ask({ id, operation, ack })
    const abandon = (): void => {
      this.#flushWrites()
      this.#writes.get(id)?.failed(signal?.reason)
      this.#writes.delete(id)
      this.feed({ kind: 'writeAbandoned', id })
    }
    signal?.addEventListener('abort', abandon, { once: true })
    return signal === undefined
      ? written
      : written.finally(() => signal.removeEventListener('abort', abandon))
  }

  /** Writes of one turn go in together: a step for each would cost more than the writes. */
  #ask(write: AskedWrite): void {
    this.#asked.push(write)
    if (this.#asked.length === 1) queueMicrotask(() => this.#flushWrites())
  }

  #flushWrites(): void {
    if (this.#asked.length === 0) return
    const writes = this.#asked
    this.#asked = []
    this.feed({ kind: 'writes', writes })
  }

  /** Writes that nobody has been answered yet. */
  get pendingWriteCount(): number {
    return this.#writes.size
  }

  /** Answers a sync request of a member that may see state. */
  async syncAsked(request: Uint8Array, from: NodeId): Promise<Uint8Array> {
    this.#stopping.signal.throwIfAborted()
    const bytes = this.#frames.open('sync', request, from)
    if (bytes === undefined) {
      throw new CoterieError('KEY_UNKNOWN', 'The request is sealed under a key not held here.')
    }
    const id = ++this.#lastId
    const answered = new Promise<Uint8Array>((answer, refuse) =>
      this.#answers.set(id, { answer, refuse }),
    )
    this.feed({ kind: 'syncAsked', id, from, bytes })
    const answer = await answered.finally(() => this.#answers.delete(id))
    const path = syncPathOf(bytes)
    this.#countSync({ direction: 'in', path }, bytes.length)
    this.#countSync({ direction: 'out', path }, answer.length)
    const sealed = this.#frames.seal('sync', answer)
    if (sealed === undefined) {
      throw new CoterieError('NO_KEY', 'No key to seal the answer under at this moment.')
    }
    return sealed
  }

  ackTold(frame: Uint8Array, from: NodeId): void {
    const bytes = this.#frames.open('ack', frame, from)
    if (bytes === undefined) return
    this.feed({ kind: 'ackReceived', from, bytes })
  }

  stop(): void {
    this.feed({ kind: 'phaseChanged', phase: 'stopping' })
    this.#flushWrites()
    this.#drive.stop()
    this.#stopping.abort(new HostError('STOPPING', 'the node stops'))
    // What was not applied was refused by the machine just now; the rest is applied, its spread unknown.
    for (const write of this.#writes.values()) write.failed(writeError('ACK_TIMEOUT'))
    for (const pending of this.#answers.values()) {
      pending.refuse(new CoterieError('STOPPING', 'The node stops.'))
    }
    this.#writes.clear()
    this.#answers.clear()
  }

  #apply(effect: ReplicaEffect): void {
    switch (effect.kind) {
      case 'publish':
        return this.#listeners.publish(effect.sequence, effect.bytes)
      case 'tellAck':
        return this.#tellAck(effect)
      case 'askSync':
        return void this.#askSync(effect)
      case 'answer':
        return this.#answers.get(effect.id)?.answer(effect.bytes)
      case 'refuse':
        return this.#answers
          .get(effect.id)
          ?.refuse(new CoterieError(effect.code, 'This node does not serve state now.'))
      case 'written':
        this.#writes.get(effect.id)?.done(effect.acknowledgedBy)
        return void this.#writes.delete(effect.id)
      case 'failed':
        this.#writes.get(effect.id)?.failed(writeError(effect.code))
        return void this.#writes.delete(effect.id)
      case 'changed':
        return this.#listeners.changed()
      case 'fullSyncCompleted':
        return this.#listeners.fullSyncCompleted(effect.node)
      case 'needCommitKey':
        return this.#listeners.needCommitKey(effect.id, effect.from)
      case 'peerFault':
        return this.#listeners.faulted(effect.node, effect.code)
    }
  }

  #tellAck(effect: EffectOf<'tellAck'>): void {
    this.#frames.whenSealable('ack', effect.bytes, sealed => {
      // A lost acknowledgement is made good by the next mark or sync.
      void this.#net()
        .tell(effect.to, 'ack', sealed)
        .catch(() => undefined)
    })
  }

  async #askSync(effect: EffectOf<'askSync'>): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(syncPatience)])
    const sealed = this.#frames.seal('sync', effect.bytes)
    const answer =
      sealed === undefined
        ? undefined
        : await this.#net()
            .ask(effect.to, 'sync', sealed, signal)
            .catch(() => undefined)
    const bytes = answer === undefined ? undefined : this.#frames.open('sync', answer, effect.to)
    const path = syncPathOf(effect.bytes)
    this.#countSync({ direction: 'out', path }, effect.bytes.length)
    if (bytes !== undefined) this.#countSync({ direction: 'in', path }, bytes.length)
    if (bytes === undefined) this.feed({ kind: 'syncFailed', node: effect.to })
    else this.feed({ kind: 'syncAnswered', node: effect.to, bytes })
  }

  #countSync(labels: { readonly direction: string; readonly path: string }, bytes: number): void {
    this.#counts.add('coterie_replica_sync_bytes_total', labels, bytes)
  }
}
