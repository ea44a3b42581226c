import type { Refusal } from '../attestation/verdict.ts'
import { type CoterieError, UsageError } from '../base/errors.ts'
import { between, type Clock } from '../base/time.ts'
import type { Operation, ReplicaChange } from '../protocol/replica/types.ts'
import { limits } from '../wire/limits.ts'
import { encodeKeyProof } from '../wire/state-proof.ts'
import type { ReplicaDriver } from './drivers/replica.ts'
import type {
  StateApi,
  StateEntry,
  StateEvent,
  StateProof,
  WriteOptions,
  WriteReceipt,
} from './handle.ts'
import type { Histogram } from './histogram.ts'
import { proofError } from './proof-errors.ts'
import { writeError } from './write-errors.ts'

const listDefault = 100
const listMax = 1_000
/** Changes taken from the log at a time, so that a slow watcher costs no memory. */
const changesPerRead = 256

/** The replicated state as applications see it, over the replica's driver. */
export class NodeState implements StateApi {
  readonly #driver: () => ReplicaDriver
  readonly #refusal: () => Refusal | undefined
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #spans: Pick<Histogram, 'add'>
  /** Tells cursors of this boot from others. */
  readonly #boot: string
  #wakeWatchers: (() => void)[] = []
  #isStopped = false
  #written = 0

  /** `refusal` says why the manifest does not admit this node, if so: then nothing is written. */
  constructor(
    ports: {
      readonly driver: () => ReplicaDriver
      readonly refusal: () => Refusal | undefined
      readonly clock: Pick<Clock, 'monotonic'>
      /** Takes how long each acknowledged write took. */
      readonly spans: Pick<Histogram, 'add'>
    },
    options: { readonly boot: string },
  ) {
    this.#driver = ports.driver
    this.#refusal = ports.refusal
    this.#clock = ports.clock
    this.#spans = ports.spans
    this.#boot = options.boot
  }

  /** Writes acknowledged since the start, for rates. */
  get written(): number {
    return this.#written
  }

  set(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'set', key, value }, options)
  }

  delete(key: string, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'delete', key }, options)
  }

  add(key: string, element: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'add', key, element }, options)
  }

  remove(key: string, element: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'remove', key, element }, options)
  }

  assign(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'assign', key, value }, options)
  }

  increment(key: string, by: number, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#write({ kind: 'increment', key, by }, options)
  }

  get(key: string): StateEntry | undefined {
    return this.#driver().machine.get(key)
  }

  prove(key: string): StateProof {
    const made = this.#driver().machine.proveKey(key)
    if (typeof made === 'string') throw proofError(made)
    const proof = encodeKeyProof(made.proof)
    if (proof.length > limits.proofBytesMax) throw proofError('PROOF_TOO_LARGE')
    return { key, isPublic: made.proof.isPublic, root: made.root.slice(), proof }
  }

  list(query: {
    readonly prefix?: string
    readonly after?: string
    readonly limit?: number
  }): readonly StateEntry[] {
    const { prefix = '', after, limit = listDefault } = query
    if (!Number.isInteger(limit) || limit < 1 || limit > listMax) {
      throw new UsageError('BAD_LIMIT', `A listing takes a limit from 1 to ${listMax}.`)
    }
    return this.#driver().machine.list({ prefix, after, limit })
  }

  async *watch(query: {
    readonly prefix?: string
    readonly cursor?: string
    readonly signal?: AbortSignal
  }): AsyncGenerator<StateEvent> {
    const { prefix = '', signal } = query
    const replica = this.#driver().machine
    let cursor = query.cursor === undefined ? replica.watchCursor : this.#position(query.cursor)
    const wake = (): void => this.changed()
    signal?.addEventListener('abort', wake)
    try {
      while (!this.#isStopped && signal?.aborted !== true) {
        const read = replica.changesAfter({ cursor, prefix, limit: changesPerRead })
        if (read === undefined) throw cursorGone()
        const hasMore = read.cursor !== cursor
        cursor = read.cursor
        for (const change of read.changes) yield this.#event(change)
        if (!hasMore) await new Promise<void>(resolve => this.#wakeWatchers.push(resolve))
      }
    } finally {
      signal?.removeEventListener('abort', wake)
    }
  }

  /** Watchers look again. */
  changed(): void {
    const watchers = this.#wakeWatchers
    if (watchers.length === 0) return
    this.#wakeWatchers = []
    for (const wakeWatcher of watchers) wakeWatcher()
  }

  /** Ends every watch. */
  stop(): void {
    this.#isStopped = true
    this.changed()
  }

  async #write(operation: Operation, options: WriteOptions): Promise<WriteReceipt> {
    const driver = this.#driver()
    if (this.#refusal() !== undefined) throw writeError('NOT_ADMITTED')
    const began = this.#clock.monotonic()
    const acknowledgedBy = await driver.write(operation, options.ack ?? 1, options.signal)
    this.#written++
    this.#spans.add(between(began, this.#clock.monotonic()))
    return { key: operation.key, acknowledgedBy }
  }

  #event(change: ReplicaChange): StateEvent {
    return { cursor: `${this.#boot}.${change.cursor}`, key: change.key, entry: change.entry }
  }

  #position(cursor: string): number {
    const [boot, position, ...rest] = cursor.split('.')
    if (boot === undefined || !/^\d{1,15}$/.test(position ?? '') || rest.length > 0) {
      throw new UsageError('BAD_CURSOR', 'The cursor is not one that a watch has given.')
    }
    if (boot !== this.#boot) throw cursorGone()
    return Number(position)
  }
}

function cursorGone(): CoterieError {
  return new UsageError('CURSOR_GONE', 'Changes since this cursor are no longer held.', {
    next: 'List the state again, then watch from now on.',
  })
}
