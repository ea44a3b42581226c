/** Answers a member that looks for the difference: symbols, an exchange of entries, a look into the tries. */
import { type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import {
  type DescentQuestion,
  decodeQuestion,
  type ExchangeQuestion,
  encodeDescentAnswer,
  encodePageAnswer,
  encodeSketchAnswer,
  fanOut,
  type SketchQuestion,
} from '../../wire/reconcile.ts'
import { parseSyncPage } from '../../wire/sync.ts'
import type { TrieBranch } from './commitment.ts'
import type { Core } from './core.ts'
import { exchangePage, inKeyOrder, knownIn } from './exchange-page.ts'
import type { Merge } from './merge.ts'
import { symbolsFor } from './sketch.ts'

/** Leaves hashed for one question: about 20 ms. With more in arrears a snapshot is the better answer. */
const arrearsMax = 2000
/** A branch with so few entries is answered with them. */
export const branchEntriesMax = 16
/** A difference above an eighth of all entries goes by snapshot; the estimate may be a third too high. */
const snapshotPart = 6
/** So many symbols at least follow those of an answer that was full. */
const moreSymbolsMin = 1024
/** Below so many differing items the sketch is always the cheaper. */
const fewItems = 64

/** Who asks, as this node knows it. */
interface Asker {
  readonly node: NodeId
  /** Group time of this node's last full sync from it. */
  readonly syncedAt: number
  readonly isActive: boolean
}

export interface ServedAnswer {
  readonly bytes: Uint8Array
  /** Named by entries that came with the question. */
  readonly commitKeys: readonly Digest[]
}

export class ReconcileServer {
  readonly #core: Core
  readonly #merge: Merge
  readonly #log: Uint8Array

  /** `log` is the name of this node's change log. */
  constructor(core: Core, merge: Merge, log: Uint8Array) {
    this.#core = core
    this.#merge = merge
    this.#log = log
  }

  /** @throws {PeerFault} for a question that no honest member asks; nothing of it is merged then. */
  answer(bytes: Uint8Array, asker: Asker, now: Instant): ServedAnswer {
    const question = decodeQuestion(bytes)
    if (question.kind === 'exchange') return this.#exchange(question, asker, now)
    const answer =
      question.kind === 'sketch'
        ? this.#symbols(question, asker, now)
        : this.#descend(question, asker, now)
    return { bytes: answer, commitKeys: [] }
  }

  #symbols(question: SketchQuestion, asker: Asker, now: Instant): Uint8Array {
    const { commitment, clock, map, marks, outbox } = this.#core
    const isKnown = commitment.settle(arrearsMax)
    const { sketch } = commitment.items
    let count = Math.min(question.count, limits.sketchSymbolsPerAnswerMax)
    if (question.count === 0) {
      const items = sketch.estimate(question.counters)
      const most = Math.max(sketch.count, question.entries, fewItems * snapshotPart)
      const isTooMuch = items / 2 > most / snapshotPart
      // Who asks for what is left is told some in any case: none would say that a snapshot is cheaper.
      const least = question.first > 0 ? moreSymbolsMin : 0
      const wanted = Math.max(symbolsFor(items) - question.first, least)
      count = isTooMuch ? 0 : Math.min(wanted, limits.sketchSymbolsPerAnswerMax)
    }
    return encodeSketchAnswer({
      log: this.#log,
      head: map.cells.log.head,
      groupClock: clock.read(now) ?? 0,
      floor: clock.floor(now) ?? 0,
      syncedAt: asker.syncedAt,
      sequence: outbox.sequence,
      held: marks.heldOf(asker.node),
      symbols: isKnown ? sketch.symbols(question.first, count) : new Uint32Array(0),
    })
  }

  #exchange(question: ExchangeQuestion, asker: Asker, now: Instant): ServedAnswer {
    const core = this.#core
    const floor = core.clock.floor(now) ?? 0
    // As with any page; and who missed a floor of ours may bring what was removed and forgotten here.
    const isStale = question.syncedAt < floor || !asker.isActive
    const table = { writer: asker.node, reader: core.self, commitKeys: [] }
    const options = { listed: undefined, isStale: core.marks.hasForgotten, known: knownIn(table) }
    // Merged or not, what the page names is not repeated in the answer: the asker cannot know what becomes of it.
    const { commitKeys } = isStale
      ? { commitKeys: parseSyncPage(question.page, options.known).commitKeys.map(digestOf) }
      : this.#merge.page(question.page, options, now)
    const rows = core.commitment.items.rowsOf(new Set(question.wants))
    const wanted = question.wants.map(id => rows.get(id) ?? -1)
    const answering = { writer: core.self, reader: asker.node, commitKeys }
    const whole = exchangePage(core, inKeyOrder(core, wanted), answering)
    // What does not go into one page is answered in the order asked.
    const page = whole.count === wanted.length ? whole : exchangePage(core, wanted, answering)
    const bytes = encodePageAnswer({ answered: page.count, page: page.bytes })
    return { bytes, commitKeys: isStale ? [] : commitKeys }
  }

  #descend(question: DescentQuestion, asker: Asker, now: Instant): Uint8Array {
    const core = this.#core
    const isAtHand = core.commitment.settle(arrearsMax) && !('missing' in core.commitment.roots())
    const children: (Uint8Array | null)[] = []
    const rows: number[] = []
    // Without tries there is no answer to any branch.
    for (const branch of isAtHand ? question.branches : []) {
      const under = core.commitment.rowsUnder(branch, branchEntriesMax + 1)
      if (under.length <= branchEntriesMax || branch.bits + 4 > limits.descentBitsMax) {
        children.push(null)
        rows.push(...under)
      } else {
        children.push(childHashes(core, branch))
      }
    }
    const table = { writer: core.self, reader: asker.node, commitKeys: [] }
    const { bytes: page } = exchangePage(core, rows, table)
    const groupClock = core.clock.read(now) ?? 0
    return encodeDescentAnswer({ groupClock, syncedAt: asker.syncedAt, children, page })
  }
}

/** The first 8 bytes of the hash of each of the 16 branches four bits below; zeros where nothing is. */
export function childHashes(core: Core, branch: TrieBranch): Uint8Array {
  const hashes = new Uint8Array(8 * fanOut)
  for (let nibble = 0; nibble < fanOut; nibble++) {
    const hash = core.commitment.hashUnder(childOf(branch, nibble))
    if (hash !== undefined) hashes.set(hash.subarray(0, 8), 8 * nibble)
  }
  return hashes
}

/** The branch four bits below. */
export function childOf({ isPublic, bits, path }: TrieBranch, nibble: number): TrieBranch {
  const longer = new Uint8Array(Math.ceil((bits + 4) / 8))
  longer.set(path.subarray(0, longer.length))
  const byte = bits >> 3
  longer[byte] = (longer[byte] ?? 0) | (bits % 8 === 0 ? nibble << 4 : nibble)
  return { isPublic, bits: bits + 4, path: longer }
}
