/** Makes batches of what waits in the outbox. */
import { bytesOfDigest, type Digest } from '../../base/ids.ts'
import { after, type Instant, instant, seconds } from '../../base/time.ts'
import { BatchWriter } from '../../wire/batch.ts'
import { blankEntry } from '../../wire/entry.ts'
import type { Core } from './core.ts'
import { identityKey } from './entry-hash.ts'

/** In so many batches the commit key is named in full once: who missed that one waits for a sync until the next. */
const namingInterval = 64
/** A batch of so many entries always names it: two bytes an entry. */
const namingEntriesMin = 16
/**
 * For so long after somebody came every batch names it: a newcomer's first gossip may be any of these, and one that it
 * cannot read costs it the author's live writes until a sync has shown it the key.
 */
const newcomerSpan = seconds(1)

export interface OwnBatch {
  readonly sequence: number
  readonly bytes: Uint8Array
}

export class Publisher {
  readonly #core: Core
  readonly #batch = new BatchWriter()
  readonly #entry = blankEntry()
  #nameUntil = instant(0)
  /** The commit key that was last named in full, and by which batch. */
  #named: { readonly commitKey: Digest; readonly sequence: number } | undefined

  constructor(core: Core) {
    this.#core = core
  }

  /** Somebody may listen who heard none of the batches before: the next ones name their commit key in full. */
  nameAnew(now: Instant): void {
    this.#named = undefined
    this.#nameUntil = after(now, newcomerSpan)
  }

  /** The next batch, or `undefined` if all that waited was overwritten by others meanwhile. */
  next(now: Instant): OwnBatch | undefined {
    const { map, outbox } = this.#core
    const entry = this.#entry
    const sequence = outbox.sequence + 1
    let commitKey = -1
    for (const row of outbox.waiting()) {
      map.cells.read(row, entry)
      if (entry.author !== 0) {
        // Another node's later write stands here now, and that node publishes it.
        outbox.forget(row)
        continue
      }
      if (commitKey >= 0 && entry.commitKey !== commitKey) break
      if (!this.#batch.add(entry, 0)) break
      commitKey = entry.commitKey
      this.#leave(row, sequence)
    }
    if (commitKey < 0) return undefined
    const bytes = this.#batch.finish(
      this.#nameOf(map.commitKey(commitKey), sequence, now),
      author => identityKey(map.author(author)),
    )
    outbox.take()
    return { sequence, bytes }
  }

  /** Nobody listens: numbers what waits, so that syncs carry it. */
  skip(): void {
    const { map, outbox } = this.#core
    const sequence = outbox.sequence + 1
    for (const row of outbox.waiting()) {
      if (map.cells.columns.author.at(row) === 0) this.#leave(row, sequence)
      else outbox.forget(row)
    }
    outbox.take()
    outbox.published()
    this.#named = undefined
  }

  /** How the batch names its commit key: in full, or by how long ago that was. */
  #nameOf(commitKey: Digest, sequence: number, now: Instant): Uint8Array | number {
    const named = this.#named
    const isNamed =
      named?.commitKey === commitKey &&
      sequence - named.sequence < namingInterval &&
      this.#batch.count < namingEntriesMin &&
      now >= this.#nameUntil
    if (isNamed) return sequence - named.sequence
    this.#named = { commitKey, sequence }
    return bytesOfDigest(commitKey)
  }

  /** The row gets its place in the log anew: a peer whose cursor passed it unnumbered sees it again. */
  #leave(row: number, sequence: number): void {
    const { cells } = this.#core.map
    cells.columns.sequence[row] = sequence
    cells.log.unlink(row)
    cells.log.append(row)
    this.#core.outbox.forget(row)
  }
}
