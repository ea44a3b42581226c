import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { instant } from '../../../../src/base/time.ts'
import { BatchWriter, parseBatch } from '../../../../src/wire/batch.ts'
import { blankEntry } from '../../../../src/wire/entry.ts'
import { syncRequestCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode, seeded } from '../../../fakes/replica-network.ts'

const rootOf = (node: FakeNode): string => {
  const roots = node.replica.roots()
  return roots === undefined ? 'unknown' : toHex(roots.root)
}

const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

const elementsOf = (node: FakeNode, key: string): (string | undefined)[] => {
  const entry = node.replica.get(key)
  return entry?.kind === 'set' ? entry.elements.map(fromUtf8) : []
}

function trio(options: Partial<ConstructorParameters<typeof FakeNetwork>[0]> = {}): {
  network: FakeNetwork
  nodes: [FakeNode, FakeNode, FakeNode]
} {
  const network = new FakeNetwork({ seed: 1, ...options })
  const a = network.found()
  const b = network.join()
  const c = network.join()
  network.beatFor(3)
  return { network, nodes: [a, b, c] }
}

test('a joiner becomes active by one full sync and holds all there was', () => {
  const network = new FakeNetwork({ seed: 2 })
  const founder = network.found()
  network.set(founder, 'x', '1', 'local')
  const joiner = network.join()
  network.beatFor(1)
  expect(joiner.phase).toBe('active')
  expect(registerOf(joiner, 'x')).toBe('1')
  expect(rootOf(joiner)).toBe(rootOf(founder))
})

test('an acknowledged write is held by another member when it resolves', () => {
  const { network, nodes } = trio()
  const id = network.set(nodes[1], 'key', 'value')
  expect(nodes[1].outcomes.get(id)).toBeUndefined()
  while (!nodes[1].outcomes.has(id)) network.run(1)
  expect(nodes[1].outcomes.get(id)?.acknowledgedBy).toBeGreaterThanOrEqual(1)
  const holders = nodes.filter(node => registerOf(node, 'key') === 'value')
  expect(holders.length).toBeGreaterThanOrEqual(2)
})

test('alone, a write is refused before anything is applied unless local is enough', () => {
  const network = new FakeNetwork({ seed: 3 })
  const alone = network.found()
  const refused = network.set(alone, 'key', 'value')
  expect(alone.outcomes.get(refused)?.code).toBe('NO_PEER_TO_ACK')
  expect(alone.replica.get('key')).toBeUndefined()
  expect(alone.outcomes.get(network.set(alone, 'key', 'value', 'local'))?.kind).toBe('written')
})

test('a write that nobody acknowledges in time stays applied and says so', () => {
  const { network, nodes } = trio()
  network.loss = 1
  const id = network.set(nodes[0], 'key', 'value')
  network.run(11_000)
  expect(nodes[0].outcomes.get(id)?.code).toBe('ACK_TIMEOUT')
  expect(registerOf(nodes[0], 'key')).toBe('value')
})

test('a majority counts platform instances, not members', () => {
  const { network, nodes } = trio({ instanceOf: index => (index < 2 ? 'one' : `i${index}`) })
  network.disconnect(nodes[0], nodes[2])
  const id = network.set(nodes[0], 'key', 'value', 'majority')
  expect(nodes[0].outcomes.get(id)?.code).toBe('NO_PEER_TO_ACK')
  network.connect(nodes[0], nodes[2])
  const next = network.set(nodes[0], 'key', 'value', 'majority')
  network.run(500)
  expect(nodes[0].outcomes.get(next)?.kind).toBe('written')
})

test('a joining node neither applies writes nor serves state', () => {
  const network = new FakeNetwork({ seed: 4, loss: 1 })
  network.found()
  const joiner = network.join()
  const id = network.set(joiner, 'key', 'value')
  network.feed(joiner, { kind: 'syncAsked', id: 1, from: joiner.id, bytes: utf8('x') })
  expect(joiner.effects).toContainEqual({ kind: 'refuse', id: 1, code: 'NOT_ACTIVE' })
  network.run(10_500)
  expect(joiner.outcomes.get(id)?.code).toBe('NOT_READY')
})

