import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type NodeId, nodeIdOfKey } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { NetHandlers, RefusedConnection } from '../../../src/host/net/port.ts'
import { Counts } from '../../../src/node/counts.ts'
import { Encounters } from '../../../src/node/encounters.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import { LossCounts, lossReasonOf, lossReasons } from '../../../src/node/loss-reasons.ts'
import { Standing } from '../../../src/node/standing.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const nodeOf = (byte: number): NodeId => nodeIdOfKey(new Uint8Array(32).fill(byte))
const [member, stranger] = [nodeOf(1), nodeOf(2)]

function refusedBy(node: NodeId | null, code: string, by: RefusedConnection['by'] = 'them') {
  return { by, node, address: '/ip4/192.0.2.1/tcp/1', refusal: { code, facts: {} } } as const
}

/** Every code that the rooms which end connections write down. */
function codesInSource(): readonly string[] {
  const files = ['src/host/net', 'src/attestation', 'src/protocol/membership', 'src/node'].flatMap(
    room =>
      readdirSync(room, { recursive: true })
        .map(String)
        .filter(name => name.endsWith('.ts'))
        .map(name => join(room, name)),
  )
  const pattern =
    /(?:refusal|disconnect|turnAway|cutOff|giveReason|fault|refuse|PeerFault)\((?:[\w.]+, )?'([A-Z][A-Z_]+)'/g
  return files.flatMap(file =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, code = '']) => code),
  )
}

test('every code that ends a handshake or cuts a member off has a reason of its own', () => {
  const answers = new Set([
    // Answers to a question on an open connection, which they do not end.
    ...['KEY_UNKNOWN', 'NOT_ACTIVE', 'NOT_A_MEMBER', 'NOT_CONNECTED', 'REMOVALS_DIFFER'],
    ...['TOO_MANY_STREAMS', 'NOT_FRESH'],
  ])
  const nameless = codesInSource().filter(
    code => !answers.has(code) && lossReasonOf(code) === 'other',
  )
  expect([...new Set(nameless)]).toEqual([])
})

test('a code that a peer made up is counted, under one name', () => {
  const losses = new LossCounts()
  for (const code of ['MADE_UP', '__proto__', 'constructor', '']) losses.disconnected(code)
  losses.disconnected('REMOVED')
  const { disconnected, dialFailed } = losses.view()
  expect(disconnected).toMatchObject({ other: 4, removed: 1 })
  expect(Object.keys(disconnected)).toEqual(Object.keys(lossReasons))
  expect(Object.values(dialFailed).every(count => count === 0)).toBe(true)
})

test('only a member can make this node say that members refuse it', () => {
  const standing = new Standing({ isMember: node => node === member })
  standing.refused(refusedBy(stranger, 'REMOVED'))
  standing.refused(refusedBy(null, 'REMOVED'))
  standing.refused(refusedBy(member, 'MEASUREMENT_MISMATCH', 'me'))
  for (const code of ['BUSY', 'ALREADY_CONNECTED']) standing.refused(refusedBy(member, code))
  expect(standing.isRefused).toBe(false)
  standing.refused(refusedBy(member, 'REMOVED'))
  expect(standing.isRefused).toBe(true)
  standing.connected(member)
  expect(standing.isRefused).toBe(false)
})

test('one member with a wrong clock cannot make this node say so while another keeps it', () => {
  const standing = new Standing({ isMember: () => true })
  standing.connected(member)
  standing.connected(stranger)
  standing.disconnected(member)
  standing.refused(refusedBy(member, 'EVIDENCE_EXPIRED'))
  expect(standing.isRefused).toBe(false)
  standing.disconnected(stranger)
  expect(standing.isRefused).toBe(true)
})

test('the event of a refusal names the register that differs, with both values, where this node judged; words of a peer are in none', async () => {
  const { clock } = new VirtualTime()
  const events = new EventLog({ clock, log: silentLogger })
  const ports = { clock, events, counts: new Counts(), isMember: () => false }
  const { connectionRefused } = new Encounters(ports).around({} as NetHandlers)
  const difference = { measurement: 'next', register: 'mrtd', found: 'ab', allowed: 'cd' }
  const refused = (by: RefusedConnection['by'], code: string): void =>
    connectionRefused({
      ...refusedBy(stranger, code, by),
      refusal: { code, facts: { ...difference, reason: 'anything' } },
    })
  refused('me', 'MEASUREMENT_MISMATCH')
  refused('me', 'BAD_CERTIFICATE')
  refused('them', 'MEASUREMENT_MISMATCH')
  const noted: object[] = []
  for await (const { facts } of events.follow(new AbortController().signal)) {
    noted.push(facts)
    if (noted.length === 3) break
  }
  const plain = { node: stranger, address: '/ip4/192.0.2.1/tcp/1' }
  expect(noted).toEqual([
    { by: 'me', ...plain, code: 'MEASUREMENT_MISMATCH', ...difference },
    { by: 'me', ...plain, code: 'BAD_CERTIFICATE' },
    { by: 'them', ...plain, code: 'MEASUREMENT_MISMATCH' },
  ])
})
