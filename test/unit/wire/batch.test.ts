import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { BatchWriter, parseBatch } from '../../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind } from '../../../src/wire/entry.ts'
import { limits } from '../../../src/wire/limits.ts'
import { PackedReader, PackedWriter } from '../../../src/wire/packed.ts'
import { parseSyncPage, SyncPageWriter } from '../../../src/wire/sync.ts'
import { seeded } from '../../fakes/replica-network.ts'

const keyOf = (author: number): Uint8Array => new Uint8Array(32).fill(author + 1)

interface Plain {
  readonly kind?: keyof typeof entryKind
  readonly key: string
  readonly ms: number
  readonly counter?: number
  readonly author?: number
  readonly commitKey?: number
  readonly sequence?: number
  readonly isRemoved?: boolean
  readonly value?: Uint8Array
  readonly element?: Uint8Array
  readonly tag?: { readonly ms: number; readonly counter: number; readonly author: number }
}

function entryOf(plain: Plain): EntryView {
  const entry = blankEntry()
  entry.kind = entryKind[plain.kind ?? 'register']
  entry.isRemoved = plain.isRemoved ?? false
  entry.ms = entry.tagMs = plain.ms
  entry.counter = entry.tagCounter = plain.counter ?? 0
  entry.author = entry.tagAuthor = plain.author ?? 0
  entry.commitKey = plain.commitKey ?? 0
  entry.sequence = plain.sequence ?? 1
  if (plain.tag !== undefined) {
    entry.tagMs = plain.tag.ms
    entry.tagCounter = plain.tag.counter
    entry.tagAuthor = plain.tag.author
  }
  entry.key = utf8(plain.key)
  entry.keyEnd = entry.key.length
  entry.value = plain.value ?? new Uint8Array(0)
  entry.valueEnd = entry.value.length
  entry.element = plain.element ?? new Uint8Array(0)
  entry.elementEnd = entry.element.length
  if (plain.key.startsWith('own/') || plain.kind === 'counter') {
    entry.signature = new Uint8Array(64).fill(5)
    entry.signatureStart = 0
  }
  return entry
}

const samples: Plain[] = [
  { key: 'a', ms: 1000, value: utf8('one') },
  { key: 'a/long/key', ms: 1000, counter: 1, value: new Uint8Array(300) },
  { key: 'a/long/kez', ms: 1000, counter: 9, isRemoved: true },
  { kind: 'set', key: 'größe', ms: 1500, element: utf8('x') },
  { kind: 'set', key: 'größ', ms: 2_000_000, element: utf8('y') },
  {
    kind: 'set',
    key: 'set',
    ms: 2_000_001,
    isRemoved: true,
    element: utf8('z'),
    tag: { ms: 1700, counter: 3, author: 4 },
  },
  { key: 'own/me/x', ms: 2_000_002, counter: 4_000_000_000, value: utf8('mine') },
  { kind: 'multi', key: 'own/me/z', ms: 2_000_003, value: utf8('mine as well') },
  { kind: 'multi', key: 'shared', ms: 2_000_003, counter: 1, value: new Uint8Array(0) },
  {
    kind: 'multi',
    key: 'shared',
    ms: 2_000_004,
    isRemoved: true,
    tag: { ms: 1700, counter: 3, author: 5 },
  },
  { kind: 'counter', key: 'hits', ms: 2_000_005, value: new Uint8Array(8).fill(255) },
]

function encode(plains: readonly Plain[]): Uint8Array {
  const writer = new BatchWriter()
  for (const plain of plains) expect(writer.add(entryOf(plain), 0)).toBe(true)
  return writer.finish(new Uint8Array(32).fill(0xcc), keyOf)
}

function encodeAgain(bytes: Uint8Array): Uint8Array {
  const batch = parseBatch(bytes)
  const writer = new BatchWriter()
  batch.forEach(entry => {
    expect(writer.add(entry, 0)).toBe(true)
  })
  return writer.finish(batch.commitKey, index => batch.tagAuthors[index - 1] ?? new Uint8Array(32))
}

function encodePage(plains: readonly Plain[]): Uint8Array {
  const writer = new SyncPageWriter()
  for (const plain of plains) expect(writer.add(entryOf(plain))).toBe(true)
  return writer.finish(keyOf, keyOf)
}

function encodePageAgain(bytes: Uint8Array): Uint8Array {
  const page = parseSyncPage(bytes)
  const writer = new SyncPageWriter()
  page.forEach(entry => {
    expect(writer.add(entry)).toBe(true)
  })
  return writer.finish(
    index => page.authors[index] ?? new Uint8Array(32),
    index => page.commitKeys[index] ?? new Uint8Array(32),
  )
}

const summaryOf = (entry: EntryView): string =>
  [
    entry.kind,
    entry.isRemoved,
    entry.ms,
    entry.counter,
    entry.tagMs,
    entry.tagCounter,
    toHex(entry.key.subarray(entry.keyStart, entry.keyEnd)),
    toHex(entry.value.subarray(entry.valueStart, entry.valueEnd)),
    toHex(entry.element.subarray(entry.elementStart, entry.elementEnd)),
  ].join(' ')

