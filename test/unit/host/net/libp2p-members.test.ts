import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../../src/base/bytes.ts'
import { milliseconds } from '../../../../src/base/time.ts'
import { dhtProtocol } from '../../../../src/host/net/libp2p-node.ts'
import { netLimits } from '../../../../src/host/net/options.ts'
import { topicName } from '../../../../src/wire/topics.ts'
import { rawMember, realNode, startedNode } from '../../../fixtures/net-node.ts'
import { patience, until } from '../../../fixtures/patience.ts'

const running: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(each => each.stop()))
})

async function started(...args: Parameters<typeof startedNode>) {
  const node = await startedNode(...args)
  running.push(node.net)
  return node
}

async function raw(name: string) {
  const member = await rawMember(name)
  running.push(member.libp2p)
  return member
}

const heard = (node: Awaited<ReturnType<typeof started>>, text: string): boolean =>
  node.handlers.heard.some(message => message.text === text)

/** Publishes until it arrives: subscriptions take a moment after connections. */
async function reaches(
  from: Awaited<ReturnType<typeof started>>,
  to: readonly (typeof from)[],
  text: string,
) {
  for (let turn = 0; turn < 60; turn++) {
    await from.net.publish('delta', utf8(`${text} ${turn}`))
    const end = Date.now() + 250
    const all = (): boolean => to.every(node => heard(node, `${text} ${turn}`))
    await until(() => all() || Date.now() > end)
    if (all()) return
  }
  throw new Error('gossip did not arrive')
}

test('twelve nodes on one address gossip with each other', async () => {
  const first = await started('n0')
  const nodes = [first]
  for (let i = 1; i < 12; i++) nodes.push(await started(`n${i}`, { bootstrap: [first.address] }))
  await until(() => nodes.every(node => node.net.connections().length === 11))
  for (const from of [nodes[0]!, nodes[11]!]) {
    await reaches(
      from,
      nodes.filter(node => node !== from),
      `hello of ${from.address}`,
    )
  }
}, 150_000)

test('two nodes that dial each other at once keep one connection, the same one', async () => {
  for (let turn = 0; turn < 5; turn++) {
    const [a, b] = [await started(`a${turn}`), await started(`b${turn}`)]
    a.net.addAddresses([b.address])
    b.net.addAddresses([a.address])
    await until(() => a.net.connections().length === 1 && b.net.connections().length === 1)
    const isOne = (): boolean =>
      a.net.socketCount() === 1 &&
      b.net.socketCount() === 1 &&
      a.net.connections()[0]?.outbound === !b.net.connections()[0]?.outbound
    await until(isOne)
    await new Promise(resolve => setTimeout(resolve, 1000))
    expect(isOne()).toBe(true)
    await reaches(a, [b], 'after the race')
    await reaches(b, [a], 'and back')
    expect([a.handlers.connected, b.handlers.connected]).toEqual([
      [b.admission.node],
      [a.admission.node],
    ])
    expect([...a.handlers.disconnected, ...b.handlers.disconnected]).toEqual([])
  }
})

test('gossip flows again after its stream was lost on a living connection', async () => {
  const a = await started('a')
  const b = await raw('b')
  await b.libp2p.dial(multiaddr(a.address))
  let count = 0
  b.libp2p.services.gossip.addEventListener('message', () => count++)
  b.libp2p.services.gossip.subscribe(topicName(a.admission.network, 'delta'))
  await until(() => a.net.connections().length === 1)
  let turn = 0
  const flows = async (): Promise<void> => {
    const before = count
    await until(() => {
      void a.net.publish('delta', utf8(`turn ${turn++}`))
      return count > before
    })
  }
  await b.libp2p.services.identify.identify(b.libp2p.getConnections()[0]!)
  await flows()
  const inbound = b.libp2p
    .getConnections()
    .flatMap(connection => connection.streams)
    .filter(stream => stream.protocol.startsWith('/meshsub') && stream.direction === 'inbound')
  expect(inbound).toHaveLength(1)
  for (const stream of inbound) stream.abort(new Error('lost'))
  await until(() => a.net.gossipCounts().healed > 0)
  await flows()
  expect(a.handlers.disconnected).toEqual([])
})

