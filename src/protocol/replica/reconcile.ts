/**
 * One round with a member whose change log is unknown here, or whose root stays another: finds what differs
 * and brings both to the union.
 *
 * `sketch`: symbols of the other's sketch, subtracted from ours, name the items of both sides; then each gets
 * what it lacks. `descent`: walks down the tries wherever hashes differ; slower, and blind to nothing.
 */
import { equalBytes } from '../../base/bytes.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { entryKind } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import {
  decodeDescentAnswer,
  decodePageAnswer,
  decodeSketchAnswer,
  encodeQuestion,
  type SketchAnswer,
} from '../../wire/reconcile.ts'
import type { TrieBranch } from './commitment.ts'
import type { Core } from './core.ts'
import { exchangePage, inKeyOrder, knownIn } from './exchange-page.ts'
import type { Merge, PageOptions } from './merge.ts'
import { childHashes, childOf } from './reconcile-server.ts'
import { cellOf, unitsAfter } from './row-items.ts'
import { difference } from './sketch.ts'

/** Answers taken for one round: beyond them the other leads us nowhere. */
const answersMax = 64
/** Times that more symbols are asked for. */
const sketchAnswersMax = 8
/** Branches that a descent looks into: enough for some hundred differences; more go by snapshot. */
const branchesMax = 4096

/** Where the answerer stood when its symbols were taken. */
export type SketchCut = Omit<SketchAnswer, 'symbols'>

export type RoundStep =
  | { readonly kind: 'ask'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly cut: SketchCut | undefined; readonly isClean: boolean }
  /** The difference cannot be found this way, or is so large that a snapshot is cheaper. */
  | { readonly kind: 'pointless' }

export interface Round {
  /** The first question; `undefined` if this way is closed. */
  ask(): Uint8Array | undefined
  /** @throws {PeerFault} for an answer that no honest member gives. */
  take(
    bytes: Uint8Array,
    now: Instant,
  ): { readonly step: RoundStep; readonly commitKeys: readonly Digest[] }
}

interface RoundPorts {
  readonly core: Core
  readonly merge: Merge
  /** Group time of this node's last full sync from the other. */
  readonly syncedAt: number
}

export class SketchRound implements Round {
  readonly #ports: RoundPorts
  readonly #of: NodeId
  #cut: SketchCut | undefined
  #symbols = new Uint32Array(0)
  #answers = 0
  #isClean = true
  #wants: number[] = []
  #pushes: number[] = []
  /** Rows whose counterpart was taken for newer, with their place in the change log. */
  #doubted: { readonly row: number; readonly number: number }[] = []
  #asked = { wants: 0, commitKeys: [] as readonly Digest[] }

  constructor(ports: RoundPorts, of: NodeId) {
    this.#ports = ports
    this.#of = of
  }

  ask(): Uint8Array | undefined {
    const { commitment } = this.#ports.core
    if (!commitment.settle(limits.exchangeWantsMax)) return undefined
    return this.#askSymbols(0, 0)
  }