test('a joining node that knows the time already serves and acknowledges nothing either', () => {
  const { network, nodes } = trio()
  const joiner = network.join()
  network.loss = 1
  network.run(100)
  const { sequence } = nodes[0].replica
  network.set(nodes[0], 'k', 'v', 'local')
  const [batch] = nodes[0].effects.slice(-2).filter(effect => effect.kind === 'publish')
  const groupClock = nodes[0].replica.groupClock(instant(network.now)) ?? 0
  for (const { id } of nodes.slice(0, 2)) {
    network.feed(joiner, { kind: 'beat', node: id, root: null, groupClock })
  }
  if (batch === undefined) return expect.unreachable('a write is published')
  const { bytes } = batch
  const from = nodes[0].id
  network.feed(joiner, { kind: 'batchReceived', author: from, sequence: sequence + 1, bytes })
  expect(registerOf(joiner, 'k')).toBe('v')
  const request = syncRequestCodec.encode({ log: null, cursor: 0, marks: [] })
  network.feed(joiner, { kind: 'syncAsked', id: 1, from, bytes: request })
  expect(joiner.effects).toContainEqual({ kind: 'refuse', id: 1, code: 'NOT_ACTIVE' })
  expect(joiner.effects.some(e => e.kind === 'tellAck' || e.kind === 'answer')).toBe(false)
})

test('a write that another overwrote before it was published resolves with what came before it', () => {
  const { network, nodes } = trio()
  const [a, b] = nodes
  network.set(b, 'k', 'later', 'local')
  const batch = b.effects.findLast(effect => effect.kind === 'publish')
  network.set(a, 'first', '1', 'local')
  const id = network.set(a, 'k', 'earlier')
  // Its stamp lies ahead, as that of a node whose clock is a little fast.
  const entry = blankEntry()
  entry.ms = entry.tagMs = (a.replica.groupClock(instant(network.now)) ?? 0) + 1000
  entry.key = utf8('k')
  entry.keyEnd = 1
  entry.value = utf8('later')
  entry.valueEnd = 5
  const writer = new BatchWriter()
  writer.add(entry, 0)
  const bytes = writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
  const sequence = (batch?.kind === 'publish' ? batch.sequence : 0) + 1
  network.feed(a, { kind: 'batchReceived', author: b.id, sequence, bytes })
  network.run(1000)
  expect(registerOf(a, 'k')).toBe('later')
  expect(a.outcomes.get(id)?.kind).toBe('written')
})

test('what one node writes while its batch is on its way goes together, the last write of a key alone', () => {
  const { network, nodes } = trio()
  const before = nodes[0].effects.length
  network.set(nodes[0], 'k', '0', 'local')
  for (let i = 1; i <= 100; i++) network.set(nodes[0], 'k', String(i), 'local')
  network.run(500)
  const batches = nodes[0].effects.slice(before).filter(effect => effect.kind === 'publish')
  expect(batches.length).toBe(2)
  expect(registerOf(nodes[1], 'k')).toBe('100')
})

test('a full outbox lets writes wait and refuses what finds no room', () => {
  const { network, nodes } = trio({
    replica: { outboxEntriesMax: 4, waitingWritesMax: 4 },
  })
  const ids = Array.from({ length: 12 }, (_, i) => network.set(nodes[0], `k${i}`, 'v'))
  expect(ids.filter(id => nodes[0].outcomes.get(id)?.code === 'QUEUE_FULL').length).toBe(3)
  network.run(1000)
  expect(ids.filter(id => nodes[0].outcomes.get(id)?.kind === 'written').length).toBe(9)
})

test('keys arrive as they were written, whatever their letters and up to the last byte of room', () => {
  const { network, nodes } = trio()
  const keys = ['k'.repeat(512), 'ü'.repeat(256), `${'k'.repeat(510)}ü`, 'key/ü/€/😀', '\ufeffkey']
  for (const key of keys) network.set(nodes[0], key, key)
  network.run(1000)
  for (const key of keys) expect(registerOf(nodes[1], key)).toBe(key)
})

test('writes that can never be are refused with a code', () => {
  const { network, nodes } = trio()
  const [node, other] = nodes
  const code = (id: number): string | undefined => node.outcomes.get(id)?.code
  const element = utf8('e')
  expect(code(network.set(node, '', 'v'))).toBe('BAD_KEY')
  expect(code(network.set(node, '\ud800', 'v'))).toBe('BAD_KEY')
  expect(code(network.set(node, 'k'.repeat(513), 'v'))).toBe('KEY_TOO_LONG')
  expect(code(network.set(node, 'ü'.repeat(257), 'v'))).toBe('KEY_TOO_LONG')
  expect(code(network.set(node, `${'k'.repeat(511)}ü`, 'v'))).toBe('KEY_TOO_LONG')
  expect(code(network.set(node, 'k', 'v'.repeat(65_537)))).toBe('VALUE_TOO_LARGE')
  expect(code(network.set(node, `own/${other.id}/k`, 'v'))).toBe('NOT_YOURS')
  expect(code(network.set(node, 'own/nobody', 'v'))).toBe('NOT_YOURS')
  network.set(node, 'register', 'v')
  network.write(node, { kind: 'add', key: 'set', element })
  expect(code(network.write(node, { kind: 'add', key: 'register', element }))).toBe('WRONG_KIND')
  expect(code(network.set(node, 'set', 'v'))).toBe('WRONG_KIND')
  network.feed(node, { kind: 'phaseChanged', phase: 'stopping' })
  expect(code(network.set(node, 'k', 'v'))).toBe('STOPPING')
})