const formats = [
  { name: 'batch', bytes: encode(samples), parse: parseBatch, again: encodeAgain },
  {
    name: 'sync page',
    bytes: encodePage([
      ...samples.map((plain, i) => ({
        ...plain,
        author: i % 3,
        commitKey: i % 2,
        sequence: i + 1,
      })),
      { key: 'earlier', ms: 12, author: 7, value: utf8('v') },
    ]),
    parse: parseSyncPage,
    again: encodePageAgain,
  },
]

for (const { name, bytes, parse, again } of formats) {
  test(`${name}: what was written is read and written again to the same bytes`, () => {
    const read: string[] = []
    parse(bytes).forEach(entry => {
      read.push(summaryOf(entry))
    })
    expect(read.slice(0, samples.length)).toEqual(samples.map(plain => summaryOf(entryOf(plain))))
    expect(toHex(again(bytes))).toBe(toHex(bytes))
  })

  test(`${name}: cut at any length or followed by a byte it is refused`, () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parse(bytes.slice(0, length))).toThrow(PeerFault)
    }
    expect(() => parse(Uint8Array.of(...bytes, 0))).toThrow(PeerFault)
  })

  test(`${name}: any changed byte is a typed refusal or another message that keeps its bytes`, () => {
    let kept = 0
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 2, 0x10, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[at] = (changed[at] ?? 0) ^ flip
        try {
          parse(changed)
        } catch (fault) {
          expect(fault).toBeInstanceOf(PeerFault)
          continue
        }
        kept++
        expect(toHex(again(changed))).toBe(toHex(changed))
      }
    }
    expect(kept).toBeGreaterThan(0)
  })

  test(`${name}: random bytes are a typed refusal`, () => {
    const random = seeded(9)
    for (let i = 0; i < 3000; i++) {
      const noise = Uint8Array.from({ length: random() * 200 }, () => random() * 256)
      if (i % 2 === 0) noise.set(bytes.subarray(0, Math.min(noise.length, 40)))
      try {
        parse(noise)
      } catch (fault) {
        expect(fault).toBeInstanceOf(PeerFault)
      }
    }
  })
}

test('the bytes of a batch are these', () => {
  const golden = encode([
    { key: 'ab', ms: 300, counter: 2, value: Uint8Array.of(7) },
    { key: 'abc', ms: 300, counter: 3, isRemoved: true },
    {
      kind: 'set',
      key: 'b',
      ms: 310,
      isRemoved: true,
      element: Uint8Array.of(9),
      tag: { ms: 305, counter: 6, author: 1 },
    },
  ])
  const parts = [
    '01',
    'cc'.repeat(32),
    'ac02', // base 300
    '03',
    '01 02 02 6162 01 07', // register; counter 2; value
    '09 00 00 02 01 63', // removed; next counter; shares 2 bytes
    '0a 0a 00 00 01 62 01 09 01 05 06', // 10 ms on; element; tag of author 1, 5 ms before
    '02'.repeat(32),
  ]
  expect(toHex(golden)).toBe(parts.join('').replaceAll(' ', ''))
})

test('a batch whose key an earlier one names takes two bytes for it, and nothing else can be said', () => {
  const writer = new BatchWriter()
  const value = new Uint8Array(32).fill(7)
  writer.add(entryOf({ key: 'key/00000001', ms: 1_780_000_000_000, counter: 3, value }), 0)
  const bytes = writer.finish(63, keyOf)
  const parts = [
    '02 3f', // 63 batches before
    '80 90 92 82 e7 33', // base
    '01',
    '01 03 0c 6b65792f3030303030303031 20',
    '07'.repeat(32),
  ]
  expect(toHex(bytes)).toBe(parts.join('').replaceAll(' ', ''))
  expect(bytes.length).toBeLessThanOrEqual(58)
  expect(parseBatch(bytes).commitKey).toBe(63)
  for (const [said, code] of [
    [0, 'BAD_BATCH'],
    [128, 'PACKED_TOO_LARGE'],
  ] as const) {
    writer.add(entryOf({ key: 'k', ms: 5 }), 0)
    const wrong = writer.finish(said, keyOf)
    expect(() => parseBatch(wrong)).toThrow(expect.objectContaining({ code }))
  }
})

test('deltas of 12-byte keys and 32-byte values take at most 46 bytes each in batches of 100', () => {
  const plains = Array.from({ length: 100 }, (_, i) => ({
    key: `key/${String((i * 7919) % 10_000).padStart(8, '0')}`,
    ms: 1_780_000_000_000 + Math.floor(i / 20),
    counter: i % 20,
    value: new Uint8Array(32).fill(i),
  }))
  expect(encode(plains).length / 100).toBeLessThanOrEqual(46)
})

