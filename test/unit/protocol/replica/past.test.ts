/** What stood at a cut: the roots of a replica in motion are those of one that holds nothing later, whatever came in what order. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { hmacSha256 } from '../../../../src/crypto/hash.ts'
import { Commitment } from '../../../../src/protocol/replica/commitment.ts'
import { EntryMap } from '../../../../src/protocol/replica/lattice.ts'
import { type Cut, cutsKept, Past, statesMax } from '../../../../src/protocol/replica/past.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { seeded } from '../../../fakes/replica-network.ts'

const authors: NodeId[] = [1, 2, 3].map(i => nodeIdOfKey(new Uint8Array(32).fill(i)))
const commitKey: Digest = digestOf(new Uint8Array(32).fill(7))

interface Delta {
  readonly kind: keyof typeof entryKind
  readonly key: string
  readonly ms: number
  readonly counter: number
  readonly author: number
  readonly isRemoved: boolean
  readonly value: string
}

class Side {
  readonly map: EntryMap
  readonly commitment: Commitment
  readonly past: Past
  hasSalt = true
  isGenuine = true
  unpublished = new Set<number>()

  constructor() {
    let commitment: Commitment | undefined
    let past: Past | undefined
    const salt = (id: Digest, data: Uint8Array): Uint8Array | undefined =>
      this.hasSalt ? hmacSha256(utf8(id), data) : undefined
    this.map = new EntryMap({
      self: authors[0]!,
      seed: new Uint8Array(8),
      isPublic: key => key.bytes[key.start] === 'p'.charCodeAt(0),
      listeners: map => {
        commitment = new Commitment(map, salt)
        past = new Past(map, {
          salt,
          leafOf: row => commitment?.leafOf(row),
          isUnpublished: row => this.unpublished.has(row),
          isGenuine: () => this.isGenuine,
        })
        return [past, commitment]
      },
    })
    this.commitment = commitment!
    this.past = past!
  }

  join({ kind, key, ms, counter, author, isRemoved, value }: Delta): number {
    const entry: EntryView = blankEntry()
    const { map } = this
    entry.kind = entryKind[kind]
    entry.isRemoved = isRemoved && kind !== 'counter'
    entry.ms = ms
    entry.counter = counter
    entry.author = map.authors.indexOf(authors[author]!)
    entry.commitKey = map.commitKeys.indexOf(commitKey)
    const isRemovedTag = entry.isRemoved && kind !== 'register'
    entry.tagMs = isRemovedTag ? ms - 1 - (counter % 3) : ms
    entry.tagCounter = counter
    // Slots are their authors' own; a removal may be of any tag.
    entry.tagAuthor = isRemovedTag ? map.authors.indexOf(authors[counter % 3]!) : entry.author
    entry.key = utf8(key)
    entry.keyEnd = entry.key.length
    if (kind === 'set') {
      entry.element = utf8(value)
      entry.elementEnd = entry.element.length
    } else if (!entry.isRemoved) {
      entry.value = kind === 'counter' ? utf8(`slot ..${value}`) : utf8(value)
      entry.valueEnd = entry.value.length
    }
    if (kind === 'counter') {
      entry.signature = new Uint8Array(64)
      entry.signatureStart = 0
    }
    return map.join(entry)
  }

  /** Roots now, all hashed. */
  roots(): string {
    const roots = this.commitment.roots()
    if ('missing' in roots) throw new Error('a salt is missing')
    return toHex(roots.root)
  }

  rootsAt(cut: Cut): string | undefined {
    this.roots()
    const others = this.past.leavesAt(cut, 'both')
    return others === undefined ? undefined : toHex(this.commitment.rootsWith(others).root)
  }
}

/** Deltas of the seconds around the cuts 0, 1000, 2000 …, in an order in which a network might bring them. */
function deltas(seed: number, count: number): Delta[] {
  const random = seeded(seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  const kinds = ['register', 'register', 'set', 'multi', 'counter'] as const
  return Array.from({ length: count }, (_, i) => ({
    kind: kinds[below(5)] ?? 'register',
    key: `${below(2) === 0 ? 'p' : 'q'}${below(6)}`,
    // Time passes, and what is late is so by up to two seconds.
    ms: 10_000 + i * 20 - below(2000),
    counter: below(3),
    author: below(3),
    isRemoved: below(4) === 0,
    value: `v${below(3)}`,
  }))
}

const modelAt = (held: readonly Delta[], ms: number): string => {
  const model = new Side()
  for (const delta of held) if (delta.ms <= ms) model.join(delta)
  return model.roots()
}

test('the roots at a cut are those of a replica that holds only what was stamped up to it and had come', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const side = new Side()
    expect(side.past.cut(0, 0)).toBeDefined()
    const held: Delta[] = []
    const told: { readonly cut: Cut; readonly roots: string }[] = []
    for (const delta of deltas(seed, 300)) {
      held.push(delta)
      side.join(delta)
      if (held.length % 40 !== 0) continue
      const now = 10_000 + held.length * 20
      const cut = side.past.cut(now - 1000, now)
      if (cut === undefined) throw new Error('so little is followed')
      const roots = side.rootsAt(cut)
      expect(roots).toBe(modelAt(held, cut.ms))
      told.push({ cut, roots: roots ?? '' })
      // What came since is in none of the cuts made before, however late it was.
      for (const earlier of told) {
        if (side.past.cuts.includes(earlier.cut))
          expect(side.rootsAt(earlier.cut)).toBe(earlier.roots)
      }
    }
  }
})

