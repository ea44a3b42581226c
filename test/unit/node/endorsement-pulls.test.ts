/** Vendors' documents from members that nobody believes for carrying them. */
import { expect, onTestFinished, test } from 'vitest'
import type { Endorsement } from '../../../src/attestation/endorsements.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { ifReadable, PeerFault } from '../../../src/base/errors.ts'
import type { NodeId } from '../../../src/base/ids.ts'
import { hours, minutes, seconds } from '../../../src/base/time.ts'
import type { MemberConnection } from '../../../src/host/net/port.ts'
import { EndorsementPulls } from '../../../src/node/endorsement-pulls.ts'
import {
  endorsementAnswerCodec,
  endorsementRequestCodec,
} from '../../../src/wire/endorsement-pull.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const members = ['m1', 'm2', 'm3'] as unknown as readonly NodeId[]
const good: readonly Endorsement[] = [{ kind: 'crl', bytes: utf8('signed') }]
const bad: readonly Endorsement[] = [{ kind: 'crl', bytes: utf8('made up') }]
const says = (items: readonly Endorsement[]) => async () => endorsementAnswerCodec.encode({ items })

/** A node that lacks all documents, and members that answer as `answers` says. */
function pulling(answers: Readonly<Record<string, () => Promise<Uint8Array>>> = {}) {
  const time = new VirtualTime()
  const asked: { readonly node: string; readonly name: string; readonly at: number }[] = []
  const held = new Map<string, readonly Endorsement[]>()
  const faults: string[] = []
  let open = 0
  let openMost = 0
  const connected = [...members]
  const shelf = {
    take: () => ({ items: [] }),
    held: (name: string) => held.get(name),
    lacks: (name: string) => !held.has(name) && !name.startsWith('unasked'),
    offer: (name: string, items: readonly Endorsement[]) => {
      const isGood = items.every(({ bytes }) => Buffer.from(bytes).toString() === 'signed')
      if (isGood) held.set(name, items)
      return isGood
    },
    vouch: () => undefined,
    onArrival: () => () => undefined,
    stop: () => undefined,
  }
  const net = {
    connections: () => connected.map(node => ({ node }) as MemberConnection),
    ask: async (node: NodeId, _: unknown, request: Uint8Array, signal: AbortSignal) => {
      const { name } = endorsementRequestCodec.decode(request)
      asked.push({ node, name, at: time.now })
      openMost = Math.max(openMost, ++open)
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
      return await Promise.race([(answers[node] ?? says([]))(), aborted]).finally(() => open--)
    },
  }
  const pulls = new EndorsementPulls({
    ...{ host: time, shelf, net: () => net },
    faulted: (node, code) => void faults.push(`${node} ${code}`),
  })
  onTestFinished(() => pulls.stop())
  return { pulls, time, asked, held, faults, connected, most: () => openMost }
}

test('a document that the vendor did not give in seconds comes from the first member that has it', async () => {
  const { pulls, time, asked, held, most } = pulling({ m2: says(good) })
  pulls.want(['list', 'other'])
  await time.advance(seconds(2) - 1)
  expect(asked).toEqual([])
  await time.advance(seconds(5))
  expect(held.get('list')).toEqual(good)
  expect(held.get('other')).toEqual(good)
  expect(asked.filter(({ name }) => name === 'list').map(({ node }) => node)).toEqual(['m1', 'm2'])
  expect(most()).toBe(1)
  await time.advance(hours(1))
  expect(asked).toHaveLength(4)
})

test('what its vendor did not sign is not kept, and the next member is asked', async () => {
  const { pulls, time, held, faults } = pulling({ m1: says(bad), m3: says(good) })
  pulls.want(['list'])
  await time.advance(seconds(6))
  expect(held.get('list')).toEqual(good)
  expect(faults).toEqual([])
})

test('a member that answers with bytes that are no message is at fault', async () => {
  const { pulls, time, held, faults } = pulling({
    m1: async () => Uint8Array.of(1, 2, 3),
    m2: async () => new Uint8Array(300 * 1024),
    m3: says(good),
  })
  pulls.want(['list'])
  await time.advance(seconds(6))
  expect(faults).toHaveLength(2)
  expect(held.get('list')).toEqual(good)
})

