/** `coterie keys recover` against a small server that answers as a node will. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { coterie } from '../../../fixtures/command-line.ts'
import { codeIn } from '../../../fixtures/holder-desk.ts'

const root = 'ab'.repeat(32)
const offer = {
  cut_ms: Date.UTC(2026, 10, 22, 10),
  state_root: root,
  entries: 42,
  manifest_hash: 'cd'.repeat(32),
  manifest_nonce: 3,
  removals_left_out: 0,
}

/** A node with that offer, and what it was asked to bring back. */
async function node(
  status = 200,
  answer: unknown = { cut_ms: offer.cut_ms, state_root: root },
  shown: Partial<{ state_root: string | null }> = {},
) {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', data => {
      body += data
    })
    request.on('end', () => {
      const isOffer = request.url === '/enclave/recovery'
      if (!isOffer) asked.push(JSON.parse(body))
      response.writeHead(isOffer ? 200 : status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isOffer ? { ...offer, ...shown } : answer))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const run = (...args: readonly string[]) => coterie(['keys', 'recover', '--of', url, ...args])
  return { asked, run }
}

test('what would come back is shown with its time and root, and nothing is done without a word of somebody', async () => {
  const { asked, run } = await node()
  const shown = await run('--show')
  expect([shown.code, shown.err]).toEqual([0, ''])
  for (const part of ['42 keys', 'Manifest 3', '2026-11-22T10:00:00.000Z', root]) {
    expect(shown.out).toContain(part)
  }
  const silent = await run()
  expect([silent.code, silent.err]).toEqual([2, expect.stringContaining('NOT_CONFIRMED')])
  expect(asked).toEqual([])
})

test('the written root comes back unless another is named, and the node’s no is told by its code', async () => {
  const { asked, run } = await node()
  const done = await run('--yes', '--json')
  expect(JSON.parse(done.out)).toEqual({ cut: '2026-11-22T10:00:00.000Z', root, entries: 42 })
  await run('--yes', '--root', 'ef'.repeat(32))
  // What was shown, whatever the disk shows afterwards.
  expect(asked).toEqual([{ state_root: root }, { state_root: 'ef'.repeat(32) }])
  expect((await run('--yes', '--root', 'short')).code).toBe(2)
  const refused = { error: 'Others live.', code: 'MEMBERS_LIVE', next: '', request_id: 'x' }
  const no = await (await node(409, refused)).run('--yes', '--json')
  expect([no.code !== 0, codeIn(no.err)]).toEqual([true, 'MEMBERS_LIVE'])
})

test('where no root was written down, a state of another time than the one shown is told', async () => {
  const answer = { cut_ms: offer.cut_ms - 1, state_root: root }
  const { run } = await node(200, answer, { state_root: null })
  const { code, err, out } = await run('--yes', '--json')
  expect([code, codeIn(err), out]).toEqual([1, 'ANOTHER_STATE', ''])
})