test('an addition that the remover has not seen survives the removal', () => {
  const { network, nodes } = trio()
  const [a, b] = nodes
  const element = utf8('x')
  network.write(a, { kind: 'add', key: 's', element })
  network.run(500)
  network.write(a, { kind: 'remove', key: 's', element })
  network.write(b, { kind: 'add', key: 's', element })
  network.beatFor(3)
  for (const node of nodes) expect(elementsOf(node, 's')).toEqual(['x'])
  network.write(a, { kind: 'remove', key: 's', element })
  network.beatFor(3)
  for (const node of nodes) expect(node.replica.get('s')).toBeUndefined()
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
})

test('whoever adds an element takes over the tags of others, so that one live tag is left', () => {
  const { network, nodes } = trio()
  for (const node of nodes) {
    network.write(node, { kind: 'add', key: 's', element: utf8('x') })
    network.beatFor(2)
  }
  for (const node of nodes) expect(elementsOf(node, 's')).toEqual(['x'])
  // The last one to add withdraws it without knowing of the first two any more.
  const before = nodes[2].replica.sequence
  network.write(nodes[2], { kind: 'remove', key: 's', element: utf8('x') })
  network.beatFor(2)
  for (const node of nodes) expect(elementsOf(node, 's')).toEqual([])
  const batch = nodes[2].effects.findLast(effect => effect.kind === 'publish')
  expect(nodes[2].replica.sequence).toBe(before + 1)
  expect(batch?.kind === 'publish' && parseBatch(batch.bytes).count).toBe(1)
})

test('two kinds under one key lose nothing and show the same everywhere', () => {
  const { network, nodes } = trio()
  network.set(nodes[0], 'k', 'v')
  network.write(nodes[1], { kind: 'add', key: 'k', element: utf8('e') })
  network.beatFor(3)
  for (const node of nodes) expect(registerOf(node, 'k')).toBe('v')
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
  network.write(nodes[2], { kind: 'delete', key: 'k' })
  network.beatFor(3)
  for (const node of nodes) expect(node.replica.get('k')).toBeUndefined()
  expect(nodes.map(node => node.replica.entryCount)).toEqual([0, 0, 0])
})

test('entries are listed in the order of their bytes, page by page, without the deleted', () => {
  const { network, nodes } = trio()
  const keys = ['b', 'a/2', 'a/10', 'a/1', 'ä', 'z', '\u{1f600}', '\uffee']
  for (const key of keys) network.set(nodes[0], key, key)
  network.write(nodes[0], { kind: 'delete', key: 'z' })
  const page = (prefix: string, after?: string, limit = 100): string[] =>
    nodes[0].replica.list({ prefix, after, limit }).map(entry => entry.key)
  expect(page('')).toEqual(['a/1', 'a/10', 'a/2', 'b', 'ä', '\uffee', '\u{1f600}'])
  expect(page('a/')).toEqual(['a/1', 'a/10', 'a/2'])
  expect(page('a/', 'a/1', 1)).toEqual(['a/10'])
  expect(page('', 'b', 2)).toEqual(['ä', '\uffee'])
  expect(page('a/', '!')).toEqual(['a/1', 'a/10', 'a/2'])
})

