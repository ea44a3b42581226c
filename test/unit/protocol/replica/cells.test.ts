/** Rows in columns and bytes in slabs against a plain map of objects, under random writes and erasures. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { hmacSha256 } from '../../../../src/crypto/hash.ts'
import { NarrowColumn, WideColumn } from '../../../../src/protocol/replica/column.ts'
import { Commitment } from '../../../../src/protocol/replica/commitment.ts'
import { EntryMap } from '../../../../src/protocol/replica/lattice.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { seeded } from '../../../fakes/replica-network.ts'

const authors: NodeId[] = [1, 2, 3].map(i => nodeIdOfKey(new Uint8Array(32).fill(i)))
const commitKey = digestOf(new Uint8Array(32).fill(7))

interface Write {
  readonly key: number
  readonly kind: keyof typeof entryKind
  readonly author: number
  readonly element: number
  readonly valueBytes: number
  readonly isRemoved: boolean
  /** Erases the cell instead. */
  readonly isErasure: boolean
}

/** An `EntryMap` beside the plain map that it must equal. */
class Pair {
  readonly commitment: Commitment
  readonly map: EntryMap
  /** By name of the cell: its row and its state as text, in the order of their last change. */
  readonly model = new Map<string, { readonly view: EntryView; readonly state: string }>()
  #step = 0

  constructor() {
    let commitment: Commitment | undefined
    const salt = (id: Digest, data: Uint8Array): Uint8Array => hmacSha256(utf8(id), data)
    this.map = new EntryMap({
      self: authors[0]!,
      seed: new Uint8Array(8),
      isPublic: key => (key.bytes[key.end - 1] ?? 0) % 2 === 0,
      listeners: map => {
        commitment = new Commitment(map, salt)
        return [commitment]
      },
    })
    this.commitment = commitment!
  }

  do(write: Write): void {
    const view = this.#viewOf(write)
    const name = nameOf(view)
    if (write.isErasure) {
      if (!this.model.delete(name)) return
      this.map.erase(this.map.rowOf(view))
      return
    }
    expect(this.map.join(view)).toBe(this.map.rowOf(view))
    // The map orders its keys by when they were last put.
    this.model.delete(name)
    this.model.set(name, { view, state: stateOf(view) })
  }

  /** Everything held, row by row, in the order of the change log. */
  held(): string[] {
    const { cells } = this.map
    const view = blankEntry()
    const found: string[] = []
    for (let row = cells.log.firstAfter(0); row >= 0; row = cells.log.after(row)) {
      cells.read(row, view)
      found.push(`${nameOf(view)} ${stateOf(view)}`)
    }
    return found
  }

  expected(): string[] {
    return [...this.model].map(([name, { state }]) => `${name} ${state}`)
  }

  get modelBytes(): number {
    return [...this.model.values()].reduce((sum, { view }) => sum + view.valueEnd + view.keyEnd, 0)
  }

