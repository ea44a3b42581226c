/** Light clients against real processes: nodes that nobody trusts, over their public routes, while the state is written. */
import { expect, test } from 'vitest'
import { fromHex } from '../../src/base/bytes.ts'
import { digestOf, type NetworkId } from '../../src/base/ids.ts'
import { milliseconds } from '../../src/base/time.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { LightClient } from '../../src/light/client.ts'
import { textOf } from '../fixtures/light-client.ts'
import { eventually } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

test('a stranger verifies a running network and a value in it, and is shown nothing that is not public', async () => {
  const { testnet } = await runningTestnet(4)
  const slots = testnet.slots()
  const [first] = slots
  if (first === undefined) throw new Error('four nodes')
  await first.api.set('public/motd', { text: 'hello' })
  await first.api.set('secret', { text: 'payroll' })
  const { network, manifest } = await first.api.status()
  const hash = fromHex(manifest.hash)
  if (hash === undefined) throw new Error('a hash is hexadecimal')
  const sources = slots.map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
  const client = await LightClient.open(
    {
      clock: systemClock,
      random: systemRandom,
      fetch: (url, options) => fetch(url, options),
      deadline: span => AbortSignal.timeout(span),
    },
    { pin: { network: network as NetworkId, manifest: digestOf(hash) }, sources },
  )
  let writes = 0
  const busy = setInterval(() => {
    const key = `${writes % 2 === 0 ? 'public' : 'private'}/${writes % 7}`
    first.api.set(key, { text: String(writes++) }, { ack: 'local' }).catch(() => undefined)
  }, milliseconds(50))
  try {
    // The first cuts come some seconds after the nodes.
    const { report } = await eventually(async () => {
      const value = await client.get('public/motd')
      expect(value.report).toMatchObject({ verdict: 'trusted', state: 'fresh' })
      // The first cuts are of before the write.
      expect(textOf(value.content)).toBe('hello')
      return value
    })
    expect(report.head?.signers.length).toBeGreaterThanOrEqual(2)
    expect((await client.get('public/none')).content).toBeNull()
    expect((await client.get('secret')).content).toBeUndefined()
    expect(writes).toBeGreaterThan(10)
  } finally {
    clearInterval(busy)
  }
  for (const source of sources) {
    const refused = await fetch(`${source}/light/proof?key=secret`)
    expect(refused.status).toBe(403)
    expect(await refused.text()).not.toContain('payroll')
  }
})
