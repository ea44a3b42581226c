/**
 * The laws of a delta-state CRDT over generated entries: a few cells, stamps and values, so that ties and
 * overwrites are common. Hand-rolled from a seed: 100,000 cases per kind take seconds.
 */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { hmacSha256 } from '../../../../src/crypto/hash.ts'
import { rowFlag } from '../../../../src/protocol/replica/columns.ts'
import { Commitment } from '../../../../src/protocol/replica/commitment.ts'
import { EntryMap } from '../../../../src/protocol/replica/lattice.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { seeded } from '../../../fakes/replica-network.ts'

const authors: NodeId[] = [1, 2, 3].map(i => nodeIdOfKey(new Uint8Array(32).fill(i)))
const commitKeys: Digest[] = [7, 8].map(i => digestOf(new Uint8Array(32).fill(i)))
const casesPerKind = 100_000
/** Some seconds of CPU on a free machine; never a reason to fail on a busy one. */
const longTest = 180_000

/** A delta that any replica might make: authors and commit keys by number in the tables above. */
interface Delta {
  readonly kind: keyof typeof entryKind
  readonly key: string
  readonly ms: number
  readonly counter: number
  readonly author: number
  readonly commitKey: number
  readonly isRemoved: boolean
  readonly value: string
  readonly tagMs: number
  readonly tagAuthor: number
}