test('two replicas that hold the same entries up to a cut commit to the same roots, whatever came in what order', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed)
    const all = deltas(seed, 200)
    const shuffled = all
      .map(delta => ({ delta, by: random() }))
      .sort((left, right) => left.by - right.by)
      .map(({ delta }) => delta)
    const cutAt = 12_500
    // What is later differs from one to the other.
    const sides = [all, shuffled].map((order, i) => {
      const side = new Side()
      side.past.cut(0, 0)
      for (const delta of order)
        if (delta.ms <= cutAt || (delta.counter + i) % 2 === 0) side.join(delta)
      const cut = side.past.cut(cutAt, cutAt + 2000)
      return cut === undefined ? undefined : side.rootsAt(cut)
    })
    expect(sides[0]).toBeDefined()
    expect(sides[0]).toBe(sides[1])
  }
})

const register = (key: string, ms: number, value = 'v'): Delta => ({
  kind: 'register',
  key,
  ms,
  counter: 0,
  author: 1,
  isRemoved: false,
  value,
})

test('a state that nobody else will ever see is in no cut', () => {
  const [author, other] = [new Side(), new Side()]
  for (const side of [author, other]) side.past.cut(0, 0)
  const row = author.join(register('q', 900, 'first'))
  author.unpublished.add(row)
  author.join(register('q', 1100, 'second'))
  author.unpublished.clear()
  // The others hear of the second write alone.
  other.join(register('q', 1100, 'second'))
  const roots = [author, other].map(side => side.rootsAt(side.past.cut(1000, 3000)!))
  expect(roots[0]).toBe(roots[1])
  expect(roots[0]).toBe(modelAt([], 1000))
})

test('a flood is not followed, and the cuts after it are known again', () => {
  const side = new Side()
  side.past.cut(0, 0)
  const held: Delta[] = []
  for (let i = 0; i <= statesMax; i++) {
    const delta = register(`q${i}`, 1000 + (i >> 2))
    held.push(delta)
    side.join(delta)
  }
  expect(side.past.cuts).toEqual([])
  expect(side.past.cut(3000, 5000)).toBeUndefined()
  expect(side.past.cut(6000, 8000)).toBeDefined()
  side.join(register('q7', 8500))
  const cut = side.past.cut(7000, 9000)!
  expect(side.rootsAt(cut)).toBe(modelAt(held, 7000))
})

test('older cuts are given up before the newest, when much moves', () => {
  const side = new Side()
  side.past.cut(0, 0)
  for (let second = 1; second < 9; second++) {
    for (let i = 0; i < statesMax / 7; i++) side.join(register(`q${i}`, second * 1000 + i / 100))
    expect(side.past.cut(second * 1000 - 500, second * 1000 + 1500)).toBeDefined()
  }
  expect(side.past.cuts.length).toBeLessThan(8)
  expect(side.past.cuts.at(-1)?.ms).toBe(7500)
})

test('at rest nothing is remembered, and as many cuts as clients need are kept', () => {
  const side = new Side()
  side.past.cut(0, 0)
  side.join(register('p1', 500))
  side.join(register('p1', 600))
  expect(side.map.commitKeys.named()).toEqual([commitKey])
  for (let second = 1; second < 30; second++) side.past.cut(second * 1000, second * 1000 + 2000)
  expect(side.past.cuts).toHaveLength(cutsKept)
  expect(side.past.leavesAt(side.past.cuts[0]!, 'both')).toEqual({ public: [], private: [] })
  // Only the entry itself names its author now.
  side.map.erase(side.map.find('p1'))
  expect(side.map.authors.named()).toEqual([])
  expect(side.map.commitKeys.named()).toEqual([])
})

test('what is erased ends the cuts of its moment, and hands back the names that were held', () => {
  const side = new Side()
  side.past.cut(0, 0)
  side.join(register('p1', 500))
  side.join(register('p1', 900))
  side.map.erase(side.map.find('p1'))
  expect(side.past.cuts).toEqual([])
  expect(side.map.authors.named()).toEqual([])
  expect(side.past.cut(1000, 3000)).toBeUndefined()
  expect(side.past.cut(3000, 5000)).toBeDefined()
})

test('without a commit key no private leaf of a cut is known', () => {
  const side = new Side()
  side.past.cut(0, 0)
  side.join(register('q', 500))
  side.join(register('q', 1500))
  side.roots()
  const cut = side.past.cut(1000, 3000)!
  side.hasSalt = false
  expect(side.past.leavesAt(cut, 'both')).toBeUndefined()
  side.hasSalt = true
  expect(side.rootsAt(cut)).toBe(modelAt([register('q', 500)], 1000))
})

test('a late state under a forged signature is in no cut', () => {
  const slot = (ms: number, value: string): Delta => ({
    ...register('p', ms, value),
    kind: 'counter',
  })
  const held = [slot(500, '1'), slot(1500, '3')]
  const [deceived, honest] = [new Side(), new Side()]
  for (const side of [deceived, honest]) {
    side.past.cut(0, 0)
    for (const delta of held) side.join(delta)
  }
  deceived.isGenuine = false
  deceived.join(slot(900, '9'))
  expect(deceived.rootsAt(deceived.past.cut(1000, 3000)!)).toBe(modelAt(held, 1000))
  honest.join(slot(900, '2'))
  expect(honest.rootsAt(honest.past.cut(1000, 3000)!)).toBe(modelAt([slot(900, '2')], 1000))
})
