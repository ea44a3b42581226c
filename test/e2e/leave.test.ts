/** `coterie leave` against real processes: the last words survive, the member goes at once, its process ends. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { coterie } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

test('coterie leave hands over what was written, is believed at once, and ends the process with 0', async () => {
  const { testnet, events } = await runningTestnet(3)
  const [leaver, ...others] = testnet.slots().toReversed()
  if (leaver === undefined) throw new Error('three nodes')
  const { node } = await leaver.api.status()
  const url = ['--url', `http://127.0.0.1:${leaver.httpPort}`]
  const writes = Array.from({ length: 50 }, (_, i) => `last/${i}`)
  await Promise.all(writes.map(key => leaver.api.set(key, { text: 'word' }, { ack: 'local' })))

  const left = await coterie(['leave', '--json', ...url])
  expect({ ...left, out: JSON.parse(left.out) }).toEqual({
    code: 0,
    out: { drained: true },
    err: '',
  })

  await until(() => !testnet.isRunning(leaver))
  expect(events).toContain(`${leaver.name} ended with status 0`)
  expect(existsSync(leaver.folder.run)).toBe(false)
  for (const { api } of others) {
    expect((await api.members()).map(member => member.node)).not.toContain(node)
    expect((await api.list({ prefix: 'last/' })).entries).toHaveLength(50)
  }
  expect(await coterie(['leave', ...url])).toMatchObject({ code: 4 })
})

test('a node that nobody can take over from leaves as well, and says so', async () => {
  const { testnet } = await runningTestnet(1)
  const { api, httpPort } = testnet.slot(0)
  await api.set('only', { text: 'here' }, { ack: 'local' })
  const left = await coterie(['leave', '--url', `http://127.0.0.1:${httpPort}`])
  expect(left).toMatchObject({ code: 1, out: expect.stringContaining('nobody else') })
  await until(() => !testnet.isRunning(testnet.slot(0)))
})
