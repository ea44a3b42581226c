/** Strangers at a real socket: they hold no place for long, cost no memory, and an honest node joins meanwhile. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { netLimits } from '../../../../src/host/net/options.ts'
import { type RealNode, startedNode } from '../../../fixtures/net-node.ts'
import { until } from '../../../fixtures/patience.ts'

const nodes: RealNode[] = []
const sockets: Socket[] = []
const timers: NodeJS.Timeout[] = []

afterEach(async () => {
  for (const timer of timers.splice(0)) clearInterval(timer)
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(nodes.splice(0).map(({ net }) => net.stop()))
})

async function started(...args: Parameters<typeof startedNode>): Promise<RealNode> {
  const node = await startedNode(...args)
  nodes.push(node)
  return node
}

/** A socket to the node that stays open from this side. */
function knock({ address }: RealNode): Socket {
  const [, family, host, , port] = address.split('/')
  const socket = connect({ port: Number(port), host, family: family === 'ip6' ? 6 : 4 })
  socket.on('error', () => undefined)
  sockets.push(socket)
  return socket
}

const limits = { ...netLimits.local, pendingMax: 32, pendingPerIpMax: 16 }

/** An honest node comes in while the siege goes on, and both ends stand. */
async function expectJoin(victim: RealNode): Promise<void> {
  const honest = await started(`honest ${nodes.length}`, { bootstrap: [victim.address] })
  await until(() => honest.net.connections().length === 1 && victim.net.connections().length === 1)
}

test('two hundred sockets that say nothing keep nobody out', async () => {
  const victim = await started('victim', { limits })
  for (let i = 0; i < 200; i++) knock(victim)
  await until(() => victim.net.door().turnedAway.TOO_MANY_PENDING > 0)
  expect(victim.net.door().pendingCount).toBeLessThanOrEqual(limits.pendingPerIpMax)
  await expectJoin(victim)
  expect(victim.net.door().pendingCount).toBeLessThanOrEqual(limits.pendingPerIpMax)
})

test('sockets that send one byte at a time keep nobody out', async () => {
  const victim = await started('victim', { limits })
  const greeting = Buffer.from('\x13/multistream/1.0.0\n\x1a/coterie/attested-noise/1\n')
  for (let i = 0; i < 40; i++) {
    const socket = knock(victim)
    let sent = 0
    timers.push(setInterval(() => socket.write(greeting.subarray(sent, ++sent)), 50))
  }
  await until(() => victim.net.door().pendingCount > 0)
  await expectJoin(victim)
})

test('megabytes of noise are closed unread, and cost nobody else anything', async () => {
  const victim = await started('victim', { limits })
  const noise = randomBytes(1024 * 1024)
  const refill = (): void => {
    const socket = knock(victim)
    socket.write(noise)
    socket.on('close', () => {
      if (sockets.length < 400) refill()
    })
  }
  for (let i = 0; i < 20; i++) refill()
  await until(() => sockets.length > 100)
  const before = process.memoryUsage()
  await expectJoin(victim)
  await until(() => sockets.length >= 400)
  const after = process.memoryUsage()
  // 300 MiB of noise came in since; what is not read must not be kept.
  const grown = after.external + after.arrayBuffers - before.external - before.arrayBuffers
  expect(grown).toBeLessThan(128 * 1024 * 1024)
  expect(victim.net.connections()).toHaveLength(1)
})

test('greetings that end in noise where Noise should begin are closed, and leave nothing behind', async () => {
  const victim = await started('victim', { limits })
  const greeting = Buffer.from('\x13/multistream/1.0.0\n\x1a/coterie/attested-noise/1\n')
  for (let i = 0; i < 30; i++) knock(victim).write(Buffer.concat([greeting, randomBytes(65_536)]))
  await expectJoin(victim)
  for (const socket of sockets.splice(0)) socket.destroy()
  await until(() => victim.net.door().pendingCount === 0)
  await until(() => victim.net.socketCount() === 1)
})

test.each([
  ['before it has named a protocol', '\x13/multistream/1.0.0\n'],
  ['where Noise should begin', '\x13/multistream/1.0.0\n\x1a/coterie/attested-noise/1\n'],
])('a handshake that stops %s is ended, without a word from outside', async (_, said) => {
  const victim = await started('victim', { limits })
  const socket = knock(victim)
  const closed = new Promise(resolve => socket.on('close', resolve))
  socket.write(said)
  await closed
  await until(() => victim.net.door().pendingCount === 0)
  expect(victim.net.socketCount()).toBe(0)
})

test('strangers take no more than two thirds of the connections', async () => {
  const few = { ...limits, connectionsMax: 3 }
  const victim = await started('victim', { limits: few })
  const honest = await started('first', { bootstrap: [victim.address] })
  await until(() => honest.net.connections().length === 1)
  knock(victim)
  knock(victim)
  knock(victim)
  await until(() => victim.net.door().turnedAway.INBOUND_FULL > 0)
  const host = await started('host')
  victim.net.addAddresses([host.address])
  await until(() => host.net.connections().length === 1)
})

test('nodes listen, announce, dial and attest each other over IPv6', async () => {
  const listen = ['/ip6/::1/tcp/0']
  const first = await started('first', { listen })
  const second = await started('second', { listen, bootstrap: [first.address] })
  await until(() => second.net.connections().length === 1)
  expect(first.net.addresses()[0]).toMatch(/^\/ip6\/::1\/tcp\/\d+\/p2p\//)
  expect(second.net.connections()[0]?.address).toMatch(/^\/ip6\/::1\//)
  const third = await started('third', { listen, bootstrap: [second.address] })
  await until(() => third.net.connections().length === 2)
})

test('a node of both families joins nodes of either', async () => {
  const both = await started('both', { listen: ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0'] })
  const [ip4, ip6] = ['ip4', 'ip6'].map(family =>
    both.net.listening().find(address => address.startsWith(`/${family}/`)),
  )
  if (ip4 === undefined || ip6 === undefined) throw new Error('it listens on both')
  const old = await started('old', { bootstrap: [ip4] })
  const young = await started('young', { listen: ['/ip6/::1/tcp/0'], bootstrap: [ip6] })
  await until(() => both.net.connections().length === 2)
  expect(old.net.connections()[0]?.address).toMatch(/^\/ip4\//)
  expect(young.net.connections()[0]?.address).toMatch(/^\/ip6\//)
})
