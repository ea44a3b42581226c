/** `coterie log audit` and `coterie members --at`, as real processes against a served node. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { momentOf } from '../../../src/cli/moment.ts'
import { auditMagic } from '../../../src/wire/audit-entry.ts'
import { recordOf, Writer } from '../../fixtures/audit.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { served } from '../api/served.ts'

const member = new Writer(9).node
const admission = {
  ...{ node: member, instance: '1a'.repeat(32), owner: 'acme', platform: 'tdx' },
  ...{ measurement: 'node-1', evidence: '2b'.repeat(32), policy: '3c'.repeat(32) },
  ...{ manifest: '4d'.repeat(32), until: '2030-01-01T00:00:00.000Z', isVouched: false },
}
const written = (): Writer =>
  new Writer(1)
    .note('member-admitted', admission)
    .note('custody-phase', { phase: 'GenesisBooted\u001b[2J' })
    .sign()
const iso = (time: number): string => new Date(time).toISOString()

test('a record is exported to a file, verified offline, and continued by the next export', async () => {
  const { url, node } = await served()
  const [early, late] = ['early', 'late'].map(name => join(temporaryFolder(), name))
  if (early === undefined || late === undefined) throw new Error('two names')
  const writer = written()
  node.record = recordOf(...writer.entries)
  const exported = await coterie(['log', 'audit', 'export', '--url', url, '--out', early])
  expect([exported.code, exported.out]).toEqual([0, `4 entries are in ${early}.\n`])
  expect(statSync(early).mode & 0o777).toBe(0o600)
  expect(new Uint8Array(readFileSync(early))).toEqual(node.record)
  node.record = recordOf(...writer.note('leaving').sign().entries)
  await coterie(['log', 'audit', 'export', '--url', url, '--out', late])
  const again = ['log', 'audit', 'verify', late, '--after', early, '--whole', '--node', writer.node]
  const verified = await coterie([...again, '--json'])
  expect(JSON.parse(verified.out)).toMatchObject({
    ...{ holds: true, entries: 6, begins: 'first', ends: 'export' },
    chains: [{ node: writer.node, first: 1, last: 6, signedThrough: 6 }],
  })
  const back = await coterie(['log', 'audit', 'verify', early, '--after', late])
  expect([back.code, back.err]).toEqual([1, expect.stringContaining('AUDIT_ROLLED_BACK')])
  const other = await coterie(['log', 'audit', 'verify', early, '--node', member])
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('AUDIT_OTHER_NODE')])
})

test('a changed, cut or foreign file ends with 1, its code and the place of the first bad entry', async () => {
  const folder = temporaryFolder()
  const [first, second, third, end] = written().entries
  if (!first || !second || !third || !end) throw new Error('four entries')
  const bad: Readonly<Record<string, Uint8Array>> = {
    'AUDIT_GAP: Entries are missing (entry 2,': recordOf(first, third, end),
    'AUDIT_OUT_OF_ORDER: An entry stands where it does not belong (entry 3,': recordOf(
      ...[first, second, second, third, end],
    ),
    'AUDIT_TORN: The file ends within an entry (entry 4,': recordOf(
      ...[first, second, third, end],
    ).slice(0, -1),
    'AUDIT_UNSIGNED_END: No signature is over the last entries (entry 3,': recordOf(
      ...[first, second, third],
    ),
    'AUDIT_EMPTY: The record holds no entry.': auditMagic,
    'AUDIT_NOT_A_RECORD: This is no audit record.': new Uint8Array(40),
  }
  for (const [text, bytes] of Object.entries(bad)) {
    const path = join(folder, 'record')
    writeFileSync(path, bytes)
    const { code, err } = await coterie(['log', 'audit', 'verify', path], { NO_COLOR: '1' })
    expect([code, err]).toEqual([1, expect.stringContaining(text)])
  }
})

test('a record that does not hold is written out all the same, and the command ends with 1', async () => {
  const { url, node } = await served()
  const record = recordOf(...written().entries)
  node.record = record.with(200, (record[200] ?? 0) ^ 1)
  const path = join(temporaryFolder(), 'record')
  const { code, err } = await coterie(['log', 'audit', 'export', '--url', url, '--out', path])
  expect([code, err]).toEqual([1, expect.stringContaining('AUDIT_')])
  expect(new Uint8Array(readFileSync(path))).toEqual(node.record)
  const part = [...['log', 'audit', 'export', '--url', url], '--from', '-1h', '--out', `${path}2`]
  expect((await coterie(part)).code).toBe(1)
  const again = await coterie(['log', 'audit', 'export', '--url', url, '--out', path])
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('FILE_NOT_WRITTEN')])
})

test('entries are lines for people and JSON for programs, within a window, and move no cursor', async () => {
  const { url, node } = await served()
  const writer = written()
  node.record = recordOf(...writer.entries)
  const { out } = await coterie(['log', 'audit', 'export', '--url', url])
  expect(out.trimEnd().split('\n')).toHaveLength(4)
  expect(out).toContain(`member-admitted ${member}`)
  expect(out).not.toContain('\u001b[2J')
  const from = iso(writer.now - 1_000)
  const json = await coterie(['log', 'audit', 'export', '--url', url, '--json', '--from', from])
  expect(JSON.parse(json.out).entries.map(({ kind }: { kind: string }) => kind)).toEqual([
    ...['custody-phase', 'head-signed'],
  ])
})

test('members --at says who was a member then, by which evidence and policy, from a record that holds', async () => {
  const { url, node } = await served()
  const writer = written()
  node.record = recordOf(...writer.entries)
  const at = (time: number) => ['members', '--at', iso(time), '--url', url]
  const { out } = await coterie([...at(writer.now), '--json'])
  const { isVouched: _, ...known } = admission
  expect(JSON.parse(out)).toMatchObject({ by: writer.node, members: [known] })
  const people = await coterie(at(writer.now))
  expect(people.out).toContain('2b2b2b2b')
  const before = await coterie(at(0))
  expect([before.code, before.err]).toEqual([1, expect.stringContaining('AUDIT_NOT_COVERED')])
  node.record = node.record.with(300, (node.record[300] ?? 0) ^ 1)
  const forged = await coterie(at(writer.now))
  expect([forged.code, forged.err]).toEqual([1, expect.stringContaining('AUDIT_')])
  const never = await coterie(['members', '--at', 'yesterday', '--url', url])
  expect([never.code, never.err]).toEqual([2, expect.stringContaining('BAD_TIME')])
})

test('what nobody signed is marked wherever it is printed', async () => {
  const { url, node } = await served()
  const made = new Writer(1).note('member-admitted', admission)
  const writer = new Writer(2, { after: made, start: made.now + 60_000 }).note('started').sign()
  node.record = recordOf(...made.entries, ...writer.entries)
  const path = join(temporaryFolder(), 'record')
  writeFileSync(path, node.record)
  const reach = ['--url', url]
  const { out } = await coterie(['log', 'audit', 'export', ...reach])
  expect(out.split('\n').filter(line => line.includes(' unsigned '))).toHaveLength(2)
  const json = await coterie(['log', 'audit', 'export', ...reach, '--json'])
  const entries: readonly { isSigned: boolean }[] = JSON.parse(json.out).entries
  expect(entries.map(({ isSigned }) => isSigned)).toEqual([false, false, true, true, true])
  const verified = await coterie(['log', 'audit', 'verify', path])
  expect(verified.out).toContain(`${made.node}: 1 to 2, signed by nobody\n`)
  const at = ['members', '--at', iso(made.now), ...reach]
  const people = await coterie(at)
  expect(people.out).toContain('unsigned')
  expect(people.err).toContain('Nobody signed')
  expect(JSON.parse((await coterie([...at, '--json'])).out)).toMatchObject({
    ...{ isSigned: false, members: [{ isSigned: false }] },
  })
})

test('a time that no calendar has is the last one that it has, and stops no command', async () => {
  const { url, node } = await served()
  const writer = new Writer(1, { start: 2 ** 53 - 10_000 })
  node.record = recordOf(...writer.note('leaving').sign().entries)
  for (const how of [[], ['--json']]) {
    const shown = await coterie(['log', 'audit', 'export', '--url', url, ...how])
    expect([shown.code, shown.out]).toEqual([0, expect.stringContaining('+275760-09-13T00:00:00')])
  }
})

test('a moment is RFC 3339 with its offset, or how long ago', () => {
  const now = Date.UTC(2026, 0, 2)
  expect(momentOf('-2h', now)).toBe(now - 7_200_000)
  expect(momentOf('-90s', now)).toBe(now - 90_000)
  expect(momentOf('2026-01-01T23:00:00+01:00', now)).toBe(now - 7_200_000)
  for (const bad of ['', '2h', '-2w', '2026-01-01', '2026-01-01T00:00:00', '-h']) {
    expect(() => momentOf(bad, now)).toThrow(expect.objectContaining({ code: 'BAD_TIME' }))
  }
})
