/**
 * Authors that contradicted themselves, until their record is at hand: with it the two beats are a removal item.
 *
 * The record is the author's hello or comes from others, so it may come a moment after the beats.
 */

import { BoundedMap } from '../../base/bounded-map.ts'
import { compareBytes } from '../../base/bytes.ts'
import { bytesOfDigest, type NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import { encodeRemoval } from '../../wire/removal.ts'
import type { Core } from './core.ts'

/** Two beats of 4 KiB each: 0.5 MiB. */
const waitingMax = 64

interface Beats {
  readonly first: Uint8Array
  readonly second: Uint8Array
}

export class Contradictions {
  readonly #core: Pick<Core, 'network' | 'roster' | 'outbox'>
  readonly #waiting = new BoundedMap<NodeId, Beats>(waitingMax)

  constructor(core: Pick<Core, 'network' | 'roster' | 'outbox'>) {
    this.#core = core
  }

  note(author: NodeId, beats: Beats): void {
    this.#waiting.set(author, beats)
  }

  /** Items whose proof is whole now, each once. */
  ready(now: Instant): readonly Uint8Array[] {
    const items: Uint8Array[] = []
    for (const author of [...this.#waiting.keys()]) {
      const beats = this.#waiting.peek(author)
      const record = this.#core.roster.record(author, now)
      if (beats === undefined || record === undefined) continue
      this.#waiting.delete(author)
      if (record.evidence.body.length <= limits.removalEvidenceBytesMax) {
        items.push(this.#item(beats, record))
      } else {
        this.#core.outbox.event('warn', 'REMOVAL_EVIDENCE_TOO_LARGE', { node: author, facts: {} })
      }
    }
    return items
  }

  #item({ first, second }: Beats, record: MemberRecord): Uint8Array {
    const network = bytesOfDigest(this.#core.network)
    const isOrdered = compareBytes(first, second) < 0
    const beats = isOrdered ? { first, second } : { first: second, second: first }
    return encodeRemoval({ kind: 'double-beat', network, ...beats, record })
  }
}
