/** Calls under seal against a testnet of real processes, over real sockets, by the command that people have. */
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { coterie, startCoterie } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

test('the client of a testnet writes and reads under seal; a stranger with a key of his own does not', async () => {
  const { testnet, folder } = await runningTestnet(3)
  const origins = testnet.slots().map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
  const where = [...origins.flatMap(each => ['--from', each]), '--manifest', folder.manifest]
  const call = (args: readonly string[], key = folder.clientKey, input = '') =>
    startCoterie(['light', 'call', ...args, ...where, '--key', key], { input }).ended
  const path = '/v1/state/team%2Fplan'
  const put = ['PUT', `${path}?ack=2`, '--body', '-']

  await until(async () => (await call(put, folder.clientKey, '{"text":"at dawn"}')).code === 0)
  const read = await call(['GET', path])
  expect(read).toMatchObject({ code: 0, err: '', out: expect.stringContaining('"at dawn"') })
  expect(read.out).toContain('SIMULATED')
  const told = await call(['GET', path, '--json'])
  expect(JSON.parse(told.out)).toMatchObject({
    status: 200,
    simulated: true,
    body: { key: 'team/plan', value: { text: 'at dawn' } },
  })
  // Every member holds it, as after any other write.
  expect(await testnet.slots()[2]?.api.get('team/plan')).toMatchObject({
    value: { text: 'at dawn' },
  })

  const missing = await call(['GET', '/v1/state/nothing', '--json'])
  expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('NOT_FOUND') })
  const closed = await call(['GET', '/v1/members'])
  expect(closed).toMatchObject({ code: 1, err: expect.stringContaining('NOT_FOUND') })
  const strange = join(dirname(folder.manifest), 'stranger.key')
  expect((await coterie(['light', 'key', 'new', strange])).code).toBe(0)
  const refused = await call(['GET', path], strange)
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('CLIENT_NOT_LISTED') })

  await testnet.stop()
  const gone = await call(['GET', path])
  expect(gone).toMatchObject({ code: 3, err: expect.stringContaining('NODE_NOT_TRUSTED') })
}, 300_000)
