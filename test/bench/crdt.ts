/**
 * CPU per delta of the replica's own parts, without net and seals: write, encode, parse, apply, root; and
 * memory per key. One JSON line each. Run: `node --expose-gc test/bench/crdt.ts`.
 */
import { randomBytes } from 'node:crypto'
import { utf8 } from '../../src/base/bytes.ts'
import { digestOf, type NetworkId, nodeIdOfKey } from '../../src/base/ids.ts'
import type { Instant, Timestamp } from '../../src/base/time.ts'
import { hmacSha256 } from '../../src/crypto/hash.ts'
import { createReplica, type Replica } from '../../src/protocol/replica/replica.ts'
import type { ReplicaEffect, StateRules } from '../../src/protocol/replica/types.ts'
import { parseBatch } from '../../src/wire/batch.ts'

const perBatch = 256
const batches = 800
const rounds = 7
const commitKey = digestOf(new Uint8Array(32).fill(9))
const nodes = [1, 2].map(i => nodeIdOfKey(new Uint8Array(32).fill(i)))

const share = { entries: 1e9, bytes: 2 ** 40 }
const rules: StateRules = {
  write: [{ prefix: '', roles: ['member'], valueBytesMax: 65_536, schema: 'bytes' }],
  publicPrefixes: [],
  quota: { instance: share, departed: share },
}

function replica(index: number): Replica {
  const self = nodes[index]!
  const made = createReplica(
    {
      random: { bytes: count => new Uint8Array(randomBytes(count)) },
      commitSalt: (_, data) => hmacSha256(utf8('commit key'), data),
      sign: () => new Uint8Array(64),
    },
    { self, network: '00'.repeat(32) as NetworkId, rules, outboxEntriesMax: 100_000 },
  )
  const now = 0 as Instant
  made.step({ kind: 'founded', wall: 1.8e12 as Timestamp, notBefore: 0 as Timestamp }, now)
  made.step({ kind: 'commitKeyChosen', id: commitKey }, now)
  made.step({ kind: 'phaseChanged', phase: 'active' }, now)
  const members = nodes.map((node, i) => ({ node, instance: `i${i}`, phase: 'active' as const }))
  made.step({ kind: 'membersChanged', members }, now)
  made.step({ kind: 'connected', node: nodes[1 - index]! }, now)
  return made
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
const cpu = (action: () => void): number => {
  const before = process.cpuUsage()
  action()
  const used = process.cpuUsage(before)
  return used.user + used.system
}
const emit = (name: string, unit: string, value: number): void =>
  console.log(JSON.stringify({ bench: 'crdt', name, unit, value: Number(value.toFixed(3)) }))

const collect = globalThis.gc
if (collect !== undefined) {
  const memory = (): number => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  replica(0)
  const before = memory()
  const big = replica(0)
  const value = new Uint8Array(randomBytes(32))
  for (let i = 0; i < 100_000; i++) {
    const operation = { kind: 'set', key: `key/${String(i).padStart(8, '0')}`, value } as const
    for (const effect of big.step(
      { kind: 'writes', writes: [{ id: i, operation, ack: 'local' }] },
      1 as Instant,
    )) {
      if (effect.kind !== 'publish') continue
      big.step({ kind: 'published', sequence: effect.sequence }, 1 as Instant)
    }
  }
  emit('memory per key at 100,000 keys, tries not asked', 'B', (memory() - before) / 100_000)
  big.roots()
  emit('memory per key at 100,000 keys with tries', 'B', (memory() - before) / 100_000)
  emit('entries', 'count', big.entryCount)
}

const write: number[] = []
const parse: number[] = []
const apply: number[] = []
const root: number[] = []
let bytesPerDelta = 0
for (let round = 0; round < rounds; round++) {
  const source = replica(0)
  const target = replica(1)
  const value = new Uint8Array(randomBytes(32))
  const sent: (ReplicaEffect & { kind: 'publish' })[] = []
  let id = 0
  const feed = (input: Parameters<Replica['step']>[0]): void => {
    for (const effect of source.step(input, 1 as Instant)) {
      if (effect.kind === 'publish') sent.push(effect)
    }
  }
  // A first write is on its way, so that the others of a batch wait for it.
  const writeUs = cpu(() => {
    for (let batch = 0; batch < batches; batch++) {
      for (let i = 0; i < perBatch; i++) {
        const key = `key/${String(((batch * perBatch + i) * 7919) % 10_000).padStart(8, '0')}`
        const operation = { kind: 'set', key, value } as const
        feed({ kind: 'writes', writes: [{ id: id++, operation, ack: 'local' }] })
      }
      feed({ kind: 'published', sequence: sent.length })
    }
  })
  const deltas = batches * perBatch
  write.push(writeUs / deltas)
  const carried = sent.reduce((sum, { bytes }) => sum + parseBatch(bytes).count, 0)
  bytesPerDelta = sent.reduce((sum, { bytes }) => sum + bytes.length, 0) / carried
  parse.push(
    cpu(() => {
      for (const { bytes } of sent) parseBatch(bytes)
    }) / carried,
  )
  apply.push(
    cpu(() => {
      for (const { sequence, bytes } of sent) {
        target.step({ kind: 'batchReceived', author: nodes[0]!, sequence, bytes }, 1 as Instant)
      }
    }) / carried,
  )
  const entries = target.entryCount
  root.push(cpu(() => target.roots()) / entries)
}
emit('write and encode one delta', 'us', median(write))
emit('parse one delta', 'us', median(parse))
emit('parse and apply one delta', 'us', median(apply))
emit('hash one changed entry into the root', 'us', median(root))
emit('bytes per delta in a batch of 256', 'B', bytesPerDelta)
