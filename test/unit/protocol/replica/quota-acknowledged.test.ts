/** Nothing acknowledged is lost for want of room: not by restarts near the limit, not by a full instance's neighbours. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest, type NodeId } from '../../../../src/base/ids.ts'
import { instant } from '../../../../src/base/time.ts'
import { ToldShares } from '../../../../src/protocol/replica/told-shares.ts'
import type { StateRules } from '../../../../src/protocol/replica/types.ts'
import { ackCodec } from '../../../../src/wire/ack.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import { blankEntry } from '../../../../src/wire/entry.ts'
import { commitKey, FakeNetwork, type FakeNode, openRules } from '../../../fakes/replica-network.ts'

const withQuota = (entries: number): StateRules => ({
  ...openRules,
  quota: {
    instance: { entries, bytes: 2 ** 30 },
    departed: { entries: 10_000, bytes: 2 ** 30 },
  },
})

function batchOf(keys: readonly string[], ms: number): Uint8Array {
  const writer = new BatchWriter()
  for (const [counter, key] of keys.entries()) {
    const entry = { ...blankEntry(), ms, tagMs: ms, counter, key: utf8(key), value: utf8('v') }
    writer.add({ ...entry, keyEnd: entry.key.length, valueEnd: 1 }, 0)
  }
  return writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
}

function pagesOf({ replica }: FakeNode): Uint8Array[] {
  const pages: Uint8Array[] = []
  for (let page = replica.cachePage(0); page !== undefined; page = replica.cachePage(page.next)) {
    pages.push(page.bytes)
    if (page.isLast) break
  }
  return pages
}

/** Two nodes of machines of their own, and two that share one, the second of which leaves the replica's ways. */
function shared(seed: number, entries: number) {
  const instanceOf = (index: number): string => (index >= 2 ? 'shared' : `i${index}`)
  const network = new FakeNetwork({ seed, instanceOf, replica: { rules: withQuota(entries) } })
  const [a, b, writer, hostile] = [network.found(), network.join(), network.join(), network.join()]
  network.beatFor(4)
  let sequence = 0
  const flood = (to: FakeNode, count: number): void => {
    const keys = Array.from({ length: count }, (_, i) => `flood/${String(i).padStart(3, '0')}`)
    const ms = a.replica.groupClock(instant(network.now)) ?? 0
    const bytes = batchOf(keys, ms)
    const input = { kind: 'batchReceived', author: hostile.id, sequence: ++sequence } as const
    network.feed(to, { ...input, bytes })
  }
  return { network, a, b, writer, hostile, flood }
}

test('machines that restart near their limit lose no acknowledged entry', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const instanceOf = (index: number): string => (index >= 3 ? 'machine' : `i${index}`)
    const rules = withQuota(100)
    const network = new FakeNetwork({ seed, instanceOf, replica: { rules }, delayMax: 20 })
    const old = [network.found(), network.join(), network.join()]
    network.beatFor(4)
    const acknowledged: string[] = []
    const codes = new Set<string | undefined>()
    let cache: Uint8Array[] = []
    for (let life = 0; life < 4; life++) {
      // Also with what it left on its disk.
      const node = network.join(seed % 2 === 0 ? cache : [])
      // Then what is written meanwhile is applied as soon as the first sync is completed.
      if (seed % 2 !== 0) network.beatFor(4)
      // Names before those of earlier lives: what is too much would push those out.
      const ids = Array.from({ length: 40 }, (_, i) => {
        const key = `${9 - life}/${String(i).padStart(2, '0')}`
        return [key, network.set(node, key, 'v', 'majority')] as const
      })
      network.beatFor(12)
      for (const [key, id] of ids) {
        const outcome = node.outcomes.get(id)
        codes.add(outcome?.code)
        if (outcome?.kind === 'written') acknowledged.push(key)
      }
      cache = pagesOf(node)
      network.kill(node)
      network.beatFor(2)
    }
    network.beatFor(40)
    expect(acknowledged.length, `seed ${seed}`).toBe(90)
    expect(codes).toEqual(new Set([undefined, 'QUOTA_FULL']))
    for (const node of old) {
      expect(acknowledged.filter(key => node.replica.get(key) === undefined)).toEqual([])
    }
  }
})