  #viewOf({ key, kind, author, element, valueBytes, isRemoved }: Write): EntryView {
    const entry = blankEntry()
    const ms = 10 * ++this.#step
    const isTagged = kind === 'set' || kind === 'multi'
    entry.kind = entryKind[kind]
    entry.ms = ms
    entry.isRemoved = isRemoved && kind !== 'counter'
    entry.tagMs = entry.isRemoved && isTagged ? ms - 1 : ms
    entry.author = entry.tagAuthor = this.map.authors.indexOf(authors[author]!)
    entry.commitKey = this.map.commitKeys.indexOf(commitKey)
    entry.sequence = 1
    entry.key = utf8(`key ${key}`)
    entry.keyEnd = entry.key.length
    if (kind === 'set') entry.element = utf8(`element ${element}`)
    entry.elementEnd = entry.element.length
    if (kind !== 'set' && !entry.isRemoved) {
      entry.value = new Uint8Array(kind === 'counter' ? 8 : valueBytes).fill(this.#step)
      entry.valueEnd = entry.value.length
    }
    if (kind === 'counter') {
      entry.signature = new Uint8Array(64).fill(this.#step)
      entry.signatureStart = 0
    }
    return entry
  }
}

function nameOf(view: EntryView): string {
  const key = toHex(view.key.subarray(view.keyStart, view.keyEnd))
  const isRegister = view.kind === entryKind.register
  const element = toHex(view.element.subarray(view.elementStart, view.elementEnd))
  return `${view.kind} ${key} ${isRegister ? '' : `${view.tagAuthor} ${element}`}`
}

function stateOf(view: EntryView): string {
  const numbers = [view.ms, view.counter, view.author, view.tagMs, view.tagCounter, view.sequence]
  const value = toHex(view.value.subarray(view.valueStart, view.valueEnd))
  const { signature, signatureStart } = view
  const signed = signatureStart < 0 ? '' : toHex(signature.slice(signatureStart).subarray(0, 64))
  return `${numbers} ${view.isRemoved} ${value} ${signed}`
}

const writes = fc.array(
  fc.record<Write>({
    key: fc.nat(12),
    kind: fc.constantFrom('register', 'register', 'set', 'multi', 'counter'),
    author: fc.nat(2),
    element: fc.nat(2),
    valueBytes: fc.constantFrom(0, 1, 31, 32, 33, 300),
    isRemoved: fc.boolean(),
    isErasure: fc.boolean(),
  }),
  { maxLength: 200, size: 'max' },
)

test('rows hold what a map of objects holds, in the order of the last change', () => {
  fc.assert(
    fc.property(writes, all => {
      const pair = new Pair()
      for (const write of all) pair.do(write)
      expect(pair.held()).toEqual(pair.expected())
      const live = [...pair.model.values()].filter(({ view }) => !view.isRemoved)
      const keys = new Set(live.map(({ view }) => toHex(view.key)))
      expect(pair.map.entryCount).toBe(keys.size)
      const listed = pair.map.list({ prefix: '', after: undefined, limit: 1000 })
      expect(listed.map(({ key }) => toHex(utf8(key)))).toEqual([...keys].sort())
    }),
    { numRuns: 60 },
  )
})

test('roots kept through writes and erasures are those of the same entries put at once', () => {
  fc.assert(
    fc.property(writes, fc.nat(50), (all, every) => {
      const pair = new Pair()
      for (const [i, write] of all.entries()) {
        pair.do(write)
        if (i % (every + 1) === 0) pair.commitment.roots()
      }
      const fresh = new Pair()
      // Author numbers are given out in the order of first use.
      for (const author of authors) fresh.map.authors.indexOf(author)
      for (const { view } of [...pair.model.values()].reverse()) {
        const names = [view.author, view.tagAuthor].map(index => pair.map.author(index))
        const [author = 0, tagAuthor = 0] = names.map(name => fresh.map.authors.indexOf(name))
        const ofFresh = fresh.map.commitKeys.indexOf(commitKey)
        fresh.map.join({ ...view, author, tagAuthor, commitKey: ofFresh })
      }
      expect(pair.commitment.roots()).toEqual(fresh.commitment.roots())
      const [kept, made] = [pair, fresh].map(({ commitment }) => commitment.items.sketch)
      expect(kept?.count).toBe(made?.count)
      expect(kept?.symbols(0, 64)).toEqual(made?.symbols(0, 64))
    }),
    { numRuns: 40 },
  )
})

test('overwriting and erasing large values leaves buffers of the size of what is held', () => {
  const random = seeded(5)
  const pair = new Pair()
  for (let i = 0; i < 4000; i++) {
    const isLarge = random() < 0.3
    pair.do({
      ...{ key: Math.floor(random() * 60), kind: 'register', author: 0, element: 0 },
      valueBytes: Math.floor(random() * (isLarge ? 65_536 : 200)),
      ...{ isRemoved: random() < 0.1, isErasure: random() < 0.2 },
    })
    if (i % 400 !== 0) continue
    expect(pair.held()).toEqual(pair.expected())
    // Half as much garbage as content, a MiB that is not worth the copying, and what did not fit ends of chunks.
    expect(pair.map.cells.bufferBytes).toBeLessThan(2.2 * pair.modelBytes + 2 ** 21)
  }
})

test('thirty thousand keys come, go and come again into the same rows', () => {
  const pair = new Pair()
  const plain = {
    kind: 'register',
    author: 0,
    element: 0,
    valueBytes: 8,
    isRemoved: false,
  } as const
  for (let key = 0; key < 30_000; key++) pair.do({ ...plain, key, isErasure: false })
  expect(pair.held()).toEqual(pair.expected())
  const { rowCount } = pair.map.cells
  for (let key = 0; key < 30_000; key += 2) pair.do({ ...plain, key, isErasure: true })
  for (let key = 30_000; key < 45_000; key++) pair.do({ ...plain, key, isErasure: false })
  expect(pair.held()).toEqual(pair.expected())
  expect(pair.map.cells.rowCount).toBe(rowCount)
})

test('a column gives back what was put, small and large, before and after it grew', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 31 - 1), { minLength: 1 }), fc.nat(40), (values, small) => {
      const column = new NarrowColumn(4)
      const wide = new WideColumn(4)
      column.set(0, small)
      wide.set(0, small)
      column.grow(values.length + 5)
      wide.grow(values.length + 5)
      for (const [i, value] of values.entries()) {
        column.set(i + 1, value * 2)
        wide.set(i + 1, value * 2 ** 17)
      }
      for (const [i, value] of values.entries()) column.set(i + 1, i % 2 === 0 ? value : i)
      expect(column.at(0)).toBe(small)
      expect(wide.at(0)).toBe(small)
      expect(values.map((_, i) => column.at(i + 1))).toEqual(
        values.map((value, i) => (i % 2 === 0 ? value : i)),
      )
      expect(values.map((_, i) => wide.at(i + 1))).toEqual(values.map(value => value * 2 ** 17))
    }),
  )
})
