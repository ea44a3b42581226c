import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalBytes, toHex } from '../../../../src/base/bytes.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { SigningKey } from '../../../../src/crypto/sign.ts'
import { ownKinds } from '../../../../src/protocol/audit/kinds.ts'
import { type RecordReport, verifyRecord } from '../../../../src/protocol/audit/verify.ts'
import { continues, cutRecord, entriesWithin } from '../../../../src/protocol/audit/window.ts'
import {
  type AuditFact,
  auditEntryCodec,
  auditHeadMessage,
  verifyAuditHead,
} from '../../../../src/wire/audit-entry.ts'
import { recordOf, Writer } from '../../../fixtures/audit.ts'

const written = (): Writer =>
  new Writer(1)
    .note('started')
    .note('refused', { by: 'me', code: 'MEASUREMENT_MISMATCH' })
    .sign('interval')
    .note('custody-phase', { phase: 'QuorumKeyProvisioned' })
    .note('banned', { subject: 'cd'.repeat(32), seconds: 60 })
    .sign()

const codeOf = (entries: readonly Uint8Array[]): string => {
  const report = verifyRecord(recordOf(...entries))
  return 'code' in report ? report.code : report.kind
}

function reportOf(file: Uint8Array): RecordReport {
  const report = verifyRecord(file)
  if ('code' in report) throw new Error(`${report.code} ${JSON.stringify(report.facts)}`)
  return report
}

test('a record as the node wrote it holds: whose it is, from where to where, signed by whom', () => {
  const writer = written()
  const report = reportOf(recordOf(...writer.entries))
  expect(report).toMatchObject({ begins: 'first', ends: 'export' })
  expect(report.chains).toEqual([
    expect.objectContaining({ node: writer.node, first: 1, last: 7, signedThrough: 7 }),
  ])
  expect(report.entries.map(({ kind }) => kind)).toContain('custody-phase')
  expect(report.entries[5]?.subject).toBe('cd'.repeat(32))
})

test.each([
  ['taken out', (all: Uint8Array[]) => all.toSpliced(2, 1), 'AUDIT_GAP', 3],
  [
    'repeated',
    (all: Uint8Array[]) => all.toSpliced(2, 0, all[1] ?? all[0]!),
    'AUDIT_OUT_OF_ORDER',
    3,
  ],
  [
    'swapped with the next',
    (all: Uint8Array[]) => all.with(1, all[2]!).with(2, all[1]!),
    'AUDIT_GAP',
    2,
  ],
  ['made up', (all: Uint8Array[]) => all.with(2, madeUp(all[2]!)), 'AUDIT_BROKEN_LINK', 4],
  [
    'left without the signature over it',
    (all: Uint8Array[]) => all.slice(0, -1),
    'AUDIT_UNSIGNED_END',
    6,
  ],
  ['of nobody', () => [], 'AUDIT_EMPTY', undefined],
])('an entry that is %s is named by its place', (_, change, code, entry) => {
  const report = verifyRecord(recordOf(...change(written().entries)))
  expect(report).toMatchObject({ code, facts: entry === undefined ? {} : { entry } })
})

test('a signature of another node, and one over other entries, are none', () => {
  const entries = written().entries
  const stranger = new Writer(2)
  for (let i = 0; i < 5; i++) stranger.note('started')
  stranger.sign()
  const foreign = stranger.entries.at(-1)
  const own = entries.at(-1)
  if (foreign === undefined || own === undefined) throw new Error('written above')
  const { facts, subject } = auditEntryCodec.decode(foreign)
  const placed = auditEntryCodec.decode(own)
  const signedByOther = auditEntryCodec.encode({ ...placed, facts, subject })
  expect(codeOf(entries.with(-1, signedByOther))).toBe('AUDIT_BAD_SIGNATURE')
  const other = new SigningKey(new Secret(new Uint8Array(32).fill(2)))
  const claimed = { ...placed, subject: stranger.node, facts: without(placed.facts, 'signature') }
  const value = toHex(other.sign(auditHeadMessage(claimed)))
  const itsOwn = { ...claimed, facts: [...claimed.facts, { name: 'signature', value }] }
  expect(verifyAuditHead(itsOwn)).toBe(true)
  expect(codeOf(entries.with(-1, auditEntryCodec.encode(itsOwn)))).toBe('AUDIT_BAD_SIGNATURE')
  const early = auditEntryCodec.decode(entries[3] ?? own).facts
  const signedEarlier = auditEntryCodec.encode({ ...placed, facts: early })
  expect(codeOf(entries.with(-1, signedEarlier))).toBe('AUDIT_BAD_SIGNATURE')
})

