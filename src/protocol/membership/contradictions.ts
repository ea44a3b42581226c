/**
 * Authors that contradicted themselves, until their record is at hand: with it the two words are a removal item.
 *
 * The record is the author's hello or comes from others, so it may come a moment after them.
 */

import { BoundedMap } from '../../base/bounded-map.ts'
import { compareBytes } from '../../base/bytes.ts'
import { bytesOfDigest, type NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import { encodeRemoval } from '../../wire/removal.ts'
import type { Core } from './core.ts'

/** Two beats of 4 KiB each at most: 0.5 MiB. */
const waitingMax = 64

/** Two signed words of one author that exclude each other. */
export interface Contradiction {
  readonly of: 'beats' | 'checkpoints'
  readonly first: Uint8Array
  readonly second: Uint8Array
}

export class Contradictions {
  readonly #core: Pick<Core, 'network' | 'roster' | 'outbox'>
  readonly #waiting = new BoundedMap<NodeId, Contradiction>(waitingMax)

  constructor(core: Pick<Core, 'network' | 'roster' | 'outbox'>) {
    this.#core = core
  }

  note(author: NodeId, words: Contradiction): void {
    this.#waiting.set(author, words)
  }

  /** Items whose proof is whole now, each once. */
  ready(now: Instant): readonly Uint8Array[] {
    const items: Uint8Array[] = []
    for (const author of [...this.#waiting.keys()]) {
      const words = this.#waiting.peek(author)
      const record = this.#core.roster.record(author, now)
      if (words === undefined || record === undefined) continue
      this.#waiting.delete(author)
      if (record.evidence.body.length <= limits.removalEvidenceBytesMax) {
        items.push(this.#item(words, record))
      } else {
        this.#core.outbox.event('warn', 'REMOVAL_EVIDENCE_TOO_LARGE', { node: author, facts: {} })
      }
    }
    return items
  }

  #item({ of, first, second }: Contradiction, record: MemberRecord): Uint8Array {
    const network = bytesOfDigest(this.#core.network)
    const isOrdered = compareBytes(first, second) < 0
    const words = isOrdered ? { first, second } : { first: second, second: first }
    const kind = of === 'beats' ? 'double-beat' : 'double-checkpoint'
    return encodeRemoval({ kind, network, ...words, record })
  }
}
