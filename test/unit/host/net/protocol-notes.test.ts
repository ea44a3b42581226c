import type { Libp2p, Peer, PeerData, PeerId } from '@libp2p/interface'
import { afterEach, expect, test } from 'vitest'
import { type Clock, type Duration, instant, minutes } from '../../../../src/base/time.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import { noteProtocolsOnce } from '../../../../src/host/net/protocol-notes.ts'
import { codeOf } from '../../../conformance/net-world.ts'
import { rawMember, startedNode } from '../../../fixtures/net-node.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const running: { stop(): unknown }[] = []
afterEach(async () => {
  for (const node of running.splice(0)) await node.stop()
})

const id = (name: string): PeerId => ({ toString: () => name }) as PeerId

/** A peer store that remembers what was merged, behind the part of libp2p that is looked at. */
function world() {
  const merged: string[] = []
  const events = new EventTarget()
  const connected = new Set(['a', 'b'])
  let now = 0
  const clock = { monotonic: () => instant(now) } as Clock
  const pass = (span: Duration): void => {
    now += span
  }
  const peerStore = {
    merge: async (peer: PeerId, data: PeerData): Promise<Peer> => {
      merged.push(
        `${peer} ${data.protocols?.join('+') ?? ''}${data.multiaddrs ? ' addresses' : ''}`,
      )
      return { id: peer } as Peer
    },
  }
  const libp2p = {
    peerStore,
    addEventListener: events.addEventListener.bind(events),
    getConnections: (peer: PeerId) => (connected.has(peer.toString()) ? [{}] : []),
  }
  noteProtocolsOnce(libp2p as unknown as Libp2p, clock)
  const gone = (name: string): void => {
    connected.delete(name)
    events.dispatchEvent(Object.assign(new Event('peer:disconnect'), { detail: id(name) }))
  }
  return { merged, pass, connected, gone, merge: peerStore.merge }
}

test('a protocol of a connected peer is noted once in ten minutes, and each caller gets the peer', async () => {
  const { merged, pass, merge } = world()
  for (let stream = 0; stream < 5; stream++) {
    expect((await merge(id('a'), { protocols: ['ask'] })).id.toString()).toBe('a')
  }
  await merge(id('a'), { protocols: ['tell'] })
  await merge(id('b'), { protocols: ['ask'] })
  expect(merged).toEqual(['a ask', 'a tell', 'b ask'])
  pass(minutes(10))
  await merge(id('a'), { protocols: ['ask'] })
  expect(merged).toHaveLength(4)
})

test('what says more than one protocol always reaches the record', async () => {
  const { merged, merge } = world()
  await merge(id('a'), { protocols: ['ask'] })
  await merge(id('a'), { protocols: ['ask', 'tell'] })
  await merge(id('a'), { protocols: ['ask'], multiaddrs: [] })
  await merge(id('a'), { multiaddrs: [] })
  expect(merged).toEqual(['a ask', 'a ask+tell', 'a ask addresses', 'a  addresses'])
})

test('nothing is remembered of a peer that went', async () => {
  const { merged, gone, connected, merge } = world()
  await merge(id('a'), { protocols: ['ask'] })
  gone('a')
  await merge(id('a'), { protocols: ['ask'] })
  await merge(id('a'), { protocols: ['ask'] })
  expect(merged).toHaveLength(3)
  connected.add('a')
  await merge(id('a'), { protocols: ['ask'] })
  await merge(id('a'), { protocols: ['ask'] })
  expect(merged).toHaveLength(4)
})

test('libp2p notes the protocols of streams by this way', async () => {
  const node = await startedNode('a')
  const raw = await rawMember('raw')
  running.push(node.net, raw.libp2p)
  // Registering it is noted, too, in the own record.
  await raw.libp2p.handle(
    '/coterie/ask/hello/1',
    async stream => void stream.abort(new Error('no')),
  )
  const noted: string[] = []
  const merge = raw.libp2p.peerStore.merge.bind(raw.libp2p.peerStore)
  raw.libp2p.peerStore.merge = async (peer, data, options) => {
    noted.push(...(data.protocols ?? []))
    return await merge(peer, data, options)
  }
  noteProtocolsOnce(raw.libp2p, systemClock)
  const address = raw.libp2p.getMultiaddrs()[0]?.toString() ?? ''
  node.net.addAddresses([address.replace(/\/p2p\/.*$/, '')])
  await until(() => node.net.connections().length === 1)
  const ask = (): Promise<unknown> =>
    node.net.ask(raw.admission.node, 'hello', new Uint8Array(1), patience())
  for (let asks = 0; asks < 5; asks++) expect(await codeOf(ask())).toBe('ASK_FAILED')
  expect(noted.filter(protocol => protocol === '/coterie/ask/hello/1')).toHaveLength(1)
})