test('an entry that is refused for want of room is not acknowledged by who refused it', () => {
  const { network, b, writer, flood } = shared(2, 10)
  flood(b, 10)
  const id = network.set(writer, 'zoo', 'v', 3)
  network.run(11_000)
  expect(writer.outcomes.get(id)?.code).toBe('ACK_TIMEOUT')
})

test('once there is room again, what was refused is merged and acknowledged', () => {
  const { network, a, b, writer, hostile, flood } = shared(3, 10)
  flood(b, 10)
  network.set(writer, 'zoo', 'v', 1)
  network.kill(hostile)
  network.beatFor(3)
  for (const node of [a, b, writer])
    network.feed(node, { kind: 'rulesChanged', rules: withQuota(100) })
  network.beatFor(70)
  const id = network.set(writer, 'zoo', 'again', 2)
  network.run(11_000)
  expect(writer.outcomes.get(id)).toMatchObject({ kind: 'written', acknowledgedBy: 2 })
})

test('who gave an entry up for want of room tells no mark that reaches it', () => {
  const { network, b, writer, flood } = shared(4, 10)
  network.set(writer, 'aaa', 'v')
  network.beatFor(1)
  network.set(writer, 'zoo', 'v')
  network.beatFor(1)
  expect(b.replica.get('zoo')).toBeDefined()
  flood(b, 9)
  expect(b.replica.get('zoo')).toBeUndefined()
  const before = b.effects.length
  network.disconnect(b, writer)
  network.connect(b, writer)
  const told = b.effects.slice(before).filter(effect => effect.kind === 'tellAck')
  expect(told.map(({ bytes }) => ackCodec.decode(bytes).mark)).toEqual([1])
})

test('a write that gave way before it was published is not acknowledged', () => {
  const { network, writer, flood } = shared(5, 10)
  network.set(writer, 'first', 'v', 'local')
  const id = network.set(writer, 'zoo', 'v', 1)
  flood(writer, 10)
  network.run(11_000)
  expect(writer.outcomes.get(id)?.code).toBe('ACK_TIMEOUT')
})

test('a joiner completes its first sync from members that hold more than it has room for', () => {
  const { network, a, flood } = shared(6, 40)
  flood(a, 40)
  network.beatFor(8)
  const rules = withQuota(10)
  Object.assign(network.options.replica ?? {}, { rules })
  const joiner = network.join()
  network.beatFor(6)
  expect(joiner.phase).toBe('active')
  expect(joiner.replica.refusedCount).toBeGreaterThan(0)
})

test('one liar neither stops a writer nor, among three, lets it fill more than its share', () => {
  const [p, q, r] = ['p', 'q', 'r'] as NodeId[] as [NodeId, NodeId, NodeId]
  const active = new Map([p, q, r].map(node => [node, `instance of ${node}`]))
  const own = { entries: 10, bytes: 1000 }
  const tell = (shares: ToldShares, node: NodeId, entries: number): void =>
    shares.told(node, { told: { entries, bytes: 100 * entries }, own }, active)
  const shares = new ToldShares()
  tell(shares, p, 80)
  expect(shares.confirmed.entries).toBe(70)
  tell(shares, q, 1e9)
  expect(shares.confirmed).toEqual({ entries: 70, bytes: 7000 })
  tell(shares, q, 0)
  tell(shares, r, 90)
  expect(shares.confirmed).toEqual({ entries: 70, bytes: 7000 })
  const sybils = new ToldShares()
  const oneMachine = new Map([p, q, r].map(node => [node, node === r ? 'honest' : 'liar']))
  for (const node of [p, q])
    sybils.told(node, { told: { entries: 1e9, bytes: 1 }, own }, oneMachine)
  sybils.told(r, { told: { entries: 12, bytes: 1200 }, own }, oneMachine)
  expect(sybils.confirmed.entries).toBe(2)
})
