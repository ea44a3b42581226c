import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { seconds } from '../../../src/base/time.ts'
import type { RefusedConnection } from '../../../src/host/net/port.ts'
import { adviceOn } from '../../../src/node/refusal-advice.ts'
import { RefusalLog } from '../../../src/node/refusal-log.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const nodeOf = (byte: number) => nodeIdOfKey(new Uint8Array(32).fill(byte))

function refused(change: Partial<RefusedConnection> = {}): RefusedConnection {
  const refusal = { code: 'MEASUREMENT_MISMATCH', facts: { register: 'rtmr1' } }
  return { by: 'me', node: nodeOf(1), address: '/ip4/127.0.0.1/tcp/1', refusal, ...change }
}

test('one node that is refused again and again has one line and pushes nobody out', () => {
  const log = new RefusalLog(new VirtualTime())
  log.note(refused({ node: nodeOf(2) }))
  for (let port = 1; port <= 1000; port++) {
    log.note(refused({ address: `/ip4/127.0.0.1/tcp/${port}` }))
  }
  const [first, second, ...more] = log.latest()
  expect(first).toMatchObject({ node: nodeOf(1), count: 1000, address: '/ip4/127.0.0.1/tcp/1000' })
  expect(second).toMatchObject({ node: nodeOf(2), count: 1 })
  expect(more).toEqual([])
})

test('whoever knocks on without end is told of ever more rarely, so that it fills no log', () => {
  const log = new RefusalLog(new VirtualTime())
  const told: number[] = []
  for (let count = 1; count <= 1000; count++) if (log.note(refused())) told.push(count)
  expect(told).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
})

test('another code, another fact or another side is another line', () => {
  const log = new RefusalLog(new VirtualTime())
  log.note(refused())
  log.note(refused({ by: 'them' }))
  log.note(refused({ refusal: { code: 'MEASUREMENT_MISMATCH', facts: { register: 'rtmr2' } } }))
  log.note(refused({ refusal: { code: 'DEBUG_ENABLED', facts: {} } }))
  expect(log.latest().map(({ count }) => count)).toEqual([1, 1, 1, 1])
})

test('a hundred lines are kept, the newest first', () => {
  const log = new RefusalLog(new VirtualTime())
  for (let port = 1; port <= 150; port++) {
    log.note(refused({ node: null, address: `/ip4/192.0.2.${port}/tcp/1` }))
  }
  const kept = log.latest()
  expect(kept.length).toBe(100)
  expect(kept[0]?.address).toBe('/ip4/192.0.2.150/tcp/1')
})

test('a refusal by others stands for a minute after the last one, by time that no host turns', async () => {
  const time = new VirtualTime()
  const log = new RefusalLog(time)
  log.note(refused({ by: 'them' }))
  log.note(refused({ by: 'me' }))
  time.wallSkew = 24 * 3600 * 1000
  await time.advance(seconds(60))
  expect(log.turnedAway()).toMatchObject({ by: 'them', next: adviceOn('MEASUREMENT_MISMATCH') })
  await time.advance(seconds(1))
  expect(log.turnedAway()).toBeUndefined()
})

test('every code with which a verifier or a handshake refuses has a next step', () => {
  const sources = ['appraise', 'simulated/verify', 'x509'].map(name => `attestation/${name}`)
  const handshakes = ['handshake', 'handshake-proof'].map(name => `host/net/${name}`)
  const codes = [...sources, ...handshakes, 'protocol/membership/roster'].flatMap(name => {
    const text = readFileSync(`src/${name}.ts`, 'utf8')
    return [...text.matchAll(/(?:code: |refus(?:e|al|ed)\()'([A-Z_]+)'/g)].map(([, code]) => code)
  })
  expect(codes.length).toBeGreaterThan(20)
  const others = ['REMOVED', 'WRONG_NETWORK_OR_TAMPERED', 'HANDSHAKE_ABORTED', 'UNKNOWN_ANCHOR']
  const speechless = [...codes, ...others].filter(code => adviceOn(String(code)) === '')
  // Another try gets through a moment later, or the code ends membership and no handshake.
  const passing = ['BUSY', 'VERDICT_EXPIRED', 'DEPARTED']
  expect([...new Set(speechless)].filter(code => !passing.includes(String(code)))).toEqual([])
})

test('a code that an object inherits is no code', () => {
  expect(adviceOn('constructor')).toBe('')
})

test('identities without end at one address share a line and push nobody out', () => {
  const log = new RefusalLog(new VirtualTime())
  log.note(refused({ node: nodeOf(200), address: '/ip4/198.51.100.7/tcp/1' }))
  for (let i = 0; i < 1_000; i++) {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, i)
    const refusal = { code: 'MEASUREMENT_MISMATCH', facts: { offered: `made up ${i}` } }
    log.note(refused({ node: nodeIdOfKey(key), address: `/ip4/192.0.2.1/tcp/${i}`, refusal }))
  }
  const lines = log.latest()
  expect(lines.length).toBeLessThanOrEqual(6)
  expect(lines[0]).toMatchObject({ node: null, address: '192.0.2.1', facts: {}, count: 996 })
  expect(lines.at(-1)).toMatchObject({ node: nodeOf(200) })
})

test('one IPv6 network counts as one address', () => {
  const log = new RefusalLog(new VirtualTime())
  for (let i = 1; i <= 200; i++) {
    const address = `/ip6/2001:db8:0:1::${i.toString(16)}/tcp/1`
    log.note(refused({ node: nodeOf(i), address }))
  }
  expect(log.latest().length).toBeLessThanOrEqual(5)
})

test('strangers at addresses without end do not push out what others said to this node', () => {
  const log = new RefusalLog(new VirtualTime())
  log.note(refused({ by: 'them', node: nodeOf(3) }))
  for (let i = 0; i < 1_000; i++) {
    log.note(refused({ address: `/ip4/10.0.${i >> 8}.${i & 255}/tcp/1`, node: nodeOf(i & 255) }))
  }
  expect(log.latest()).toHaveLength(100)
  expect(log.turnedAway()).toMatchObject({ node: nodeOf(3) })
})
