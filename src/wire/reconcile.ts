/**
 * Anti-entropy by difference, on stream `sync` beside the pages of `sync.ts`: three questions, packed. Final.
 *
 * The first byte tells them from a page request, which is a CBOR map and starts at 0xa0 or above.
 */
import { PeerFault } from '../base/errors.ts'
import { sequenceMax, stampMsMax } from './entry.ts'
import { limits } from './limits.ts'
import { PackedReader, PackedWriter } from './packed.ts'

/** Counters of the estimate; each travels as its low byte, the first `wideCounters` with eight bits more. */
export const counters = 96
export const wideCounters = 16
const countersBytes = counters + wideCounters
const logBytes = 16
const hashBytes = 8
const symbolBytes = 8
const idBytes = 6
/** Children of one node that are shown at once, four bits below it. */
export const fanOut = 16

const kinds = { sketch: 1, exchange: 2, descent: 3 } as const

/** Asks for coded symbols from `first` on. */
export interface SketchQuestion {
  readonly kind: 'sketch'
  readonly first: number
  /** How many; 0 has the answerer judge by the counters. */
  readonly count: number
  /** Entries that the asker holds. */
  readonly entries: number
  /** 112 bytes: low bytes of the asker's counters, then the next bits of the first of them. */
  readonly counters: Uint8Array
}

export interface SketchAnswer {
  /** The answerer's change log and its number when the symbols were taken. */
  readonly log: Uint8Array
  readonly head: number
  readonly groupClock: number
  readonly floor: number
  readonly syncedAt: number
  /** The answerer's own sequence, and how far it holds the asker's batches. */
  readonly sequence: number
  readonly held: number
  /** High and low half of each symbol; none if a snapshot is cheaper. */
  readonly symbols: Uint32Array
}

/** Names what the asker lacks and brings what the answerer lacks. */
export interface ExchangeQuestion {
  readonly kind: 'exchange'
  /** As in a page answer: the group time of the asker's last full sync from the answerer. */
  readonly syncedAt: number
  /** Ids of items, below 2^48. */
  readonly wants: readonly number[]
  /** `SyncPageWriter` wrote it. */
  readonly page: Uint8Array
}

export interface PageAnswer {
  /** How many of the questions, from the first, the page answers. */
  readonly answered: number
  readonly page: Uint8Array
}

/** Bits from the root of a trie down: `path` holds `bits` of them, the rest zero. */
export interface Branch {
  readonly isPublic: boolean
  readonly bits: number
  readonly path: Uint8Array
}

export interface DescentQuestion {
  readonly kind: 'descent'
  readonly branches: readonly Branch[]
}

export interface DescentAnswer {
  readonly groupClock: number
  readonly syncedAt: number
  /** Per branch 16 hashes of 8 bytes, one for each four bits below; `null` if its entries are in the page. */
  readonly children: readonly (Uint8Array | null)[]
  readonly page: Uint8Array
}

export type ReconcileQuestion = SketchQuestion | ExchangeQuestion | DescentQuestion

/** Whether a request on stream `sync` is one of these. */
export function isReconcileQuestion(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0xff) < 0xa0
}

export function encodeQuestion(question: ReconcileQuestion): Uint8Array {
  const out = new PackedWriter()
  out.byte(kinds[question.kind])
  if (question.kind === 'sketch') {
    out.uint(question.first)
    out.uint(question.count)
    out.uint(question.entries)
    if (question.count === 0) out.run(question.counters, 0, countersBytes)
  } else if (question.kind === 'exchange') {
    out.uint(question.syncedAt)
    out.uint(question.wants.length)
    for (const id of question.wants) putId(out, id)
    out.run(question.page, 0, question.page.length)
  } else {
    out.uint(question.branches.length)
    for (const { isPublic, bits, path } of question.branches) {
      out.byte(isPublic ? 1 : 0)
      out.uint(bits)
      out.run(path, 0, Math.ceil(bits / 8))
    }
  }
  return out.copy()
}

/** Parses strictly. @throws {PeerFault} `BAD_RECONCILE`, `PACKED_…`. */
export function decodeQuestion(bytes: Uint8Array): ReconcileQuestion {
  const source = new PackedReader(bytes)
  const kind = source.byte()
  if (kind === kinds.sketch) return readSketchQuestion(source)
  if (kind === kinds.exchange) {
    const syncedAt = source.uintUpTo(stampMsMax)
    const wants = readIds(source, source.uintUpTo(limits.exchangeWantsMax))
    return { kind: 'exchange', syncedAt, wants, page: readPage(source) }
  }
  if (kind !== kinds.descent) throw new PeerFault('BAD_RECONCILE', 'no such question')
  const branches: Branch[] = []
  for (let left = source.uintUpTo(limits.descentBranchesMax); left > 0; left--) {
    const isPublic = source.uintUpTo(1) === 1
    const bits = source.uintUpTo(limits.descentBitsMax)
    const start = source.run(Math.ceil(bits / 8))
    branches.push({ isPublic, bits, path: bytes.subarray(start, source.at) })
  }
  source.end()
  return { kind: 'descent', branches }
}

