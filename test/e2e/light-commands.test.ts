/** The commands of light clients against a testnet of real processes: verified live, read with a proof, seen again offline. */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { coterie } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

test('from a link alone nodes are verified and a value is proven, and its bundle proves it when the nodes are gone', async () => {
  const { testnet, folder } = await runningTestnet(3)
  const slots = testnet.slots()
  const origins = slots.map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
  const [first = '', second = ''] = origins
  await slots[0]?.api.set('public/motd', { text: 'hello' }, { ack: 2 })

  const asked = origins.flatMap(each => ['--node', each])
  const made = await coterie(['policy', 'link', '--url', first, ...asked])
  expect(made).toMatchObject({ code: 0, err: '' })
  const link = made.out.trim()
  expect(await coterie(['policy', 'link', folder.manifest, ...asked])).toMatchObject({
    out: made.out,
  })

  await until(async () => (await coterie(['verify', link])).code === 0)
  const verified = await coterie(['verify', link, '--json'])
  expect(JSON.parse(verified.out)).toMatchObject({
    verdict: 'trusted',
    state: 'fresh',
    simulated: true,
    nodes: [{ state: 'fresh' }, { state: 'fresh' }, { state: 'fresh' }],
  })

  const place = dirname(folder.manifest)
  const [state, bundle] = [join(place, 'seen'), join(place, 'bundle')]
  const pinned = ['--manifest', folder.manifest]
  const get = ['light', 'get', 'public/motd', '--from', first, '--from', second, ...pinned]
  await until(async () => (await coterie([...get, '--state', state])).out.includes('= hello'))
  const told = await coterie([...get, '--state', state, '--bundle', bundle, '--json'])
  expect(told).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(told.out)).toMatchObject({ value: { content: { value: 'aGVsbG8=' } } })
  expect(await coterie(['light', 'verify-bundle', bundle, '--json', '--link', link])).toEqual(told)

  const secret = await coterie(['light', 'get', 'secret', '--from', first, ...pinned, '--json'])
  expect(secret.code).toBe(3)
  expect(JSON.parse(secret.out)).toMatchObject({ value: null, code: 'VALUE_NOT_PROVEN' })

  await testnet.stop()
  const gone = await coterie([...get, '--state', state])
  expect(gone).toMatchObject({ code: 3, out: expect.stringContaining('SOURCE_UNREACHABLE') })
  expect(await coterie(['light', 'verify-bundle', bundle, '--json', ...pinned])).toEqual(told)
  writeFileSync(bundle, 'not any more')
  expect((await coterie(['light', 'verify-bundle', bundle, ...pinned])).err).toContain(
    'BUNDLE_BROKEN',
  )
}, 300_000)