  take(bytes: Uint8Array, now: Instant): ReturnType<Round['take']> {
    if (++this.#answers > answersMax) return { step: { kind: 'pointless' }, commitKeys: [] }
    if (this.#cut === undefined || this.#symbols.length > 0) {
      return { step: this.#takeSymbols(decodeSketchAnswer(bytes), now), commitKeys: [] }
    }
    return this.#takePage(bytes, now)
  }

  #askSymbols(first: number, count: number): Uint8Array {
    const { sketch } = this.#ports.core.commitment.items
    const counters = count === 0 ? sketch.counters() : new Uint8Array(0)
    return encodeQuestion({ kind: 'sketch', first, count, entries: sketch.count, counters })
  }

  #takeSymbols(answer: SketchAnswer, now: Instant): RoundStep {
    const { core } = this.#ports
    if (answer.symbols.length === 0 || !core.commitment.settle(limits.exchangeWantsMax)) {
      return { kind: 'pointless' }
    }
    // Symbols of another moment do not continue these.
    const cut = this.#cut
    const continues =
      cut !== undefined && cut.head === answer.head && equalBytes(cut.log, answer.log)
    if (cut !== undefined && !continues) return { kind: 'pointless' }
    this.#cut ??= answer
    this.#symbols = joined(this.#symbols, answer.symbols)
    const have = this.#symbols.length / 2
    const isCut = answer.symbols.length / 2 === limits.sketchSymbolsPerAnswerMax
    // The answerer meant more than one answer holds: it judges anew what is left.
    if (isCut && have < limits.sketchSymbolsMax) {
      return { kind: 'ask', bytes: this.#askSymbols(have, 0) }
    }
    const found = difference(core.commitment.items.sketch.symbols(0, have), this.#symbols)
    if (found !== undefined) {
      this.#symbols = new Uint32Array(0)
      this.#sort(found, now)
      return this.#next()
    }
    if (this.#answers >= sketchAnswersMax || have >= limits.sketchSymbolsMax) {
      return { kind: 'pointless' }
    }
    return { kind: 'ask', bytes: this.#askSymbols(have, Math.ceil(have / 4) + 16) }
  }

  /** Who lacks what: of two states of one cell only the newer travels, if it is plain which one that is. */
  #sort(found: ReadonlySet<number>, now: Instant): void {
    const { map, commitment } = this.#ports.core
    const mine = commitment.items.rowsOf(found)
    const groupMs = this.#ports.core.mergeableMs(now)
    const cells = new Map<number, { rows: number[]; ids: number[] }>()
    for (const id of found) {
      const cell = cells.get(cellOf(id)) ?? { rows: [], ids: [] }
      cells.set(cellOf(id), cell)
      const row = mine.get(id)
      if (row === undefined) cell.ids.push(id)
      else cell.rows.push(row)
    }
    const { ms } = map.cells.columns
    const isRegister = (row: number): boolean => map.cells.kindOf(row) === entryKind.register
    for (const { rows, ids } of cells.values()) {
      const [row, id] = [rows[0], ids[0]]
      // The stamp orders the states of a register alone.
      const isPair = rows.length === 1 && ids.length === 1 && isRegister(rows[0] ?? -1)
      const order =
        isPair && row !== undefined && id !== undefined ? unitsAfter(id, ms.at(row), groupMs) : 0
      if (order <= 0) this.#pushes.push(...rows)
      if (order >= 0) this.#wants.push(...ids)
      if (order > 0 && row !== undefined) {
        this.#doubted.push({ row, number: map.cells.log.numberOf(row) })
      }
    }
    this.#pushes = inKeyOrder(this.#ports.core, this.#pushes)
  }

  #next(): RoundStep {
    const { core, syncedAt } = this.#ports
    if (this.#wants.length === 0 && this.#pushes.length === 0) this.#settleDoubts()
    if (this.#wants.length === 0 && this.#pushes.length === 0) {
      return { kind: 'done', cut: this.#cut, isClean: this.#isClean }
    }
    const table = { writer: core.self, reader: this.#of, commitKeys: [] }
    const page = exchangePage(core, this.#pushes, table)
    this.#pushes = this.#pushes.slice(page.count)
    const wants = this.#wants.slice(0, limits.exchangeWantsMax)
    this.#asked = { wants: wants.length, commitKeys: page.commitKeys }
    const bytes = encodeQuestion({ kind: 'exchange', syncedAt, wants, page: page.bytes })
    return { kind: 'ask', bytes }
  }

  /** What did not change although the other's state came is newer here: then the other lacks it. */
  #settleDoubts(): void {
    const { log } = this.#ports.core.map.cells
    for (const { row, number } of this.#doubted) {
      if (log.numberOf(row) === number) this.#pushes.push(row)
    }
    this.#doubted = []
  }

  #takePage(bytes: Uint8Array, now: Instant): ReturnType<Round['take']> {
    const { core, merge } = this.#ports
    const answer = decodePageAnswer(bytes)
    const table = { writer: this.#of, reader: core.self, commitKeys: this.#asked.commitKeys }
    const merged = merge.page(answer.page, pageOptions(this.#ports, this.#cut, table, now), now)
    this.#isClean &&= merged.isClean
    this.#wants = this.#wants.slice(Math.min(answer.answered, this.#asked.wants))
    const isStuck = this.#asked.wants > 0 && answer.answered === 0
    return { step: isStuck ? { kind: 'pointless' } : this.#next(), commitKeys: merged.commitKeys }
  }
}

export class DescentRound implements Round {
  readonly #ports: RoundPorts
  readonly #of: NodeId
  #open: TrieBranch[] = [true, false].map(isPublic => ({
    isPublic,
    bits: 0,
    path: new Uint8Array(0),
  }))
  #asked: TrieBranch[] = []
  #looked = 0
  #isClean = true

  constructor(ports: RoundPorts, of: NodeId) {
    this.#ports = ports
    this.#of = of
  }

  ask(): Uint8Array | undefined {
    return 'missing' in this.#ports.core.commitment.roots() ? undefined : this.#next()
  }

  take(bytes: Uint8Array, now: Instant): ReturnType<Round['take']> {
    const { core, merge } = this.#ports
    const answer = decodeDescentAnswer(bytes)
    const table = { writer: this.#of, reader: core.self, commitKeys: [] }
    // Own hashes first: what is merged below would mark them out of date.
    for (const [i, branch] of this.#asked.entries()) this.#compare(branch, answer.children[i])
    const merged = merge.page(answer.page, pageOptions(this.#ports, answer, table, now), now)
    this.#isClean &&= merged.isClean
    const { commitKeys } = merged
    this.#looked += this.#asked.length
    if ('missing' in core.commitment.roots() || this.#looked > branchesMax) {
      return { step: { kind: 'pointless' }, commitKeys }
    }
    const next = this.#next()
    if (next !== undefined) return { step: { kind: 'ask', bytes: next }, commitKeys }
    return { step: { kind: 'done', cut: undefined, isClean: this.#isClean }, commitKeys }
  }

  #compare(branch: TrieBranch, theirs: Uint8Array | null | undefined): void {
    if (theirs === null || theirs === undefined || branch.bits + 4 > limits.descentBitsMax) return
    const ours = childHashes(this.#ports.core, branch)
    for (let at = 0; at < ours.length; at += 8) {
      const child = theirs.subarray(at, at + 8)
      // Nothing there is nothing to get; the other asks for itself.
      if (equalBytes(child, ours.subarray(at, at + 8)) || child.every(byte => byte === 0)) continue
      this.#open.push(childOf(branch, at / 8))
    }
  }

  #next(): Uint8Array | undefined {
    this.#asked = this.#open.splice(0, limits.descentBranchesMax)
    if (this.#asked.length === 0) return undefined
    return encodeQuestion({ kind: 'descent', branches: this.#asked })
  }
}

function pageOptions(
  { core }: RoundPorts,
  answerer: { readonly syncedAt: number } | undefined,
  table: Parameters<typeof knownIn>[0],
  now: Instant,
): PageOptions {
  const floor = core.clock.floor(now) ?? 0
  const isStale = (answerer?.syncedAt ?? 0) < floor && core.marks.hasForgotten
  return { listed: undefined, isStale, known: knownIn(table), of: table.writer }
}

function joined(left: Uint32Array, right: Uint32Array): Uint32Array<ArrayBuffer> {
  const both = new Uint32Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}
