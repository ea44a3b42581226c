/**
 * The state as it was a moment ago: what light clients are shown, because replicas that still move agree on it.
 *
 * No second trie. The tries hold what is so now; beside them stand the states that gave way within the last seconds, and the root
 * of a cut is the root of the tries with those leaves taken for what they were. At rest nothing is kept and nothing hashed twice. A
 * flood is not followed: past a bound all is forgotten, and cuts are known again as soon as they lie after what was forgotten.
 */
import { compareBytes } from '../../base/bytes.ts'
import type { Digest } from '../../base/ids.ts'
import { blankEntry, type EntryView, entryKind } from '../../wire/entry.ts'
import { leafHash } from '../../wire/state-proof.ts'
import { rowFlag } from './columns.ts'
import type { OtherLeaves } from './commitment.ts'
import { leafContent, leafPath, saltInput } from './entry-hash.ts'
import type { EntryListener, EntryMap } from './lattice.ts'
import type { OtherLeaf } from './trie.ts'

/**
 * Rows and states that are remembered, some 350 bytes each: with as many rows as a heartbeat hashes (`resting-roots.ts`) moving each
 * second, the newest cut takes half of them.
 */
export const statesMax = 12_288
/** Bytes of their values. */
const valueBytesMax = 4 * 1024 * 1024
/** Cuts under which keys can still be proved: clients fetch a checkpoint first and proofs then. */
export const cutsKept = 10
/** Came before all cuts that are kept. */
const longAgo = -1

/** A state of a cell that gave way, or that came too late to be taken. */
interface PastState {
  readonly entry: EntryView
  /** How many cuts were made when it came. */
  readonly arrived: number
  hash: Uint8Array | undefined
}

interface MovedRow {
  /** In the order of the cell, earliest first; all before the state in the row. */
  states: PastState[]
  /** How many cuts were made when the state in the row came. */
  arrived: number
  path: Uint8Array | undefined
}

/** A cut whose roots were told. */
export interface Cut {
  /** Group clock, milliseconds. */
  readonly ms: number
  /** What came when more cuts were made is not in it, whatever its stamp. */
  readonly number: number
}

export interface PastPorts {
  /** As `ReplicaPorts.commitSalt`. */
  readonly salt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined
  /** The hash of the leaf that stands for a row now, if it is at hand. */
  readonly leafOf: (row: number) => Uint8Array | undefined
  /** Whether the state in a row is this node's own and in no batch yet. */
  readonly isUnpublished: (row: number) => boolean
  /** Whether an entry that is its author's alone was signed by it. */
  readonly isGenuine: (entry: EntryView) => boolean
}

export class Past implements EntryListener {
  readonly #map: EntryMap
  readonly #ports: PastPorts
  readonly #rows = new Map<number, MovedRow>()
  readonly #entry = blankEntry()
  #cuts: Cut[] = []
  #made = 0
  #states = 0
  #valueBytes = 0
  /** Whether rows are not followed until the next cut. */
  #isLost = true
  /** No stamp of a row that moved unfollowed is after this. */
  #lostTo = 0

  constructor(map: EntryMap, ports: PastPorts) {
    this.#map = map
    this.#ports = ports
  }

  /** Whether anything is remembered to which a late state could belong. */
  get isFollowing(): boolean {
    return this.#rows.size > 0
  }

  /** As far as they are kept, earliest first; at most `cutsKept`. */
  get cuts(): readonly Cut[] {
    return this.#cuts
  }

