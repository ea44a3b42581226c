import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import {
  type AuditEntry,
  auditEntryBytesMax,
  auditEntryCodec,
  auditFactsMax,
  auditFrame,
  auditFrames,
  auditHash,
  auditHeadMessage,
  auditMagic,
  auditTextMax,
  verifyAuditHead,
} from '../../../src/wire/audit-entry.ts'
import { conformMessage } from '../../conformance/message.ts'

const entry: AuditEntry = {
  sequence: 7,
  previous: new Uint8Array(32).fill(0x11),
  at: 1_790_000_000_000,
  groupClock: 1_790_000_000_123,
  kind: 'member-admitted',
  subject: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  facts: [
    { name: 'count', value: -3 },
    { name: 'isVouched', value: false },
    { name: 'measurement', value: 'node-1' },
    { name: 'owner', value: null },
  ],
}
const first: AuditEntry = {
  ...{ sequence: 1, previous: new Uint8Array(32), at: 0, groupClock: null },
  ...{ kind: 'chain-opened', subject: '', facts: [] },
}

const arbitraryFacts = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 32, unit: 'grapheme-ascii' }),
  fc.oneof(
    fc.string({ maxLength: 40, unit: 'grapheme-ascii' }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
  ),
  { maxKeys: auditFactsMax },
)

conformMessage({
  codec: auditEntryCodec,
  samples: { entry, first },
  mutationsMax: 3_000,
  arbitrary: fc.record({
    sequence: fc.nat(),
    previous: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    at: fc.nat(),
    groupClock: fc.option(fc.nat()),
    kind: fc.string({ maxLength: 48, unit: 'grapheme-ascii' }),
    subject: fc.string({ maxLength: 128, unit: 'grapheme-ascii' }),
    facts: arbitraryFacts.map(facts =>
      Object.entries(facts)
        .map(([name, value]) => ({ name, value }))
        .sort((left, right) => (left.name < right.name ? -1 : 1)),
    ),
  }),
})

test('facts out of order, twice, or too many are refused: one entry has one spelling', () => {
  const withFacts = (names: readonly string[]): Uint8Array =>
    auditEntryCodec.encode({ ...entry, facts: names.map(name => ({ name, value: 1 })) })
  expect(() => auditEntryCodec.decode(withFacts(['b', 'a']))).toThrow('order')
  expect(() => auditEntryCodec.decode(withFacts(['a', 'a']))).toThrow('order')
  const many = Array.from({ length: auditFactsMax + 1 }, (_, i) => String.fromCharCode(97 + i))
  expect(() => auditEntryCodec.decode(withFacts(many))).toThrow('list')
})

test('the largest entry fits its bound', () => {
  const wide = '\u{ffff}'.repeat(auditTextMax)
  const facts = Array.from({ length: auditFactsMax }, (_, i) => ({
    name: `${String.fromCharCode(97 + i)}${'\u{ffff}'.repeat(31)}`,
    value: wide,
  }))
  const bytes = auditEntryCodec.encode({
    ...{ ...entry, kind: '\u{ffff}'.repeat(48), subject: '\u{ffff}'.repeat(128), facts },
  })
  expect(bytes.length).toBeLessThanOrEqual(auditEntryBytesMax)
  expect(auditEntryCodec.decode(bytes).facts).toHaveLength(auditFactsMax)
})

test('the hash of an entry is a promise to records that are kept', () => {
  expect(toHex(auditHash(auditEntryCodec.encode(entry)))).toBe(
    '908ac8232eff532f8b86819975d816c159039f368842a729a322984dfde85ba7',
  )
})

test('a signature holds for every field of its entry, in one spelling', () => {
  const key = new SigningKey(new Secret(new Uint8Array(32).fill(5)))
  const unsigned = { ...entry, subject: nodeIdOfKey(key.publicKey), facts: entry.facts.slice(0, 2) }
  const value = toHex(key.sign(auditHeadMessage(unsigned)))
  const signed: AuditEntry = {
    ...unsigned,
    facts: [...unsigned.facts, { name: 'signature', value }],
  }
  expect(verifyAuditHead(signed)).toBe(true)
  const others: readonly Partial<AuditEntry>[] = [
    { sequence: 8 },
    { previous: new Uint8Array(32) },
    { at: 0 },
    { groupClock: null },
    { kind: 'started' },
    { subject: nodeIdOfKey(new Uint8Array(32).fill(9)) },
    { subject: 'nobody' },
    { facts: signed.facts.slice(1) },
    { facts: [...unsigned.facts, { name: 'signature', value: value.toUpperCase() }] },
    { facts: unsigned.facts },
  ]
  for (const other of others) expect(verifyAuditHead({ ...signed, ...other })).toBe(false)
})

test('a file cut at any byte gives its whole entries and says that the rest is torn', () => {
  const entries = [first, entry].map(auditEntryCodec.encode)
  const file = concatBytes(auditMagic, ...entries.map(auditFrame))
  const ends = [auditMagic.length]
  for (const { length } of entries) ends.push((ends.at(-1) ?? 0) + 4 + length)
  for (let length = auditMagic.length; length <= file.length; length++) {
    const frames = auditFrames(file.subarray(0, length))
    const whole = ends.filter(end => end <= length).length - 1
    expect(frames?.entries.map(toHex)).toEqual(entries.slice(0, whole).map(toHex))
    expect(frames?.wholeBytes).toBe(ends[whole])
    expect(frames?.rest).toBe(ends.includes(length) ? 'nothing' : 'torn')
  }
})

test('a length that no entry has ends the reading: nothing is made of it', () => {
  const broken = concatBytes(auditMagic, Uint8Array.of(0xff, 0xff, 0xff, 0xff), new Uint8Array(64))
  expect(auditFrames(broken)).toEqual({
    entries: [],
    wholeBytes: auditMagic.length,
    rest: 'broken',
  })
  const zeros = concatBytes(auditMagic, new Uint8Array(4_096))
  expect(auditFrames(zeros)?.rest).toBe('broken')
  expect(auditFrames(utf8('coterie-audit/2\n'))).toBeUndefined()
  expect(auditFrames(auditMagic.subarray(1))).toBeUndefined()
})