test('a batch is full at its limits and takes no more', () => {
  const writer = new BatchWriter()
  let count = 0
  const value = new Uint8Array(1000)
  while (writer.add(entryOf({ key: `k${count}`, ms: 1 + count, value }), 0)) count++
  const bytes = writer.finish(new Uint8Array(32), keyOf)
  expect(bytes.length).toBeLessThanOrEqual(limits.batchBytesMax)
  expect(bytes.length).toBeGreaterThan(limits.batchBytesMax - 2000)
  expect(parseBatch(bytes).count).toBe(count)
  for (count = 0; writer.add(entryOf({ key: 'k', ms: 1 + count }), 0); ) count++
  expect(count).toBe(limits.batchEntriesMax)
  const largest = { key: 'k'.repeat(512), ms: 5, value: new Uint8Array(limits.stateValueBytesMax) }
  expect(parseBatch(encode([largest])).count).toBe(1)
})

test('a batch breaks off where a further author of a tag does not fit, and stays canonical', () => {
  const writer = new BatchWriter()
  let count = 0
  const add = (): boolean =>
    writer.add(
      entryOf({
        kind: 'set',
        key: 'k',
        ms: 10 + count,
        isRemoved: true,
        element: new Uint8Array(400).fill(count),
        tag: { ms: 1, counter: 0, author: count + 1 },
      }),
      0,
    )
  while (add()) count++
  const bytes = writer.finish(new Uint8Array(32), author =>
    new Uint8Array(32).fill(author >> 8, 0, 16).fill(author & 0xff, 16),
  )
  expect(parseBatch(bytes).tagAuthors.length).toBe(count)
})

test('stamps of one millisecond rise by their counters, and nothing else can be said', () => {
  const read: number[] = []
  const bytes = encode([
    { key: 'a', ms: 5, counter: 1 },
    { key: 'b', ms: 5, counter: 2 },
    { key: 'c', ms: 6, counter: 0 },
  ])
  parseBatch(bytes).forEach(entry => {
    read.push(entry.counter)
  })
  expect(read).toEqual([1, 2, 0])
})

test('a key that is not UTF-8 is refused, also where it shares its beginning with another', () => {
  const whole = encode([{ key: 'aé', ms: 5 }])
  whole[whole.lastIndexOf(0xa9)] = 0x29
  expect(() => parseBatch(whole)).toThrow(PeerFault)
  const shared = encode([
    { key: 'é', ms: 5 },
    { key: 'ê', ms: 6 },
  ])
  shared[shared.lastIndexOf(0xaa)] = 0x2a
  expect(() => parseBatch(shared)).toThrow('UTF-8')
})

test('an entry under own/ without a signature is refused, and a signature elsewhere as well', () => {
  const unsigned = entryOf({ key: 'own/me/x', ms: 5 })
  unsigned.signatureStart = -1
  const signed = entryOf({ key: 'other', ms: 5 })
  signed.signature = new Uint8Array(64)
  signed.signatureStart = 0
  for (const entry of [unsigned, signed]) {
    const writer = new BatchWriter()
    writer.add(entry, 0)
    expect(() => parseBatch(writer.finish(new Uint8Array(32), keyOf))).toThrow(PeerFault)
  }
})

test('a slot of a counter is eight bytes, signed and never removed', () => {
  const parsed = (plain: Plain): unknown => parseBatch(encode([plain]))
  const slot: Plain = { kind: 'counter', key: 'c', ms: 5, value: new Uint8Array(8) }
  expect(parsed(slot)).toBeDefined()
  expect(() => parsed({ ...slot, value: new Uint8Array(7) })).toThrow('no slot')
  expect(() => parsed({ ...slot, value: new Uint8Array(9) })).toThrow('no slot')
  const tag = { ms: 1, counter: 0, author: 0 }
  expect(() => parsed({ ...slot, isRemoved: true, tag })).toThrow('stays')
  const unsigned = encode([{ ...slot, kind: 'multi' }])
  unsigned[unsigned.indexOf(0x03)] = 0x04
  expect(() => parseBatch(unsigned)).toThrow(PeerFault)
})

test('whole numbers come back from their shortest spelling and from no other', () => {
  const numbers = [0, 1, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53 - 1]
  for (const number of numbers) {
    const writer = new PackedWriter()
    writer.uint(number)
    const reader = new PackedReader(writer.copy())
    expect(reader.uint()).toBe(number)
    reader.end()
  }
  for (const number of [0, -1, 1, -64, 64, 2 ** 48, -(2 ** 48)]) {
    const writer = new PackedWriter()
    writer.int(number)
    expect(new PackedReader(writer.copy()).int()).toBe(number)
  }
  expect(() => new PackedReader(Uint8Array.of(0x80, 0)).uint()).toThrow('shortest')
  const beyond = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f)
  expect(() => new PackedReader(beyond).uint()).toThrow('53 bits')
})
