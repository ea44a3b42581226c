/** The audit record of real nodes in one data directory, over a SIGKILL and an orderly end. */
import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { membersAt } from '../../src/protocol/audit/members-at.ts'
import { factOf, type RecordReport, verifyRecord } from '../../src/protocol/audit/verify.ts'
import { active, clientOf, dataDir, started, stopped } from '../fixtures/node-process.ts'

const stranger = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

function reportOf(file: Uint8Array): RecordReport {
  const report = verifyRecord(file)
  if ('code' in report) throw new Error(`${report.code} ${JSON.stringify(report.facts)}`)
  return report
}

test('what a killed node has answered for is in the record, and the chains of all boots verify as one', async () => {
  const data = await dataDir('testnet')
  const folder = join(data, 'audit')
  const first = started(data)
  const own = await first.ready
  const client = clientOf(own.http, data)
  await active(client)
  const bans = Array.from({ length: 50 }, (_, i) =>
    client.ban({ subject: stranger, seconds: i + 1, reason: '' }).then(() => i + 1),
  )
  const settled = Promise.allSettled(bans)
  await bans[20]
  first.child.kill('SIGKILL')
  await first.ended
  const answered = (await settled).flatMap(ban => ('value' in ban ? ban.value : []))
  // As if the kill had struck within a write: half a length and nothing behind it.
  const [last = ''] = readdirSync(folder).sort().slice(-1)
  appendFileSync(join(folder, last), Uint8Array.of(0, 0))

  const second = started(data)
  const again = await second.ready
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(await stopped(second)).toBe(0)
  const third = started(data)
  const { http, node } = await third.ready
  const asking = clientOf(http, data)
  await active(asking)
  const report = reportOf(await asking.audit())
  expect(report).toMatchObject({ begins: 'first', ends: 'export' })
  expect(report.chains.map(chain => chain.node)).toEqual([own.node, again.node, node])
  const banned = report.entries.filter(({ kind }) => kind === 'banned')
  expect(banned.map(entry => factOf(entry, 'seconds'))).toEqual(expect.arrayContaining(answered))
  const opened = report.entries.filter(({ kind }) => kind === 'chain-opened')
  expect(opened.map(entry => factOf(entry, 'tornBytes'))).toEqual([0, 2, 0])
  const past = membersAt(report, Date.now())
  expect(past).toMatchObject({ by: node, members: [{ node, measurement: expect.any(String) }] })
  const files = readdirSync(folder).map(name => readFileSync(join(folder, name)))
  const token = readFileSync(join(data, 'api.token'), 'utf8').trim()
  expect(files.some(file => file.includes(token))).toBe(false)
})