test('a chain goes on behind the one before it, and a missing end or a missing chain is seen', () => {
  const first = written()
  first.note('leaving').sign('stop')
  const second = new Writer(2, { after: first }).note('started').sign('stop')
  const third = new Writer(3, { after: second }).note('started').sign()
  const all = [...first.entries, ...second.entries, ...third.entries]
  expect(reportOf(recordOf(...all)).chains.map(({ node }) => node)).toEqual([
    first.node,
    second.node,
    third.node,
  ])
  expect(codeOf([...first.entries, ...third.entries])).toBe('AUDIT_CHAIN_MISSING')
  const cutFirst = first.entries.slice(0, -2)
  expect(codeOf([...cutFirst, ...second.entries, ...third.entries])).toBe('AUDIT_CHAIN_MISSING')
  const late = reportOf(recordOf(...second.entries, ...third.entries))
  expect(late.begins).toBe('cut')
})

test('a beginning that went for want of room is said by the record itself, and only then believed', () => {
  const entries = written().entries
  const { hash } = reportOf(recordOf(...entries)).entries[2] ?? { hash: '' }
  const writer = written()
  writer.note(ownKinds.dropped, { hash, through: 3, entries: 3 }).sign()
  expect(reportOf(recordOf(...writer.entries.slice(3))).begins).toBe('dropped')
  expect(reportOf(recordOf(...writer.entries.slice(2))).begins).toBe('cut')
})

test('whatever is changed, cut or moved in a file, no reader takes it for the whole record of its node', () => {
  const file = recordOf(...written().entries)
  const isWhole = (bytes: Uint8Array): boolean => {
    const report = verifyRecord(bytes)
    return !('code' in report) && report.begins === 'first' && report.ends === 'export'
  }
  expect(isWhole(file)).toBe(true)
  for (let i = 0; i < file.length; i++) {
    const bit = 1 << (i % 8)
    expect(isWhole(file.with(i, (file[i] ?? 0) ^ bit)), `byte ${i}`).toBe(false)
    expect(isWhole(file.subarray(0, i)), `cut at ${i}`).toBe(false)
  }
  const entries = written().entries
  fc.assert(
    fc.property(fc.shuffledSubarray([...entries, ...entries], { minLength: 1 }), moved => {
      const isSame =
        moved.length === entries.length && moved.every((entry, i) => equalBytes(entry, entries[i]!))
      expect(isWhole(recordOf(...moved))).toBe(isSame)
    }),
    { numRuns: 300 },
  )
})

test('a window ends with a signature, and verifies as a part', () => {
  const writer = written()
  const report = reportOf(recordOf(...writer.entries))
  const time = (place: number): number => report.entries[place]?.at ?? 0
  const part = entriesWithin(report, { from: time(1), to: time(2) })
  expect(part.map(({ sequence }) => sequence)).toEqual([2, 3, 4])
  expect(reportOf(cutRecord(part))).toMatchObject({ begins: 'cut', ends: 'head' })
  expect(entriesWithin(report, { from: writer.now + 1 })).toEqual([])
  expect(entriesWithin(report, { to: time(0) - 1 })).toEqual([])
  expect(entriesWithin(report, {})).toHaveLength(7)
})

test('a later record goes on where an earlier one ended, and one that was set back does not', () => {
  const writer = written()
  const earlier = reportOf(recordOf(...writer.entries))
  writer.note('leaving').sign()
  expect(continues(reportOf(recordOf(...writer.entries)), earlier)).toBeUndefined()
  const other = new Writer(1).note('started').sign()
  expect(continues(reportOf(recordOf(...other.entries)), earlier)?.code).toBe('AUDIT_ROLLED_BACK')
})

const without = (facts: readonly AuditFact[], name: string): readonly AuditFact[] =>
  facts.filter(fact => fact.name !== name)

function madeUp(bytes: Uint8Array): Uint8Array {
  return auditEntryCodec.encode({ ...auditEntryCodec.decode(bytes), kind: 'started', facts: [] })
}

test('whatever is noted is written in bounds and verifies: long, broken, many, not whole', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.string({ unit: 'grapheme', maxLength: 600 }),
    fc.double(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
  )
  const name = fc.oneof(fc.constantFrom('node', 'subject'), fc.string({ maxLength: 40 }))
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 40 }), fc.string(), (facts, kind) => {
      const writer = new Writer(1).note(`custody-${kind}`, facts).sign()
      expect(codeOf(writer.entries)).toBe('holds')
    }),
    { numRuns: 300 },
  )
})