export function encodeSketchAnswer(answer: SketchAnswer): Uint8Array {
  const out = new PackedWriter()
  out.run(answer.log, 0, logBytes)
  for (const field of numbersOf(answer)) out.uint(field)
  const symbols = new Uint8Array(answer.symbols.length * 4)
  const view = new DataView(symbols.buffer)
  for (const [i, word] of answer.symbols.entries()) view.setUint32(4 * i, word)
  out.run(symbols, 0, symbols.length)
  return out.copy()
}

/** Parses strictly. @throws {PeerFault} `BAD_RECONCILE`, `PACKED_…`. */
export function decodeSketchAnswer(bytes: Uint8Array): SketchAnswer {
  const source = new PackedReader(bytes)
  const start = source.run(logBytes)
  const log = bytes.slice(start, source.at)
  const head = source.uint()
  const groupClock = source.uintUpTo(stampMsMax)
  const floor = source.uintUpTo(stampMsMax)
  const syncedAt = source.uintUpTo(stampMsMax)
  const sequence = source.uintUpTo(sequenceMax)
  const held = source.uintUpTo(sequenceMax)
  const left = bytes.length - source.at
  if (left % symbolBytes !== 0 || left > limits.sketchSymbolsMax * symbolBytes) {
    throw new PeerFault('BAD_RECONCILE', 'symbols are whole and bounded')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + source.at, left)
  const symbols = Uint32Array.from({ length: left / 4 }, (_, i) => view.getUint32(4 * i))
  return { log, head, groupClock, floor, syncedAt, sequence, held, symbols }
}

export function encodePageAnswer(answer: PageAnswer): Uint8Array {
  const out = new PackedWriter()
  out.uint(answer.answered)
  out.run(answer.page, 0, answer.page.length)
  return out.copy()
}

/** Parses strictly but for the page. @throws {PeerFault} `BAD_RECONCILE`, `PACKED_…`. */
export function decodePageAnswer(bytes: Uint8Array): PageAnswer {
  const source = new PackedReader(bytes)
  return { answered: source.uintUpTo(limits.exchangeWantsMax), page: readPage(source) }
}

export function encodeDescentAnswer(answer: DescentAnswer): Uint8Array {
  const out = new PackedWriter()
  out.uint(answer.groupClock)
  out.uint(answer.syncedAt)
  out.uint(answer.children.length)
  for (const hashes of answer.children) {
    out.byte(hashes === null ? 0 : 1)
    if (hashes !== null) out.run(hashes, 0, fanOut * hashBytes)
  }
  out.run(answer.page, 0, answer.page.length)
  return out.copy()
}

/** Parses strictly but for the page. @throws {PeerFault} `BAD_RECONCILE`, `PACKED_…`. */
export function decodeDescentAnswer(bytes: Uint8Array): DescentAnswer {
  const source = new PackedReader(bytes)
  const groupClock = source.uintUpTo(stampMsMax)
  const syncedAt = source.uintUpTo(stampMsMax)
  const children: (Uint8Array | null)[] = []
  for (let left = source.uintUpTo(limits.descentBranchesMax); left > 0; left--) {
    if (source.uintUpTo(1) === 0) {
      children.push(null)
      continue
    }
    const start = source.run(fanOut * hashBytes)
    children.push(bytes.subarray(start, source.at))
  }
  return { groupClock, syncedAt, children, page: readPage(source) }
}

function readSketchQuestion(source: PackedReader): SketchQuestion {
  const first = source.uintUpTo(limits.sketchSymbolsMax)
  const count = source.uintUpTo(limits.sketchSymbolsMax)
  const entries = source.uint()
  let read = new Uint8Array(0)
  if (count === 0) {
    const start = source.run(countersBytes)
    read = source.bytes.slice(start, source.at)
  }
  source.end()
  return { kind: 'sketch', first, count, entries, counters: read }
}

function numbersOf(answer: SketchAnswer): readonly number[] {
  const { head, groupClock, floor, syncedAt, sequence, held } = answer
  return [head, groupClock, floor, syncedAt, sequence, held]
}

function putId(out: PackedWriter, id: number): void {
  const [high, low] = [Math.floor(id / 2 ** 32), id % 2 ** 32]
  for (const word of [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low])
    out.byte(word & 0xff)
}

function readIds(source: PackedReader, count: number): number[] {
  const ids: number[] = []
  for (let i = 0; i < count; i++) {
    let id = 0
    for (let byte = 0; byte < idBytes; byte++) id = id * 256 + source.byte()
    ids.push(id)
  }
  return ids
}

/** The rest of a message. */
function readPage(source: PackedReader): Uint8Array {
  const left = source.bytes.length - source.at
  if (left < 1 || left > limits.syncPageBytesMax) {
    throw new PeerFault('BAD_RECONCILE', 'a page is there and bounded')
  }
  return source.bytes.subarray(source.run(left))
}