test('a watch resumes from a cursor and says when it cannot', () => {
  const { network, nodes } = trio({ replica: { watchEventsMax: 8 } })
  const { replica } = nodes[1]
  const start = replica.watchCursor
  for (let i = 0; i < 3; i++) network.set(nodes[0], `w/${i}`, String(i))
  network.run(500)
  const read = replica.changesAfter({ cursor: start, prefix: 'w/', limit: 2 })
  expect(read?.changes.map(change => change.key)).toEqual(['w/0', 'w/1'])
  const rest = replica.changesAfter({ cursor: read?.cursor ?? 0, prefix: '', limit: 9 })
  expect(rest?.changes.map(change => change.key)).toEqual(['w/2'])
  for (let i = 0; i < 9; i++) network.set(nodes[0], `x/${i}`, String(i))
  network.run(500)
  expect(replica.changesAfter({ cursor: start, prefix: '', limit: 9 })).toBeUndefined()
  expect(replica.changesAfter({ cursor: replica.watchCursor + 1, prefix: '', limit: 1 })).toBe(
    undefined,
  )
})

test.each([1, 2, 3, 4, 5, 6])(
  'replicas over a lossy, reordering network converge to one root (seed %i)',
  seed => {
    const network = new FakeNetwork({ seed, loss: 0.2, delayMax: 300 })
    const random = seeded(seed * 31)
    network.found()
    for (let i = 0; i < 4; i++) network.join()
    network.beatFor(10)
    for (let round = 0; round < 150; round++) {
      const node = network.nodes[Math.floor(random() * 5)]!
      const key = `${random() < 0.3 ? 'public/' : ''}k${Math.floor(random() * 20)}`
      const element = utf8(`e${Math.floor(random() * 4)}`)
      const kind = (['set', 'set', 'delete', 'add', 'remove'] as const)[Math.floor(random() * 5)]!
      const setKey = `s/${key}`
      if (kind === 'set') network.set(node, key, String(round), 'local')
      else if (kind === 'delete') network.write(node, { kind, key }, 'local')
      else network.write(node, { kind, key: setKey, element }, 'local')
      network.run(Math.floor(random() * 40))
      if (round === 75) network.join()
    }
    network.beatFor(20)
    network.loss = 0
    network.beatFor(10)
    expect(new Set(network.nodes.map(rootOf)).size).toBe(1)
    expect(rootOf(network.nodes[0]!)).not.toBe('unknown')
    const shown = network.nodes.map(node =>
      JSON.stringify(node.replica.list({ prefix: '', after: undefined, limit: 1000 }), (_, v) =>
        v instanceof Uint8Array ? toHex(v) : v,
      ),
    )
    expect(new Set(shown).size).toBe(1)
    expect(network.nodes.flatMap(node => node.effects).some(e => e.kind === 'peerFault')).toBe(
      false,
    )
  },
)

test.each([11, 12, 13, 14])(
  'no write that was acknowledged is lost when its writer is killed (seed %i)',
  seed => {
    const network = new FakeNetwork({ seed, loss: 0.1, delayMax: 60 })
    const random = seeded(seed)
    network.found()
    for (let i = 0; i < 4; i++) network.join()
    network.beatFor(10)
    const acknowledged = new Map<string, string>()
    for (let round = 0; round < 12; round++) {
      const alive = network.nodes.filter(node => node.isAlive && node.phase === 'active')
      const writer = alive[Math.floor(random() * alive.length)]!
      const ids = Array.from({ length: 8 }, (_, i) => {
        const key = `r${round}/${i}`
        return { key, id: network.set(writer, key, key) }
      })
      network.run(20 + Math.floor(random() * 120))
      for (const { key, id } of ids) {
        if (writer.outcomes.get(id)?.kind === 'written') acknowledged.set(key, key)
      }
      network.kill(writer)
      network.join()
      network.beatFor(6)
    }
    network.loss = 0
    network.beatFor(10)
    const survivors = network.nodes.filter(node => node.isAlive)
    expect(acknowledged.size).toBeGreaterThan(20)
    for (const [key, value] of acknowledged) expect(registerOf(survivors[0]!, key)).toBe(value)
    expect(new Set(survivors.map(rootOf)).size).toBe(1)
  },
)

test('a partition with writers on both sides heals to one root', () => {
  const network = new FakeNetwork({ seed: 21 })
  network.found()
  for (let i = 0; i < 3; i++) network.join()
  network.beatFor(5)
  const [a, b, c, d] = network.nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  for (const left of [a, b]) for (const right of [c, d]) network.disconnect(left, right)
  for (let i = 0; i < 60; i++) {
    network.set(a, `k${i % 7}`, `a${i}`)
    network.set(d, `k${i % 7}`, `d${i}`)
    network.beatFor(1)
  }
  expect(rootOf(a)).not.toBe(rootOf(d))
  for (const left of [a, b]) for (const right of [c, d]) network.connect(left, right)
  network.beatFor(5)
  expect(new Set(network.nodes.map(rootOf)).size).toBe(1)
})
