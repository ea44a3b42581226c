import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { toHex } from '../../../../src/base/bytes.ts'
import type { NodeId } from '../../../../src/base/ids.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { type Duration, milliseconds, seconds } from '../../../../src/base/time.ts'
import { Discovery } from '../../../../src/host/net/discovery.ts'
import { seededRandom } from '../../../fakes/beat-network.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'

const idOf = (name: string): NodeId => new FakeAdmission({ name }).node

/** A routing table that knows `known`, and answers after `takes`. */
function world() {
  const time = new VirtualTime()
  const queries: number[] = []
  const keys: string[] = []
  const known: NodeId[] = []
  const found = new Set<NodeId>()
  let takes = milliseconds(10)
  let running = 0
  const table = {
    async *getClosestPeers(key: Uint8Array) {
      queries.push(time.now)
      keys.push(toHex(key))
      expect(++running, 'one query at a time').toBe(1)
      await new Promise<void>(resolve => time.timers.after(takes, resolve))
      running--
      const closer = known.map(node => ({
        id: peerIdFromString(node),
        multiaddrs: [multiaddr('/ip4/192.0.2.1/tcp/1')],
      }))
      yield { name: 'PEER_RESPONSE', closer } as never
    },
  }
  const discovery = new Discovery({
    self: peerIdFromString(idOf('self')),
    interval: seconds(5),
    clock: time.clock,
    timers: time.timers,
    random: seededRandom(7),
    log: silentLogger,
    found: node => found.size < found.add(node).size,
  })
  discovery.start(table)
  const setTakes = (span: Duration): void => {
    takes = span
  }
  return { time, queries, keys, known, found, discovery, setTakes }
}

test('where nobody new is found, ever fewer queries are made, and never more than 50 s apart', async () => {
  const { time, queries } = world()
  await time.advance(seconds(600))
  const gaps = queries.slice(1).map((query, i) => query - (queries[i] ?? 0))
  expect(queries.length).toBeLessThan(24)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(50_100)
  expect(gaps[0]).toBeLessThan(6_500)
})

test('somebody new ends the rest: by connecting, and by being found', async () => {
  const { time, queries, known, found, discovery } = world()
  await time.advance(seconds(600))
  const before = queries.length
  discovery.soon()
  await time.advance(seconds(1))
  expect(queries.length).toBe(before + 1)
  known.push(idOf('other'))
  await time.until(() => found.size > 0)
  expect([...found]).toEqual(known)
  const after = queries.length
  await time.advance(seconds(14))
  expect(queries.length - after).toBeGreaterThanOrEqual(2)
})

test('where a query takes long, everybody is busy, and many newcomers make few queries', async () => {
  const { time, queries, discovery, setTakes } = world()
  setTakes(seconds(2))
  for (let i = 0; i < 50; i++) {
    discovery.soon()
    await time.advance(seconds(1))
  }
  expect(queries.length).toBeLessThanOrEqual(6)
  expect(queries.length).toBeGreaterThanOrEqual(4)
})

test('whoever comes while a query runs is asked after it', async () => {
  const { time, queries, discovery, setTakes } = world()
  setTakes(seconds(1))
  discovery.soon()
  await time.advance(milliseconds(900))
  expect(queries).toHaveLength(1)
  discovery.soon()
  await time.advance(seconds(6))
  expect(queries).toHaveLength(2)
})

test('every second query looks somewhere else, so that nodes far from each other meet', async () => {
  const { time, keys } = world()
  await time.advance(seconds(600))
  const own = toHex(peerIdFromString(idOf('self')).toMultihash().bytes)
  const [first, second] = [0, 1].map(rest => keys.filter((_, index) => index % 2 === rest))
  expect(new Set(first)).toEqual(new Set([own]))
  expect(new Set(second).size).toBe(second?.length)
  expect(second).not.toContain(own)
})
