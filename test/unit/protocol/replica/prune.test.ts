/** What is forgotten, and what must never come back or be lost for it. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const hour = 3_600_000

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

function group(count: number, options = {}): { network: FakeNetwork; nodes: FakeNode[] } {
  const network = new FakeNetwork({ seed: 7, ...options })
  network.found()
  for (let i = 1; i < count; i++) network.join()
  network.beatFor(4)
  return { network, nodes: network.nodes }
}

test('tombstones go at the floor on all nodes and the roots agree', () => {
  const { network, nodes } = group(3, { replica: { syncInterval: 600_000 } })
  for (let i = 0; i < 20; i++) network.set(nodes[0]!, `k${i}`, 'v')
  network.run(500)
  for (let i = 0; i < 10; i++) network.write(nodes[1]!, { kind: 'delete', key: `k${i}` })
  network.beatFor(2)
  const withTombstones = rootOf(nodes[0]!)
  for (let i = 0; i < 26; i++) {
    network.run(hour)
    network.beatFor(2)
  }
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
  expect(rootOf(nodes[0]!)).not.toBe(withTombstones)
  expect(nodes[0]!.replica.entryCount).toBe(10)
})

function parted(hours: number, meanwhile: (network: FakeNetwork, nodes: FakeNode[]) => void) {
  const { network, nodes } = group(4, { replica: { syncInterval: 600_000 } })
  for (let i = 0; i < 10; i++) network.set(nodes[i % 4]!, `old${i}`, 'v')
  network.beatFor(3)
  const [a, b, c, d] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  for (const left of [a, b]) for (const right of [c, d]) network.disconnect(left, right)
  network.run(hour)
  meanwhile(network, nodes)
  network.beatFor(5)
  for (let i = 1; i < hours; i++) {
    network.run(hour)
    network.beatFor(1)
  }
  for (const left of [a, b]) for (const right of [c, d]) network.connect(left, right)
  network.beatFor(30)
  return { network, nodes }
}

test('after 48 hours of partition a pruned removal does not reappear, and nothing unseen is lost', () => {
  const { nodes } = parted(48, (network, [a, , c]) => {
    network.write(a!, { kind: 'delete', key: 'old0' })
    network.write(c!, { kind: 'delete', key: 'old1' })
    network.set(a!, 'new/a', 'kept')
    network.set(c!, 'new/c', 'kept')
    network.write(c!, { kind: 'add', key: 'set', element: utf8('kept') })
  })
  for (const node of nodes) {
    expect(registerOf(node, 'old0')).toBeUndefined()
    expect(registerOf(node, 'old1')).toBeUndefined()
    expect(registerOf(node, 'old2')).toBe('v')
    expect([registerOf(node, 'new/a'), registerOf(node, 'new/c')]).toEqual(['kept', 'kept'])
    expect(node.replica.get('set')?.kind).toBe('set')
  }
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
})

test('a removal by a writer who died in the partition stays as well', () => {
  const { network, nodes } = group(4)
  network.set(nodes[1]!, 'old', 'v')
  network.beatFor(3)
  const [a, b, c, d] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  for (const left of [a, b]) for (const right of [c, d]) network.disconnect(left, right)
  network.write(b, { kind: 'delete', key: 'old' })
  network.set(d, 'of the dead', 'kept')
  network.beatFor(3)
  network.kill(b)
  network.kill(d)
  for (let i = 0; i < 48; i++) {
    network.run(hour)
    network.beatFor(1)
  }
  network.connect(a, c)
  network.beatFor(30)
  expect([registerOf(a, 'old'), registerOf(c, 'old')]).toEqual([undefined, undefined])
  expect([registerOf(a, 'of the dead'), registerOf(c, 'of the dead')]).toEqual(['kept', 'kept'])
  expect(rootOf(a)).toBe(rootOf(c))
})

/** Four kinds under four keys, each written by one node and seen by all. */
function writeAllKinds(network: FakeNetwork, node: FakeNode): void {
  network.set(node, 'register', 'old')
  network.write(node, { kind: 'add', key: 'set', element: utf8('old') })
  network.write(node, { kind: 'assign', key: 'multi', value: utf8('old') })
  network.write(node, { kind: 'increment', key: 'counter', by: 5 })
}

const removable = ['register', 'set', 'multi'] as const
const countOf = (node: FakeNode): bigint | undefined => {
  const entry = node.replica.get('counter')
  return entry?.kind === 'counter' ? entry.value : undefined
}

/** The hours pass for all; those that are connected beat. */
function pass(network: FakeNetwork, hours: number): void {
  for (let i = 0; i < hours; i++) {
    network.run(hour)
    network.beatFor(1)
  }
}

for (const hours of [25, 47]) {
  test(`whoever was gone for ${hours} hours brings no removal back of any kind, and loses no count`, () => {
    const { network, nodes } = group(3, { replica: { syncInterval: 600_000 } })
    const [a, b, gone] = nodes as [FakeNode, FakeNode, FakeNode]
    writeAllKinds(network, gone)
    network.beatFor(3)
    for (const other of [a, b]) network.disconnect(gone, other)
    for (const key of removable) network.write(a, { kind: 'delete', key })
    network.write(gone, { kind: 'increment', key: 'counter', by: 2 }, 'local')
    network.write(gone, { kind: 'assign', key: 'written alone', value: utf8('kept') }, 'local')
    pass(network, hours)
    for (const key of removable) expect(gone.replica.get(key)).toBeDefined()
    for (const other of [a, b]) network.connect(gone, other)
    network.beatFor(30)
    for (const node of nodes) {
      for (const key of removable) expect(node.replica.get(key), key).toBeUndefined()
      expect(countOf(node)).toBe(7n)
      expect(node.replica.get('written alone')?.kind).toBe('multi')
    }
    expect(new Set(nodes.map(rootOf)).size).toBe(1)
  })

  test(`a joiner that a member gone for ${hours} hours serves first ends without what was removed`, () => {
    const { network, nodes } = group(3, { replica: { syncInterval: 600_000 } })
    const [a, b, gone] = nodes as [FakeNode, FakeNode, FakeNode]
    writeAllKinds(network, a)
    network.beatFor(3)
    for (const other of [a, b]) network.disconnect(gone, other)
    for (const key of removable) network.write(a, { kind: 'delete', key })
    pass(network, hours)
    const joiner = network.join()
    for (const other of [a, b]) network.disconnect(joiner, other)
    network.beatFor(3)
    for (const other of [a, b]) {
      network.connect(joiner, other)
      network.connect(gone, other)
    }
    network.beatFor(60)
    for (const node of [a, b, gone, joiner]) {
      for (const key of removable) expect(node.replica.get(key), key).toBeUndefined()
      expect(countOf(node)).toBe(5n)
    }
    expect(new Set([a, b, gone, joiner].map(rootOf)).size).toBe(1)
  })
}
