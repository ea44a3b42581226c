import { expect, test } from 'vitest'
import { seconds } from '../../../../src/base/time.ts'
import { Doorkeeper } from '../../../../src/host/net/doorkeeper.ts'
import { netLimits } from '../../../../src/host/net/options.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'

/** A socket at the door; `aborted` once it was shown out. */
class Socket {
  readonly timeline = {}
  readonly remoteAddr: { toString(): string }
  aborted = false
  #close: () => void = () => undefined

  constructor(address: string) {
    this.remoteAddr = { toString: () => address }
  }

  addEventListener(_type: 'close', listener: () => void): void {
    this.#close = listener
  }

  abort(): void {
    this.aborted = true
    this.#close()
  }
}

const from = (address: string): Socket => new Socket(`/ip4/${address}/tcp/1234`)

function door(limits: Partial<typeof netLimits.wan> = {}) {
  const time = new VirtualTime()
  const open = { inbound: 0 }
  const keeper = new Doorkeeper({
    clock: time.clock,
    limits: { ...netLimits.wan, inboundPerIpPerSecond: 1000, ...limits },
    inboundOpen: () => open.inbound,
  })
  return { time, keeper, open }
}

test('an address may open so many connections in a second, and another as many beside it', async () => {
  const { time, keeper } = door({ inboundPerIpPerSecond: 5, pendingPerIpMax: 64 })
  const judged = Array.from({ length: 8 }, () => keeper.knocks(from('192.0.2.1')))
  expect(judged.filter(refusal => refusal === undefined)).toHaveLength(5)
  expect(judged.at(-1)).toBe('TOO_FAST')
  expect(keeper.knocks(from('192.0.2.2'))).toBeUndefined()
  await time.advance(seconds(1))
  expect(keeper.knocks(from('192.0.2.1'))).toBeUndefined()
})

test('all addresses of an IPv6 network share one budget, and an IPv4 address in IPv6 clothes has its own', () => {
  const { keeper } = door({ inboundPerIpPerSecond: 3 })
  const judged = Array.from({ length: 6 }, (_, i) =>
    keeper.knocks(new Socket(`/ip6/2001:db8:0:7::${i + 1}/tcp/1`)),
  )
  expect(judged.filter(refusal => refusal === 'TOO_FAST')).toHaveLength(3)
  expect(keeper.knocks(new Socket('/ip6/2001:db8:0:8::1/tcp/1'))).toBeUndefined()
  for (let i = 0; i < 3; i++) keeper.knocks(from('192.0.2.9'))
  expect(keeper.knocks(new Socket('/ip6/::ffff:192.0.2.9/tcp/1'))).toBe('TOO_FAST')
})

test('one address never holds all places, and another comes in', () => {
  const { keeper } = door()
  for (let i = 0; i < 500; i++) keeper.knocks(from('192.0.2.1'))
  expect(keeper.pendingCount).toBe(netLimits.wan.pendingPerIpMax)
  expect(keeper.knocks(from('198.51.100.1'))).toBeUndefined()
})

test('whoever dawdles gives way to whoever comes, of its own address first', async () => {
  const { time, keeper } = door({ pendingPerIpMax: 4 })
  const half = Array.from({ length: 4 }, () => from('192.0.2.1'))
  for (const socket of half) keeper.knocks(socket)
  expect(keeper.knocks(from('192.0.2.1'))).toBe('TOO_MANY_PENDING')
  await time.advance(seconds(1))
  expect(keeper.knocks(from('192.0.2.1'))).toBeUndefined()
  expect(half.map(({ aborted }) => aborted)).toEqual([true, false, false, false])
  expect(keeper.pendingCount).toBe(4)
})

test('many addresses that open and say nothing keep nobody out for longer than a second', async () => {
  const { time, keeper } = door()
  for (let i = 0; i < 200; i++) keeper.knocks(from(`10.0.${i >> 4}.${i & 15}`))
  expect(keeper.pendingCount).toBe(netLimits.wan.pendingMax)
  expect(keeper.knocks(from('198.51.100.1'))).toBe('TOO_MANY_PENDING')
  await time.advance(seconds(1))
  expect(keeper.knocks(from('198.51.100.1'))).toBeUndefined()
  expect(keeper.pendingCount).toBe(netLimits.wan.pendingMax)
})

test('strangers never take the third of the connections that this node dials itself', () => {
  const { keeper, open } = door({ connectionsMax: 30 })
  open.inbound = 19
  expect(keeper.knocks(from('192.0.2.1'))).toBeUndefined()
  expect(keeper.knocks(from('192.0.2.2'))).toBe('INBOUND_FULL')
  expect(keeper.turnedAway).toEqual({ TOO_FAST: 0, TOO_MANY_PENDING: 0, INBOUND_FULL: 1 })
})

test('a place is free again once the handshake is over or the socket closed', () => {
  const { keeper } = door()
  const [done, closed] = [from('192.0.2.1'), from('192.0.2.2')]
  keeper.knocks(done)
  keeper.knocks(closed)
  keeper.passed(done.timeline)
  closed.abort()
  expect(keeper.pendingCount).toBe(0)
})

test('addresses without end leave a memory of bounded size', () => {
  const { keeper } = door({ connectionsMax: 1_000_000 })
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20_000; i++) {
    keeper.knocks(from(`${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.1`))
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024)
  expect(keeper.pendingCount).toBeLessThanOrEqual(netLimits.wan.pendingMax)
})