test('a member that does not read what it is told is cut off, with the reason', async () => {
  const a = await started('a')
  const b = await raw('b')
  await b.libp2p.handle('/coterie/tell/ack/1', () => {}, { force: true })
  await b.libp2p.dial(multiaddr(a.address))
  await until(() => a.net.connections().length === 1)
  const frame = new Uint8Array(200_000)
  const results: Promise<unknown>[] = []
  for (let i = 0; i < 60; i++)
    results.push(a.net.tell(b.admission.node, 'ack', frame).catch(error => error.code))
  const codes = await Promise.all(results)
  expect(codes).toContain('SEND_BUFFER_FULL')
  await until(() => a.handlers.disconnected.length > 0)
  expect(a.handlers.disconnected[0]).toEqual({ node: b.admission.node, reason: 'SEND_BUFFER_FULL' })
})

test('gossip above a neighbour’s rate is not taken', async () => {
  const limits = { ...netLimits.local, gossipPerSecond: 2 }
  const a = await started('a', { limits })
  const b = await started('b', { bootstrap: [a.address] })
  // Of no use to anybody: what is accepted is on its author's account, not on the neighbour's.
  a.handlers.judge = () => ({ kind: 'ignore' })
  await reaches(b, [a], 'warm up')
  await Promise.all(
    Array.from({ length: 60 }, (_, i) => b.net.publish('delta', utf8(`flood ${i}`))),
  )
  await until(() => a.net.gossipCounts().overRate > 0)
  await new Promise(resolve => setTimeout(resolve, 200))
  const taken = a.handlers.heard.filter(({ text }) => text.startsWith('flood'))
  expect(taken.length).toBeLessThanOrEqual(12)
})

test('a node that announces an address tells no other', async () => {
  const a = await started('a')
  const announced = '/ip4/127.0.0.1/tcp/1'
  const b = await started('b', { announce: [announced], bootstrap: [a.address] })
  expect(b.net.addresses()).toEqual([`${announced}/p2p/${b.admission.node}`])
  const knows = () => a.net.dialTargets().find(target => target.node === b.admission.node)
  await until(() => knows() !== undefined)
  expect(knows()?.addresses).toEqual([`${announced}/p2p/${b.admission.node}`])
})

test('the routing table finds peers and keeps nobody’s records', async () => {
  const a = await started('a')
  const b = await raw('b')
  const connection = await b.libp2p.dial(multiaddr(a.address))
  await until(() => a.net.connections().length === 1)
  // Kademlia messages by hand: type, key of eight bytes (libp2p kad-dht specification, "RPC messages").
  const answers = async (type: number): Promise<boolean> => {
    const stream = await connection.newStream(dhtProtocol(a.admission.network))
    const message = [0x08, type, 0x12, 8, ...utf8('some key')]
    stream.send(Uint8Array.from([message.length, ...message]))
    try {
      for await (const bytes of stream) if (bytes.byteLength > 0) return true
    } catch {
      // Reset: refused.
    }
    return false
  }
  const [putValue, addProvider, findNode] = [0, 2, 4]
  expect(await answers(findNode)).toBe(true)
  expect(await answers(putValue)).toBe(false)
  expect(await answers(addProvider)).toBe(false)
})

test('a stopped net leaves no socket behind, and another takes its port', async () => {
  const a = await started('a')
  const b = await started('b', { bootstrap: [a.address] })
  await until(() => a.net.connections().length === 1)
  await Promise.all([a.net.stop(), b.net.stop()])
  const sockets = process.getActiveResourcesInfo().filter(name => name.startsWith('TCP'))
  expect(sockets.filter(name => name === 'TCPSocketWrap')).toEqual([])
  const again = await started('c', { listen: [a.address] })
  expect(again.address).toBe(a.address)
  const taken = await realNode('d', { listen: [a.address] })
  await expect(taken.net.start(patience())).rejects.toMatchObject({
    code: 'CANNOT_LISTEN',
  })
})

