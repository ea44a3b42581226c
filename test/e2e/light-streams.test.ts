/** Light clients against real processes over libp2p alone: as a program, and by the commands. */
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { fromHex } from '../../src/base/bytes.ts'
import { digestOf, type NetworkId } from '../../src/base/ids.ts'
import { systemClock } from '../../src/host/clock.ts'
import { openLightDialler } from '../../src/host/net/light-dialler.ts'
import { systemRandom } from '../../src/host/random.ts'
import { LightClient, type LightOptions } from '../../src/light/client.ts'
import type { Pin } from '../../src/light/link.ts'
import { coterie } from '../fixtures/command-line.ts'
import { textOf } from '../fixtures/light-client.ts'
import { eventually } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

test('a stranger who knows no HTTP address verifies nodes and a value, and is shown nothing that is not public', async () => {
  const { testnet, folder } = await runningTestnet(3)
  const slots = testnet.slots()
  const [first] = slots
  if (first === undefined) throw new Error('three nodes')
  await first.api.set('public/motd', { text: 'hello' }, { ack: 2 })
  await first.api.set('secret', { text: 'payroll' }, { ack: 2 })
  const { pin, addresses } = await toldBy(slots)

  await using dialler = await openLightDialler(pin)
  const sources = addresses.map(address => dialler.source(address))
  const client = await clientOf(pin, sources)
  // The first cuts come some seconds after the nodes, and are of before the write.
  await eventually(async () => {
    const { report, content } = await client.get('public/motd')
    expect(report).toMatchObject({ verdict: 'trusted', state: 'fresh' })
    expect(textOf(content)).toBe('hello')
  })
  expect((await client.get('public/none')).content).toBeNull()
  expect((await client.get('secret')).content).toBeUndefined()
  for (const source of sources) {
    const path = '/light/proof?key=secret&sequence=1'
    expect(await source.ask({ path, bytesMax: 1_000_000 })).toMatchObject({
      code: 'SOURCE_REFUSES',
      facts: { code: 'NOT_PUBLIC' },
    })
  }

  const [one = '', two = ''] = addresses
  const pinned = ['--policy', folder.manifest]
  const verified = await coterie(['verify', one, two, ...pinned, '--json'])
  expect(JSON.parse(verified.out)).toMatchObject({
    verdict: 'trusted',
    nodes: [{ source: one }, { source: two }],
  })
  const link = await coterie(['policy', 'link', folder.manifest, '--node', one, '--node', two])
  expect(await coterie(['verify', link.out.trim()])).toMatchObject({ code: 0, err: '' })
  const bundle = join(dirname(folder.manifest), 'bundle')
  const manifestFlag = ['--manifest', folder.manifest]
  const mixed = ['--from', one, '--from', `http://127.0.0.1:${slots[1]?.httpPort}`]
  const got = await coterie([
    ...['light', 'get', 'public/motd', ...mixed, ...manifestFlag],
    ...['--bundle', bundle, '--json'],
  ])
  expect(got).toMatchObject({ code: 0, err: '' })
  await testnet.stop()
  const again = await coterie(['light', 'verify-bundle', bundle, '--json', ...manifestFlag])
  expect(again).toEqual(got)
  expect(await sources[0]?.ask({ path: '/light/manifest', bytesMax: 1_000_000 })).toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  })
  const bare = one.replace(/\/p2p\/.*$/, '')
  const refused = await coterie(['verify', bare, ...pinned])
  expect(refused.code).not.toBe(0)
  expect(refused.err).toContain('/p2p/')
}, 300_000)

/** What a stranger was told about these nodes: whom to believe, and their multiaddrs. */
async function toldBy(
  slots: ReturnType<Awaited<ReturnType<typeof runningTestnet>>['testnet']['slots']>,
): Promise<{ readonly pin: Pin; readonly addresses: readonly string[] }> {
  const statuses = await Promise.all(slots.map(({ api }) => api.status()))
  const [network, manifest] = [statuses[0]?.network, fromHex(statuses[0]?.manifest.hash ?? '')]
  if (network === undefined || manifest === undefined) throw new Error('a status')
  const pin = { network: network as NetworkId, manifest: digestOf(manifest) }
  return { pin, addresses: statuses.map(({ addresses: [address = ''] }) => address) }
}

function clientOf(pin: Pin, sources: LightOptions['sources']): Promise<LightClient> {
  const fetch = () => Promise.reject(new Error('nobody asks over HTTP here'))
  const deadline = (span: number) => AbortSignal.timeout(span)
  return LightClient.open(
    { clock: systemClock, random: systemRandom, fetch, deadline },
    { pin, sources },
  )
}