function generator(kind: Delta['kind'], seed: number): () => Delta {
  const random = seeded(seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  return () => {
    const ms = 10 + below(4)
    return {
      kind,
      key: `k${below(2)}`,
      ms,
      counter: below(2),
      author: below(3),
      commitKey: below(8) === 0 ? 1 : 0,
      isRemoved: below(3) === 0 && kind !== 'counter',
      value: kind === 'counter' ? `slot ...${below(3)}` : `v${below(3)}`,
      tagMs: kind === 'set' || kind === 'multi' ? ms - 1 - below(3) : ms,
      tagAuthor: below(3),
    }
  }
}

class Side {
  readonly map: EntryMap
  readonly commitment: Commitment

  constructor() {
    let commitment: Commitment | undefined
    const salt = (id: Digest, data: Uint8Array): Uint8Array => hmacSha256(utf8(id), data)
    this.map = new EntryMap({
      self: authors[0]!,
      seed: new Uint8Array(8),
      isPublic: key => key.bytes[key.end - 1] === '1'.charCodeAt(0),
      listeners: map => {
        commitment = new Commitment(map, salt)
        return [commitment]
      },
    })
    this.commitment = commitment!
  }

  join(delta: Delta): number {
    return this.map.join(this.view(delta))
  }

  view(delta: Delta): EntryView {
    const entry = blankEntry()
    const isTagged = delta.kind === 'set' || delta.kind === 'multi'
    entry.kind = entryKind[delta.kind]
    entry.isRemoved = delta.isRemoved
    entry.ms = delta.ms
    entry.counter = delta.counter
    entry.author = this.map.authors.indexOf(authors[delta.author]!)
    entry.commitKey = this.map.commitKeys.indexOf(commitKeys[delta.commitKey]!)
    entry.sequence = 1
    const isRemovedTag = isTagged && delta.isRemoved
    entry.tagMs = isRemovedTag ? delta.tagMs : delta.ms
    entry.tagCounter = isRemovedTag ? 0 : delta.counter
    entry.tagAuthor = isRemovedTag
      ? this.map.authors.indexOf(authors[delta.tagAuthor]!)
      : entry.author
    entry.key = utf8(delta.key)
    entry.keyEnd = entry.key.length
    const bytes = utf8(delta.value)
    if (delta.kind === 'set') {
      entry.element = bytes
      entry.elementEnd = bytes.length
    } else if (!delta.isRemoved) {
      entry.value = bytes
      entry.valueEnd = bytes.length
    }
    return entry
  }

  /** Every cell under a key with its whole state, as text, in a canonical order. */
  state(key: string): string {
    const { cells } = this.map
    const entry = blankEntry()
    const states: string[] = []
    for (const row of this.rowsOf(key)) {
      cells.read(row, entry)
      const element = entry.element.subarray(entry.elementStart, entry.elementEnd)
      const value = entry.value.subarray(entry.valueStart, entry.valueEnd)
      const names = [entry.tagAuthor, entry.author].map(index => this.map.author(index))
      const stamps = [entry.tagMs, entry.tagCounter, entry.ms, entry.counter]
      const rest = [entry.kind, entry.isRemoved, this.map.commitKey(entry.commitKey)]
      states.push(`${[...rest, ...names, ...stamps, ...element, '|', ...value]}`)
    }
    return states.sort().join('\n')
  }

  /** Merges the whole state of a key of another side, entry by entry: what a snapshot does. */
  joinKey(other: Side, key: string): void {
    const entry = blankEntry()
    for (const row of other.rowsOf(key)) {
      other.map.cells.read(row, entry)
      entry.author = this.map.authors.indexOf(other.map.author(entry.author))
      entry.tagAuthor = this.map.authors.indexOf(other.map.author(entry.tagAuthor))
      entry.commitKey = this.map.commitKeys.indexOf(other.map.commitKey(entry.commitKey))
      this.map.join(entry)
    }
  }

  rowsOf(key: string): number[] {
    const { cells } = this.map
    const keyRow = this.map.find(key)
    if (keyRow < 0) return []
    const rows = cells.has(keyRow, rowFlag.isEntry) ? [keyRow] : []
    for (let row = cells.siblingOf(keyRow); row >= 0; row = cells.siblingOf(row)) rows.push(row)
    return rows
  }
}

const sideOf = (deltas: readonly Delta[]): Side => {
  const side = new Side()
  for (const delta of deltas) side.join(delta)
  return side
}

for (const kind of ['register', 'set', 'multi', 'counter'] as const) {
  test(
    `${kind}: the order of two states is total, antisymmetric and transitive`,
    () => {
      const next = generator(kind, 1)
      const side = new Side()
      for (let i = 0; i < casesPerKind; i++) {
        // Three states of one cell.
        const first = next()
        const sameCell = (delta: Delta): Delta => ({
          ...delta,
          key: first.key,
          ...(kind === 'set' ? { value: first.value } : {}),
          ...(kind === 'register'
            ? {}
            : { tagAuthor: 0, author: delta.isRemoved ? delta.author : 0 }),
        })
        const [a, b, c] = [first, next(), next()].map(d => side.view(sameCell(d)))
        const ab = Math.sign(side.map.compare(a!, b!))
        const bc = Math.sign(side.map.compare(b!, c!))
        const ac = Math.sign(side.map.compare(a!, c!))
        if (ab !== -Math.sign(side.map.compare(b!, a!))) expect.unreachable('not antisymmetric')
        if (ab >= 0 && bc >= 0 && ac < 0) expect.unreachable('not transitive')
        if (ab === 0 && bc === 0 && ac !== 0) expect.unreachable('equality is not transitive')
        if (side.map.compare(a!, a!) !== 0) expect.unreachable('not reflexive')
      }
    },
    longTest,
  )

  test(
    `${kind}: merging is commutative, associative, idempotent, and a state is a delta`,
    () => {
      const next = generator(kind, 2)
      const [straight, reverse, inner, outer] = [new Side(), new Side(), new Side(), new Side()]
      const verdicts = { equal: 0, news: 0 }
      for (let i = 0; i < casesPerKind; i++) {
        const key = `k${i}`
        const [a, b, c] = [next(), next(), next()].map(delta => ({ ...delta, key }))
        for (const delta of [a, b, c]) straight.join(delta!)
        for (const delta of [c, b, a, c, a]) reverse.join(delta!)
        // a joined with the state of (b joined with c), against (a joined with b) joined with c.
        for (const delta of [b, c]) inner.join(delta!)
        outer.join(a!)
        outer.joinKey(inner, key)
        const expected = straight.state(key)
        if (reverse.state(key) === expected && outer.state(key) === expected) verdicts.equal++
        const head = straight.map.cells.log.head
        straight.joinKey(outer, key)
        straight.joinKey(inner, key)
        if (straight.map.cells.log.head !== head) verdicts.news++
      }
      expect(verdicts).toEqual({ equal: casesPerKind, news: 0 })
      const counts = [straight, reverse, outer].map(side => side.map.entryCount)
      expect(new Set(counts).size).toBe(1)
    },
    longTest,
  )
}

test('roots are the same whatever the order of writes, and differ when anything differs', () => {
  const random = seeded(5)
  const kinds = ['register', 'set', 'multi', 'counter'] as const
  const next = kinds.map((kind, i) => generator(kind, 6 + i))
  for (let round = 0; round < 60; round++) {
    const deltas = Array.from({ length: 30 }, (_, i) => {
      const delta = next[i % next.length]!()
      return { ...delta, key: `k${Math.floor(random() * 12)}` }
    })
    const one = sideOf(deltas)
    const two = new Side()
    for (const delta of [...deltas].sort(() => random() - 0.5)) {
      two.join(delta)
      // Asked in between, so that the incremental way is compared with the one at the end.
      if (random() < 0.3) two.commitment.roots()
    }
    expect(two.commitment.roots()).toEqual(one.commitment.roots())
    const before = one.commitment.roots()
    one.join({ ...next[round % next.length]!(), key: 'k0', ms: 99, tagMs: 98 })
    expect(one.commitment.roots()).not.toEqual(before)
  }
})

test('the roots of this state are these', () => {
  const side = new Side()
  const base = { ms: 1000, counter: 1, author: 0, commitKey: 0, tagMs: 999, tagAuthor: 1 }
  side.join({ ...base, kind: 'register', key: 'a', value: 'x', isRemoved: false })
  side.join({ ...base, kind: 'register', key: 'b1', value: 'y', isRemoved: false })
  side.join({ ...base, kind: 'register', key: 'c', value: '', isRemoved: true })
  side.join({ ...base, kind: 'set', key: 'd', value: 'e', isRemoved: false })
  side.join({ ...base, kind: 'set', key: 'd', value: 'f', isRemoved: true })
  const roots = side.commitment.roots()
  const shown =
    'missing' in roots ? [] : [roots.publicRoot, roots.privateRoot, roots.root].map(toHex)
  expect(shown).toEqual([
    '13d4114c0c97a80d67b58fae42795d740b56c8eb02533cd900ae9ffe0458c859',
    'e68fc6f56adc82738ddc8c80d6cf838911468d9cf1262bcad7fff3a58eb58710',
    'a89f0788b29c545b0a3502b75c2e39230a6a6fc9f5603efc9d2e28b982934e3f',
  ])
})

test('erasing an entry restores the roots that were before it', () => {
  const next = generator('set', 8)
  const side = new Side()
  for (let i = 0; i < 40; i++) side.join({ ...next(), key: `k${i}` })
  const before = side.commitment.roots()
  const rows: number[] = []
  for (let i = 40; i < 80; i++) rows.push(side.join({ ...next(), key: `k${i}` }))
  side.commitment.roots()
  rows.push(side.join({ ...next(), key: 'k90' }))
  const count = side.map.entryCount
  for (const row of rows) side.map.erase(row)
  expect(side.commitment.roots()).toEqual(before)
  expect(side.map.entryCount).toBeLessThan(count)
  for (let i = 40; i < 80; i++) expect(side.map.find(`k${i}`)).toBe(-1)
})

test('a missing commit key hides the root until it is there', () => {
  const known = new Set<Digest>([commitKeys[0]!])
  let commitment: Commitment | undefined
  const map = new EntryMap({
    self: authors[0]!,
    seed: new Uint8Array(8),
    isPublic: () => false,
    listeners: made => {
      commitment = new Commitment(made, (id, data) =>
        known.has(id) ? hmacSha256(utf8(id), data) : undefined,
      )
      return [commitment]
    },
  })
  const side = new Side()
  const next = generator('register', 9)
  const delta = { ...next(), commitKey: 1, author: 0, isRemoved: false }
  side.join(delta)
  const entry = side.view(delta)
  entry.commitKey = map.commitKeys.indexOf(commitKeys[1]!)
  map.join(entry)
  expect(commitment?.roots()).toEqual({ missing: commitKeys[1] })
  known.add(commitKeys[1]!)
  expect(commitment?.roots()).toHaveProperty('root')
})

test('thousands of overwrites of a few values keep the slab bounded and the last value', () => {
  const side = new Side()
  for (let i = 0; i < 5_000; i++) {
    const delta = { ...generator('register', i)(), key: `k${i % 5}`, ms: 100 + i, isRemoved: false }
    side.join({ ...delta, author: 0, value: 'x'.repeat(1 + ((i * 37) % 2000)) })
  }
  for (let i = 4_995; i < 5_000; i++) {
    const entry = side.map.get(`k${i % 5}`)
    expect(entry?.kind === 'register' && entry.value.length).toBe(1 + ((i * 37) % 2000))
  }
})
