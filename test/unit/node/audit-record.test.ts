/** The record of one node: what gets in, how it is bounded, what a disk and its host can do to it. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { concatBytes } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import { AuditFolder } from '../../../src/host/audit-folder.ts'
import type { AuditStore } from '../../../src/host/port.ts'
import { AuditMemory } from '../../../src/node/audit-memory.ts'
import { AuditRecord, type AuditRecordPorts } from '../../../src/node/audit-record.ts'
import { makeIdentity, wipeIdentity } from '../../../src/node/identity.ts'
import { membersAt } from '../../../src/protocol/audit/members-at.ts'
import { factOf, type RecordReport, verifyRecord } from '../../../src/protocol/audit/verify.ts'
import { auditMagic } from '../../../src/wire/audit-entry.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'
import { temporaryFolder } from '../../fixtures/command-line.ts'
import { plant, plantedSizes } from '../../fixtures/sparse-file.ts'

const network = 'ab'.repeat(32) as NetworkId

function made(
  options: {
    readonly store?: AuditStore
    readonly seed?: number
    readonly sizes?: AuditRecordPorts['sizes']
  } = {},
) {
  const time = new VirtualTime()
  const { clock, timers } = time
  const identity = makeIdentity(seededRandom(options.seed ?? 1))
  onTestFinished(() => wipeIdentity(identity))
  const { store = new AuditMemory() } = options
  const record = new AuditRecord({
    host: { clock, timers, log: silentLogger, audit: store },
    ...{ identity, network, groupClock: () => null },
    ...(options.sizes === undefined ? {} : { sizes: options.sizes }),
  })
  return { time, record, store, node: identity.node }
}

function reportOf(file: Uint8Array): RecordReport {
  const report = verifyRecord(file)
  if ('code' in report) throw new Error(`${report.code} ${JSON.stringify(report.facts)}`)
  return report
}

const kindsOf = async (record: AuditRecord): Promise<readonly string[]> =>
  reportOf(await record.export()).entries.map(({ kind }) => kind)

test('what belongs into the record is in it, also from before it was open, and the rest is not', async () => {
  const { record, node } = made()
  record.note('banned', { subject: 'cd'.repeat(32), seconds: 60 })
  record.open()
  record.note('connected', { node })
  record.note('custody-phase', { phase: 'GenesisBooted' })
  record.note('signing-made', { group: 'ef'.repeat(32), lock: 'l' })
  record.note('signing-cheat', { node, code: 'BAD_SHARE' })
  record.note('cache', { code: 'CACHE_LOCKED' })
  expect(await kindsOf(record)).toEqual([
    'chain-opened',
    'banned',
    'custody-phase',
    'signing-made',
    'signing-cheat',
    'head-signed',
  ])
})

test('an entry is signed within a minute, and nothing is signed while nothing happens', async () => {
  const { record, time } = made()
  record.open()
  await time.advance(minutes(1))
  await time.advance(minutes(10))
  record.note('lease', { state: 'held' })
  await time.advance(seconds(61))
  await time.advance(minutes(10))
  const { entries } = reportOf(await record.export())
  const reasons = entries.filter(({ kind }) => kind === 'head-signed').map(e => factOf(e, 'reason'))
  expect(reasons).toEqual(['interval', 'interval', 'export'])
  expect(time.pending).toBe(0)
})

test('strangers fill no disk: what they cause is written a few times a minute, and the rest is counted', async () => {
  const { record, time } = made()
  record.open()
  for (let i = 0; i < 3_600; i++) {
    await time.advance(1_000)
    for (let k = 0; k < 5; k++) record.note('refused', { by: 'me', code: `CODE_${i}_${k}` })
  }
  const { entries } = reportOf(await record.export())
  expect(entries.length).toBeLessThan(64 + 240 + 2 * 62)
  const refused = entries.filter(({ kind }) => kind === 'refused').length
  const counted = entries
    .filter(({ kind }) => kind === 'entries-withheld')
    .reduce((sum, entry) => sum + Number(factOf(entry, 'count')), 0)
  expect(refused + counted).toBe(18_000)
})

test('what a node does itself is written while strangers knock', async () => {
  const { record } = made()
  record.open()
  for (let i = 0; i < 1_000; i++) record.note('refused', { code: `CODE_${i}` })
  record.note('manifest', { nonce: 2, hash: 'ab' })
  expect(await kindsOf(record)).toContain('manifest')
})

test('neither a load of signatures nor a flood of vain requests hides a ceremony', async () => {
  const { record } = made()
  record.open()
  const repeatable = ['custody-used', 'signing-made', 'signing-locked', 'signing-failed']
  for (let i = 0; i < 12_000; i++) record.note(repeatable[i % 4] ?? '', {})
  for (let i = 0; i < 2_000; i++) record.note('custody-export-refused', { cause: `C${i}` })
  const ceremonies = [
    ...['custody-key-exported', 'custody-share-accepted', 'custody-phase'],
    ...['signing-group', 'signing-ceremony', 'signing-cheat'],
  ]
  for (const kind of ceremonies) record.note(kind, {})
  const { entries } = reportOf(await record.export())
  expect(entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(ceremonies))
  const withheld = entries.filter(({ kind }) => kind === 'entries-withheld')
  expect(withheld.map(entry => [factOf(entry, 'cause'), factOf(entry, 'count')])).toEqual([
    ['caller', 2_000],
    ['attempt', 1_000],
  ])
})

test('ceremonies without end are counted as well, so that they push nothing else out', async () => {
  const { record } = made()
  record.open()
  for (let i = 0; i < 2_100; i++) record.note('signing-cheat', { code: `C${i}` })
  record.note('custody-used', {})
  const { entries } = reportOf(await record.export())
  const withheld = entries.find(({ kind }) => kind === 'entries-withheld')
  expect(withheld && factOf(withheld, 'count')).toBe(100)
  expect(entries.some(({ kind }) => kind === 'custody-used')).toBe(true)
})

test('the oldest files go when all are too large; that is said before, and who is a member is said again', async () => {
  const sizes = { fileBytesMax: 4_096, bytesMax: 16_384 }
  const { record, store, time, node } = made({ sizes })
  record.open()
  record.note('member-admitted', { node, instance: 'aa', evidence: 'bb' })
  for (let i = 0; i < 400; i++) record.note('custody-phase', { phase: `P${i}` })
  expect(store.bytes).toBeLessThan(16_384 + 2 * 4_096)
  const report = reportOf(await record.export())
  expect(report.begins).toBe('dropped')
  expect(report.chains[0]).toMatchObject({ node, signedThrough: report.entries.at(-1)?.sequence })
  const past = membersAt(report, time.clock.wall())
  expect(past).toMatchObject({ members: [{ node, evidence: 'bb' }] })
})

test('members that were only counted are said again, so that nobody is a member who is not', async () => {
  const { record, time } = made()
  record.open()
  for (let i = 0; i < 2_500; i++) record.note('member-admitted', { node: `n${i}`, evidence: 'aa' })
  for (let i = 0; i < 2_499; i++) record.note('member-gone', { node: `n${i}`, code: 'LEFT' })
  await time.advance(minutes(2))
  const past = membersAt(reportOf(await record.export()), time.clock.wall())
  expect(past).toMatchObject({ members: [{ node: 'n2499' }] })
})

test('a boot begins a chain of its own and names the end that it found as unproven', async () => {
  const store = new KeptMemory()
  const first = made({ store })
  first.record.open()
  first.record.note('started', {})
  first.record.stop()
  const second = made({ store, seed: 2 })
  second.record.open()
  const report = reportOf(await second.record.export())
  expect(report.chains.map(({ node }) => node)).toEqual([first.node, second.node])
  const opened = report.entries.findLast(({ kind }) => kind === 'chain-opened')
  if (opened === undefined) throw new Error('it is there')
  expect(factOf(opened, 'found')).toBe('unproven')
  expect(factOf(opened, 'foundHash')).toBe(report.chains[0]?.head)
})

test('a disk that is full loses nothing that was noted meanwhile, and the node says so', async () => {
  const store = new FullDisk()
  const { record } = made({ store })
  record.open()
  store.isFull = true
  for (let i = 0; i < 10; i++) record.note('custody-phase', { phase: `P${i}` })
  expect(record.trouble?.code).toBe('AUDIT_NOT_WRITTEN')
  expect(await kindsOf(record)).toHaveLength(12)
  store.isFull = false
  record.note('started', {})
  expect(record.trouble).toBeUndefined()
  record.stop()
  expect(reportOf(concatBytes(...(await store.files()))).entries).toHaveLength(14)
})

test('a disk that is mended while it is read gives nothing twice', async () => {
  const store = new FullDisk()
  const slow = Promise.withResolvers<void>()
  const read = store.files.bind(store)
  store.files = () => slow.promise.then(read)
  const { record } = made({ store })
  record.open()
  store.isFull = true
  record.note('banned', { subject: 'cd'.repeat(32), seconds: 60 })
  const kinds = kindsOf(record)
  store.isFull = false
  record.note('unbanned', { subject: 'cd'.repeat(32) })
  slow.resolve()
  expect(await kinds).toEqual(['chain-opened', 'banned', 'head-signed'])
})

test('a disk that is mended is written to within a minute, also while nothing happens', async () => {
  const store = new FullDisk()
  const { record, time } = made({ store })
  record.open()
  store.isFull = true
  record.note('started', {})
  await time.advance(minutes(3))
  store.isFull = false
  await time.advance(seconds(61))
  expect(record.trouble).toBeUndefined()
  const written = reportOf(concatBytes(...(await store.files())))
  expect(written.entries.map(({ kind }) => kind)).toContain('started')
  await time.advance(minutes(2))
  expect(time.pending).toBe(0)
})

test('an oldest file that cannot be dropped stops nothing: the node goes on, signs and ends', async () => {
  const folder = temporaryFolder()
  const sizes = { fileBytesMax: 4_096, bytesMax: 16_384 }
  const { record, time, node } = made({ store: new AuditFolder(folder), sizes })
  record.open()
  record.note('member-admitted', { node, instance: 'aa', evidence: 'bb' })
  const first = join(folder, '0000000001.audit')
  for (let i = 0; i < 20; i++) record.note('custody-phase', { phase: `P${i}` })
  rmSync(first)
  mkdirSync(first)
  for (let i = 0; i < 200; i++) record.note('custody-phase', { phase: `P${i}` })
  await time.advance(minutes(1))
  expect(statSync(first).isDirectory()).toBe(true)
  expect(sizeOf(folder)).toBeLessThan(16_384 + 2 * 4_096)
  const past = membersAt(reportOf(await record.export()), time.clock.wall())
  expect(past).toMatchObject({ members: [{ node }] })
  record.stop()
})

test.each(plantedSizes)(
  'a file of %i bytes that a host planted in the record goes first, is named, and loses nothing that was written',
  async size => {
    const folder = temporaryFolder()
    const name = '0000000001.audit'
    plant(join(folder, name), size, auditMagic)
    const { record } = made({ store: new AuditFolder(folder) })
    record.open()
    record.note('started', {})
    expect(readdirSync(folder)).toEqual(['0000000002.audit'])
    const report = reportOf(await record.export())
    const [opened, dropped, started] = report.entries
    expect([opened?.kind, dropped?.kind, started?.kind]).toEqual([
      ...['chain-opened', 'entries-dropped', 'started'],
    ])
    expect(dropped?.facts).toEqual([
      { name: 'bytes', value: size },
      { name: 'entries', value: 0 },
      { name: 'file', value: name },
    ])
    record.stop()
  },
)

test('boots that end early do not let the record grow without end, and what went is said', async () => {
  const folder = temporaryFolder()
  const sizes = { fileBytesMax: 8_192, bytesMax: 16_384 }
  for (let seed = 1; seed <= 60; seed++) {
    const { record } = made({ store: new AuditFolder(folder), sizes, seed })
    record.open()
    record.note('started', {})
    record.stop()
  }
  expect(sizeOf(folder)).toBeLessThan(16_384 + 2_048)
  const last = made({ store: new AuditFolder(folder), sizes, seed: 99 })
  last.record.open()
  const report = reportOf(await last.record.export())
  expect(report.begins).toBe('dropped')
  expect(report.chains.length).toBeGreaterThan(5)
  last.record.stop()
})

test('nothing is dropped before the disk holds that it was', () => {
  const sizes = { fileBytesMax: 4_096, bytesMax: 8_192 }
  const store = new FullDisk()
  const { record } = made({ store, sizes })
  for (let i = 0; i < 3; i++) {
    store.nextFile()
    store.append(new Uint8Array(4_096))
  }
  const { bytes } = store
  store.isFull = true
  record.open()
  expect(store.bytes).toBeGreaterThanOrEqual(bytes)
})

test('a host that changes, cuts or sets back the file of a running node is seen at the next export', async () => {
  const store = new TamperedMemory()
  const { record } = made({ store })
  record.open()
  record.note('banned', { subject: 'cd'.repeat(32), seconds: 60 })
  record.note('started', {})
  const codeOf = async (): Promise<string> => {
    const report = verifyRecord(await record.export())
    return 'code' in report ? report.code : report.kind
  }
  expect(await codeOf()).toBe('holds')
  const [before = new Uint8Array(0)] = await store.files()
  store.change = file => file.with(200, (file[200] ?? 0) ^ 1)
  expect(await codeOf()).toMatch(/^AUDIT_/)
  store.change = file => file.subarray(0, 300)
  expect(await codeOf()).toMatch(/^AUDIT_/)
  store.change = () => before
  expect(await codeOf()).toBe('AUDIT_GAP')
})

test('after the stop nothing is written', async () => {
  const { record, store } = made()
  record.open()
  record.stop()
  const { bytes } = store
  record.note('started', {})
  record.stop()
  expect(store.bytes).toBe(bytes)
})

/** Bytes of all files, as the disk has them. */
function sizeOf(folder: string): number {
  return readdirSync(folder)
    .map(name => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0)
}

/** A folder that outlives the node that wrote it. */
class KeptMemory extends AuditMemory {
  readonly #written: Uint8Array[] = []

  override open() {
    super.open()
    return { lastFile: concatBytes(auditMagic, ...this.#written), tornBytes: 0 }
  }

  override append(bytes: Uint8Array): void {
    super.append(bytes)
    this.#written.push(bytes)
  }
}

class FullDisk extends AuditMemory {
  isFull = false

  override append(bytes: Uint8Array): void {
    if (this.isFull) throw new HostError('AUDIT_NOT_WRITTEN', 'The disk is full.')
    super.append(bytes)
  }
}

class TamperedMemory extends AuditMemory {
  change: (file: Uint8Array) => Uint8Array = file => file

  override async files(): Promise<readonly Uint8Array[]> {
    return (await super.files()).map(this.change)
  }
}