test('an address that is none is refused at once', async () => {
  await expect(realNode('a', { listen: ['127.0.0.1:9600'] })).rejects.toMatchObject({
    code: 'BAD_ADDRESS',
  })
})

test('a member that does not read gossip is cut off, with the reason', async () => {
  const a = await started('a')
  const b = await raw('b')
  await b.libp2p.dial(multiaddr(a.address))
  b.libp2p.services.gossip.subscribe(topicName(a.admission.network, 'delta'))
  await until(() => a.net.connections().length === 1)
  const connection = b.libp2p.getConnections()[0]!
  await b.libp2p.services.identify.identify(connection)
  const meshsub = () =>
    connection.streams.find(
      ({ protocol, direction }) => protocol.startsWith('/meshsub') && direction === 'inbound',
    )
  await until(() => meshsub() !== undefined)
  meshsub()!.pause()
  let turn = 0
  const flooding = setInterval(() => {
    const data = new Uint8Array(200_000)
    new DataView(data.buffer).setUint32(0, turn++)
    if (turn < 16) a.net.publish('delta', data).catch(() => undefined)
  }, 20)
  await until(() => a.handlers.disconnected.length > 0)
  clearInterval(flooding)
  expect(a.handlers.disconnected[0]).toEqual({ node: b.admission.node, reason: 'SEND_BUFFER_FULL' })
})

test('a flood of control messages is not taken, and costs nobody the connection', async () => {
  const a = await started('a')
  const b = await raw('b')
  const connection = await b.libp2p.dial(multiaddr(a.address))
  await until(() => a.net.connections().length === 1)
  const stream = await connection.newStream('/meshsub/1.2.0')
  // By hand: an RPC whose control part (3) holds one IHAVE (1) of a topic (1) (gossipsub v1.0, "Protobuf").
  const rpc = [0x1a, 6, 0x0a, 4, 0x0a, 2, 0x61, 0x62]
  for (let i = 0; i < 1000; i++) stream.send(Uint8Array.from([rpc.length, ...rpc]))
  await until(() => a.net.gossipCounts().overRate >= 700)
  expect(a.net.connections()).toHaveLength(1)
})

test('a member whose machine refuses dials once it is gone is told, also through a relay that takes and ends them', async () => {
  const relay = createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => {
    socket.on('error', () => {})
    socket.destroy()
  })
  running.push({ stop: () => void relay.close() })
  const a = await started('a')
  for (const isRelayed of [false, true]) {
    const b = await startedNode(`b ${isRelayed}`, { bootstrap: [a.address] })
    const { node } = b.admission
    await until(() => a.net.dialTargets().some(target => target.node === node))
    const { port } = new URL(`tcp://127.0.0.1:${b.address.split('/').at(-1)}`)
    await b.net.stop()
    if (isRelayed) await new Promise<void>(done => relay.listen(Number(port), '127.0.0.1', done))
    await until(() => a.handlers.refusedDials.includes(node))
  }
})

test('a request for the quorum key is given the time of its checks, where others have long been given up', async () => {
  const limits = { ...netLimits.local, askTimeout: milliseconds(300) }
  const holder = await started('holder', { limits })
  const asker = await started('asker', { limits, bootstrap: [holder.address] })
  const other = await started('other', { limits, bootstrap: [holder.address] })
  await until(() => asker.net.connections().length === 2)
  const checked = Promise.withResolvers<Uint8Array>()
  holder.handlers.answer = (_request, signal) => {
    signal.addEventListener('abort', () => checked.reject(signal.reason), { once: true })
    return checked.promise
  }
  const key = asker.net.ask(holder.admission.node, 'custody-key', utf8('?'), patience())
  other.handlers.answer = () => Promise.withResolvers<Uint8Array>().promise
  const record = asker.net.ask(other.admission.node, 'record', utf8('?'), patience())
  await expect(record).rejects.toMatchObject({ code: 'ASK_TIMEOUT' })
  checked.resolve(utf8('sealed'))
  expect(fromUtf8(await key)).toBe('sealed')
})
