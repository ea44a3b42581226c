import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import { type Libp2pNet, openNet } from '../../../../src/host/net/libp2p.ts'
import { netLimits } from '../../../../src/host/net/options.ts'
import type { RefusedConnection } from '../../../../src/host/net/port.ts'
import { Stranger } from '../../../../src/host/net/stranger.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { RecordingHandlers } from '../../../conformance/net-world.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(each => each.stop()))
})

async function node(name: string, bootstrap: readonly string[] = []) {
  const admission = new FakeAdmission({ name })
  const handlers = new RecordingHandlers()
  const net: Libp2pNet = await openNet(
    { listen: ['/ip4/127.0.0.1/tcp/0'], announce: [], bootstrap, limits: netLimits.local },
    {
      ...admission.secrets(),
      admission,
      handlers,
      log: silentLogger,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
    },
  )
  running.push(net)
  await net.start(patience())
  return { net, admission, handlers, address: net.addresses()[0] ?? '' }
}

async function light(appraiser = new FakeAdmission({ name: 'verifier' })) {
  const refused: RefusedConnection[] = []
  const client = await Stranger.open({
    network: appraiser.network,
    appraiser,
    random: systemRandom,
    timers: systemTimers,
    refused: each => refused.push(each),
  })
  running.push(client)
  return { client, refused, appraiser }
}

test('a light client learns who the node is, and gets nothing that is for members', async () => {
  const a = await node('a')
  const b = await node('b', [a.address])
  await until(() => a.net.connections().length === 1)
  const { client } = await light()
  const attested = await client.dial(a.address, patience())
  expect(attested.keys).toEqual(a.admission.keys)
  expect(attested.verdict.kind).toBe('trusted')
  let count = 0
  const chatter = setInterval(() => void b.net.publish('delta', utf8(`chatter ${count++}`)), 50)
  const findings = await client.tryMemberProtocols(patience())
  clearInterval(chatter)
  expect(findings).toEqual({ opened: [], heard: 0, gossipPeers: 0, peersTold: 0 })
  expect(count).toBeGreaterThan(0)
  expect(a.net.connections().map(link => link.node)).toEqual([b.admission.node])
  expect(b.handlers.heard.map(({ text }) => text)).not.toContain('a stranger speaks')
  expect(a.handlers.connected).toEqual([b.admission.node])
})

test('a light client refuses a node that its policy does not accept, and the node hears why', async () => {
  const a = await node('a')
  const { client, refused, appraiser } = await light()
  appraiser.manifest = { ...appraiser.manifest, measurements: ['another'] }
  const dial = client.dial(a.address, patience())
  await expect(dial).rejects.toMatchObject({ code: 'MEASUREMENT_MISMATCH' })
  expect(refused[0]).toMatchObject({ by: 'me', refusal: { code: 'MEASUREMENT_MISMATCH' } })
  await until(() => a.handlers.refused.length > 0)
  expect(a.handlers.refused[0]).toMatchObject({
    by: 'them',
    refusal: { code: 'MEASUREMENT_MISMATCH' },
  })
})
