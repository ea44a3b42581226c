/**
 * Batches of other members, as gossip brings them.
 *
 * A joiner hears gossip as soon as it holds the key, and the time only with its first page. What comes between the two
 * would be missed until the end of that sync, and with it every later batch that names its commit key by one of them: so
 * it waits here, in order, and is merged the moment the clock runs.
 */
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import type { Core } from './core.ts'
import type { Merge } from './merge.ts'
import type { Sync } from './sync.ts'

/** Batches that wait at most, and their bytes: half a second of a busy network. What is above it comes by sync. */
const waitingMax = 256
const waitingBytesMax = 1024 * 1024

/** A batch whose author the envelope proved; its bytes are lent for good. */
export interface IncomingBatch {
  readonly author: NodeId
  readonly sequence: number
  readonly bytes: Uint8Array
}

export class Incoming {
  readonly #core: Core
  readonly #merge: Merge
  readonly #sync: Sync
  #waiting: IncomingBatch[] = []
  #waitingBytes = 0

  constructor(core: Core, merge: Merge, sync: Sync) {
    this.#core = core
    this.#merge = merge
    this.#sync = sync
  }

  /**
   * Merges a batch, or keeps it until the clock runs. Answers the commit keys that it names.
   *
   * @throws {PeerFault} for one that no honest member makes. Nothing of it is merged then.
   */
  take(batch: IncomingBatch, now: Instant): readonly Digest[] {
    const { author } = batch
    if (author === this.#core.self) return []
    if (!this.#core.clock.isSet) {
      this.#keep(batch)
      return []
    }
    const fate = this.#merge.batch(author, batch, now)
    const isMissing = fate.kind === 'unnamed' || this.#core.marks.hasGap(author)
    if (isMissing) this.#sync.missed(author, now)
    return fate.kind === 'merged' ? [fate.commitKey] : []
  }

  /** Takes out what waited for the clock, in order of arrival; nothing while it does not run. */
  due(): readonly IncomingBatch[] {
    if (this.#waiting.length === 0 || !this.#core.clock.isSet) return []
    const due = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    return due
  }

  #keep(batch: IncomingBatch): void {
    const { length } = batch.bytes
    const isFull = this.#waiting.length === waitingMax
    if (isFull || this.#waitingBytes + length > waitingBytesMax) return
    this.#waiting.push(batch)
    this.#waitingBytes += length
  }
}
