/** What a key decided, against crashes, haste and hands in the folder. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  type CustodyManifest,
  custodyManifestHash,
} from '../../../src/attestation/custody/custody-manifest.ts'
import {
  ApprovalRecord,
  type JournalEntry,
  makeApprovalRecord,
  recordOf,
} from '../../../src/host/approval-record.ts'
import { custodyManifest, testHolders } from '../../fixtures/holders.ts'

const holders = testHolders(3)
const at = '2026-11-22T08:00:00Z'
const manifestOf = (nonce: number, key = 'cd', name = 'qos-namespace'): CustodyManifest =>
  custodyManifest(holders, { namespace: { name, nonce, quorumKey: `04${key.repeat(129)}` } })
const decision = (manifest: CustodyManifest, output: string | null = null) =>
  ({ format: 'coterie-approved/1', manifest, output, at }) as const
const entryOf = (manifest: CustodyManifest): JournalEntry => ({
  at,
  what: 'approved',
  manifest: custodyManifestHash(manifest),
  quorumKey: manifest.namespace.quorumKey,
  roles: ['share'],
})
const decide = (record: ApprovalRecord, manifest: CustodyManifest) =>
  record.decide(decision(manifest), entryOf(manifest))

async function fresh(): Promise<{ key: string; folder: string; record: ApprovalRecord }> {
  const top = mkdtempSync(join(tmpdir(), 'coterie-record-'))
  onTestFinished(() => rmSync(top, { recursive: true, force: true }))
  const key = join(top, 'key.json')
  await makeApprovalRecord(key)
  return { key, folder: recordOf(key), record: await ApprovalRecord.open(key) }
}

test('what was decided is known to the next program, and the same again is no contradiction', async () => {
  const { key, folder, record } = await fresh()
  expect(await decide(record, manifestOf(7))).toBeUndefined()
  const next = await ApprovalRecord.open(key)
  expect((await next.decided({ ...manifestOf(7).namespace }))?.manifest).toEqual(manifestOf(7))
  expect(await decide(next, manifestOf(7))).toBeUndefined()
  expect((await readdir(folder)).toSorted()).toEqual(['journal.jsonl', 'qos-namespace.7.json'])
  for (const file of await readdir(folder))
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600)
})

test('a second key, and a second manifest of one key, are refused for ever and written down', async () => {
  const { folder, record } = await fresh()
  await decide(record, manifestOf(7))
  expect(await decide(record, manifestOf(7, 'ef'))).toMatchObject({ code: 'SECOND_QUORUM_KEY' })
  const other = custodyManifest(holders.slice(0, 2), { namespace: manifestOf(7).namespace })
  expect(await decide(record, other)).toMatchObject({ code: 'SECOND_MANIFEST' })
  const lines = readFileSync(join(folder, 'journal.jsonl'), 'utf8').trim().split('\n')
  expect(lines.map(line => JSON.parse(line).code ?? 'approved')).toEqual([
    'approved',
    'SECOND_QUORUM_KEY',
    'SECOND_MANIFEST',
  ])
})

test('of fifty that decide at once for two keys, all of one key win and all of the other lose', async () => {
  const { record } = await fresh()
  const both = Array.from({ length: 50 }, (_, i) => manifestOf(7, i % 2 === 0 ? 'cd' : 'ef'))
  const flaws = await Promise.all(both.map(manifest => decide(record, manifest)))
  const winners = new Set(
    both.filter((_, i) => flaws[i] === undefined).map(m => m.namespace.quorumKey),
  )
  expect(winners.size).toBe(1)
  expect(flaws.filter(flaw => flaw?.code === 'SECOND_QUORUM_KEY')).toHaveLength(25)
})

test('the latest is that of the highest nonce of the very name', async () => {
  const { record } = await fresh()
  for (const nonce of [9, 10, 2]) await decide(record, manifestOf(nonce))
  await decide(record, manifestOf(99, 'cd', 'qos-namespace.5'))
  await decide(record, manifestOf(98, 'cd', 'qos'))
  expect((await record.latest('qos-namespace'))?.manifest.namespace.nonce).toBe(10)
  expect(await record.latest('nobody')).toBeUndefined()
})

test('a key without its record, and a record that others can write, approve nothing', async () => {
  const { key, folder } = await fresh()
  const codeOf = () =>
    ApprovalRecord.open(key).then(
      () => 'open',
      error => error.code,
    )
  chmodSync(folder, 0o722)
  expect(await codeOf()).toBe('RECORD_EXPOSED')
  rmSync(folder, { recursive: true })
  expect(await codeOf()).toBe('RECORD_MISSING')
  writeFileSync(folder, 'a file')
  expect(await codeOf()).toBe('RECORD_MISSING')
})

test('a record that does not say what was decided decides no: half a file is no empty place', async () => {
  const { folder, record } = await fresh()
  const path = join(folder, 'qos-namespace.7.json')
  const whole = JSON.stringify(decision(manifestOf(7)))
  for (const content of [
    '',
    whole.slice(0, -1),
    '[]',
    JSON.stringify({ ...decision(manifestOf(7)), more: 1 }),
  ]) {
    writeFileSync(path, content)
    const code = await decide(record, manifestOf(7)).then(
      () => 'decided',
      error => error.code,
    )
    expect(code).toBe('RECORD_BROKEN')
  }
})

test('half a line that a crash left in the journal spoils no line after it, and a journal that is full stops approvals', async () => {
  const { folder, record } = await fresh()
  const path = join(folder, 'journal.jsonl')
  writeFileSync(path, '{"at":"2026')
  await decide(record, manifestOf(7))
  expect(JSON.parse(readFileSync(path, 'utf8').trim().split('\n')[1] ?? '').what).toBe('approved')
  writeFileSync(path, 'x'.repeat(16 * 1024 * 1024 + 1))
  const code = await decide(record, manifestOf(8)).then(
    () => 'decided',
    error => error.code,
  )
  expect(code).toBe('RECORD_NOT_WRITTEN')
})