test('a member that never ends its answer holds nothing up for more than ten seconds', async () => {
  const { pulls, time, held } = pulling({ m1: () => new Promise(() => undefined), m2: says(good) })
  pulls.want(['list'])
  await time.advance(seconds(14))
  expect(held.get('list')).toEqual(good)
})

test('where nobody has it, all are asked once in minutes', async () => {
  const { pulls, time, asked } = pulling()
  pulls.want(['list'])
  await time.advance(minutes(30))
  expect(asked.length).toBeLessThanOrEqual(3 * 7)
  expect(asked.length).toBeGreaterThanOrEqual(3 * 4)
})

test('what is missed later does not wait for what nobody had', async () => {
  const { pulls, time, asked, held } = pulling()
  pulls.want(['list'])
  await time.advance(seconds(30))
  expect(asked.map(({ name }) => name)).toEqual(['list', 'list', 'list'])
  pulls.want(['other'])
  await time.advance(seconds(6))
  expect(asked.slice(3).map(({ name }) => name)).toEqual(['other', 'other', 'other'])
  expect(held.size).toBe(0)
})

test('what is missed while somebody is asked comes two seconds later, not minutes', async () => {
  const { pulls, time, held } = pulling({ m1: says(good) })
  pulls.want(['list'])
  await time.advance(seconds(2) - 1)
  pulls.want(['other'])
  await time.advance(seconds(3))
  expect([...held.keys()]).toEqual(['list', 'other'])
})

test('who knows no member yet asks the first that comes', async () => {
  const { pulls, time, held, connected } = pulling({ m1: says(good) })
  connected.length = 0
  pulls.want(['list'])
  await time.advance(minutes(3))
  connected.push(...members)
  await time.advance(seconds(3))
  expect(held.get('list')).toEqual(good)
})

test('made-up chips by the thousand make this node ask once in a second, and for nothing that it did not look for', async () => {
  const { pulls, time, asked } = pulling()
  for (let n = 0; n < 1_000; n++) pulls.want([`chip ${n}`, `unasked ${n}`])
  await time.advance(seconds(62))
  expect(asked.length).toBeLessThanOrEqual(61)
  expect(new Set(asked.map(({ name }) => name)).size).toBeLessThanOrEqual(64)
  expect(asked.some(({ name }) => name.startsWith('unasked'))).toBe(false)
})

test('members are served what is at hand, nothing of what is not, and not without end; a request that is none is the fault of who asks', async () => {
  const { pulls, held, faults } = pulling()
  const [asker] = members as [NodeId]
  const request = endorsementRequestCodec.encode({ name: 'list' })
  const items = () => endorsementAnswerCodec.decode(pulls.answer(request, asker)).items
  expect(items()).toEqual([])
  held.set('list', good)
  expect(items()).toEqual(good)
  held.set(
    'list',
    [1, 2, 3].map(() => ({ kind: 'crl', bytes: new Uint8Array(100 * 1024) })),
  )
  expect(items()).toEqual([])
  const flood = (): void => {
    for (let n = 0; n < 100; n++) pulls.answer(request, asker)
  }
  expect(flood).toThrow(PeerFault)
  expect(faults).toEqual([])
  expect(() => pulls.answer(new Uint8Array(9), asker)).toThrow(PeerFault)
  expect(faults).toHaveLength(1)
})

test('a member that asks without end leaves documents for the others', async () => {
  const { pulls, time, held } = pulling()
  const [greedy, joiner] = members as [NodeId, NodeId]
  held.set('list', [{ kind: 'crl', bytes: new Uint8Array(20 * 1024) }])
  const request = endorsementRequestCodec.encode({ name: 'list' })
  const answered = (from: NodeId) => ifReadable(() => pulls.answer(request, from)) !== undefined
  for (let document = 0; document < 12; document++) {
    for (let n = 0; n < 50; n++) answered(greedy)
    expect(answered(joiner)).toBe(true)
    await time.advance(seconds(1))
  }
})

test('who stopped asks nobody and keeps no timer', async () => {
  const { pulls, time, asked } = pulling()
  pulls.want(['list'])
  pulls.stop()
  pulls.want(['more'])
  await time.advance(minutes(10))
  expect(asked).toEqual([])
  expect(time.pending).toBe(0)
})