  replacing(row: number): void {
    // What nobody else will ever see was no state of the network: the others must come to the same roots.
    if (this.#isLost || this.#ports.isUnpublished(row)) return
    const entry = blankEntry()
    this.#map.cells.read(row, entry)
    const moved = this.#moved(row, longAgo)
    // At rest it was hashed already, for the root of a heartbeat.
    const hash = this.#ports.leafOf(row)
    moved.states.push({ entry: this.#held(entry), arrived: moved.arrived, hash })
  }

  changed(row: number): void {
    if (this.#isLost) {
      this.#lostTo = Math.max(this.#lostTo, this.#map.cells.columns.ms.at(row))
      return
    }
    this.#moved(row, this.#made).arrived = this.#made
    this.#bound()
  }

  passedOver(row: number, entry: EntryView): void {
    const moved = this.#rows.get(row)
    if (moved === undefined || entry.ms === this.#map.cells.columns.ms.at(row)) return
    let at = moved.states.length
    for (; at > 0; at--) {
      const order = this.#map.compare(entry, moved.states[at - 1]?.entry ?? entry)
      if (order === 0) return
      if (order > 0) break
    }
    // Nobody has checked it so far, because it changes nothing that is so now.
    if (entry.signatureStart >= 0 && !this.#ports.isGenuine(entry)) return
    const state = { entry: this.#held({ ...entry }), arrived: this.#made, hash: undefined }
    moved.states.splice(at, 0, state)
    this.#bound()
  }

  /** Nobody says when exactly another replica erases it too: cuts are known again once they lie after this moment. */
  erasing(): void {
    this.lose()
  }

  /** Forgets everything; the next cuts are unknown. */
  lose(): void {
    if (this.#isLost) return
    const { ms } = this.#map.cells.columns
    for (const row of this.#rows.keys()) this.#lostTo = Math.max(this.#lostTo, ms.at(row))
    for (const row of [...this.#rows.keys()]) this.#forget(row)
    this.#cuts = []
    this.#isLost = true
  }

  /** As `lose`, when stamps known so far may have gone: the clock was set back. */
  restart(): void {
    this.lose()
    const { cells } = this.#map
    this.#lostTo = 0
    for (let row = 0; row < cells.rowCount; row++) {
      if (cells.has(row, rowFlag.isEntry)) {
        this.#lostTo = Math.max(this.#lostTo, cells.columns.ms.at(row))
      }
    }
  }

  /** Makes a cut at `ms`, later than the last one; `groupMs` is the time now. `undefined` if too much moved since. */
  cut(ms: number, groupMs: number): Cut | undefined {
    if (this.#isLost) {
      this.#lostTo = Math.max(this.#lostTo, groupMs)
      this.#isLost = false
    }
    if (ms < this.#lostTo) return undefined
    const cut = { ms, number: this.#made++ }
    this.#cuts = [...this.#cuts, cut].slice(-cutsKept)
    this.#trim()
    return cut
  }

  /** Takes back a cut whose roots could not be told. */
  drop(cut: Cut): void {
    this.#cuts = this.#cuts.filter(other => other !== cut)
  }

  /** What the leaves were at a cut, where they differ from now; `undefined` while a commit key is missing. */
  leavesAt(cut: Cut, tries: 'both' | 'public'): OtherLeaves | undefined {
    const others: { public: OtherLeaf[]; private: OtherLeaf[] } = { public: [], private: [] }
    for (const [row, moved] of this.#rows) {
      const isPublic = this.#map.cells.has(row, rowFlag.isPublic)
      if (!isPublic && tries === 'public') continue
      const state = this.#stateAt(row, moved, cut)
      if (state === 'now') continue
      const hash = state === undefined ? undefined : this.#hashOf(row, state, isPublic)
      if (state !== undefined && hash === undefined) return undefined
      moved.path ??= this.#pathOf(row)
      const leaf = { row, path: moved.path, hash }
      if (isPublic) others.public.push(leaf)
      else others.private.push(leaf)
    }
    others.public.sort((left, right) => compareBytes(left.path, right.path))
    others.private.sort((left, right) => compareBytes(left.path, right.path))
    return others
  }

  /** The entry that stood in a row at a cut; `undefined` if none did. Valid until the next change. */
  entryAt(row: number, cut: Cut): EntryView | undefined {
    const moved = this.#rows.get(row)
    const state = moved === undefined ? 'now' : this.#stateAt(row, moved, cut)
    if (state === undefined) return undefined
    return state === 'now' ? this.#now(row) : this.#whole(row, state)
  }

  #stateAt(row: number, { states, arrived }: MovedRow, cut: Cut): PastState | 'now' | undefined {
    const { ms } = this.#map.cells.columns
    if (arrived <= cut.number && ms.at(row) <= cut.ms) return 'now'
    return states.findLast(state => state.arrived <= cut.number && state.entry.ms <= cut.ms)
  }

  #hashOf(row: number, state: PastState, isPublic: boolean): Uint8Array | undefined {
    if (state.hash !== undefined) return state.hash
    const entry = this.#whole(row, state)
    const commitKey = this.#map.commitKey(entry.commitKey)
    const salt = isPublic ? noSalt : this.#ports.salt(commitKey, saltInput(entry, this.#map))
    if (salt === undefined) return undefined
    state.hash = leafHash(leafPath(entry, this.#map), leafContent(entry, this.#map, salt))
    return state.hash
  }

  #pathOf(row: number): Uint8Array {
    return leafPath(this.#now(row), this.#map)
  }

  #now(row: number): EntryView {
    this.#map.cells.read(row, this.#entry)
    return this.#entry
  }

  /** A past state with the names of its cell, which are kept with the row alone. */
  #whole(row: number, { entry }: PastState): EntryView {
    const { key, keyStart, keyEnd, element, elementStart, elementEnd } = this.#now(row)
    return { ...entry, key, keyStart, keyEnd, element, elementStart, elementEnd }
  }

  #moved(row: number, arrived: number): MovedRow {
    const known = this.#rows.get(row)
    if (known !== undefined) return known
    const made: MovedRow = { states: [], arrived, path: undefined }
    this.#rows.set(row, made)
    this.#states++
    return made
  }

  /** Holds on to what a state needs to be hashed. */
  #held(entry: EntryView): EntryView {
    const { authors, commitKeys } = this.#map
    entry.value = entry.value.slice(entry.valueStart, entry.valueEnd)
    entry.valueStart = 0
    entry.valueEnd = entry.value.length
    entry.key = entry.element = entry.signature = none
    entry.signatureStart = -1
    authors.use(entry.author)
    if (entry.kind !== entryKind.register) authors.use(entry.tagAuthor)
    commitKeys.use(entry.commitKey)
    this.#states++
    this.#valueBytes += entry.value.length
    return entry
  }

  #released({ entry }: PastState): void {
    const { authors, commitKeys } = this.#map
    authors.release(entry.author)
    if (entry.kind !== entryKind.register) authors.release(entry.tagAuthor)
    commitKeys.release(entry.commitKey)
    this.#states--
    this.#valueBytes -= entry.value.length
  }

  #forget(row: number): void {
    for (const state of this.#rows.get(row)?.states ?? []) this.#released(state)
    if (this.#rows.delete(row)) this.#states--
  }

  #isFull(share: number): boolean {
    return this.#states > statesMax * share || this.#valueBytes > valueBytesMax * share
  }

  /** Gives up older cuts first; all, if even the newest takes too much. */
  #bound(): void {
    if (!this.#isFull(1)) return
    this.#cuts = this.#cuts.slice(-1)
    this.#trim()
    if (this.#isFull(0.5)) this.lose()
  }

  /** Forgets what no cut that is kept can ask for, nor any to come. */
  #trim(): void {
    const first = this.#cuts[0]
    if (first === undefined) return
    for (const [row, moved] of this.#rows) {
      const state = this.#stateAt(row, moved, first)
      if (state === 'now') this.#forget(row)
      if (state === 'now' || state === undefined) continue
      const at = moved.states.indexOf(state)
      for (const before of moved.states.splice(0, at)) this.#released(before)
    }
  }
}

const none = new Uint8Array(0)
const noSalt = none
