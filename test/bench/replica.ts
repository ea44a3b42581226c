/**
 * Goal G5: the replica's own parts, without net and seals, beside yjs as a map of the same keys and values: set and
 * encode, apply, bytes and memory. CPU time of this process, medians of the rounds. Ours hashes roots besides.
 */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { utf8 } from '../../src/base/bytes.ts'
import { digestOf, type NetworkId, nodeIdOfKey } from '../../src/base/ids.ts'
import type { Instant, Timestamp } from '../../src/base/time.ts'
import { hmacSha256 } from '../../src/crypto/hash.ts'
import { createReplica, type Replica } from '../../src/protocol/replica/replica.ts'
import type { AskedWrite, ReplicaEffect, StateRules } from '../../src/protocol/replica/types.ts'
import { parseBatch } from '../../src/wire/batch.ts'
import { hasPeers, peerFigures } from './peers.ts'
import type { RatioLine } from './ratio-line.ts'
import { median } from './workers.ts'

const perBatch = 100
const batches = 1000
const rounds = Number(process.env['ROUNDS'] ?? 5)
const keys = 100_000
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

type Published = ReplicaEffect & { readonly kind: 'publish' }

interface Figures {
  readonly setsPerSecond: number
  readonly appliesPerSecond: number
  readonly bytesPerDelta: number
  readonly heapPerKey: number
  readonly loadMs: number
}

/** One line for each part of the goal; without the peers' kit ours alone, beside no number. */
export async function run(): Promise<readonly RatioLine[]> {
  const all = Array.from({ length: rounds + 1 }, measure).slice(1)
  const ours = (read: (figures: Figures) => number): number => median(all.map(read))
  const yjs = hasPeers() ? (await peerFigures('a-crdt.mjs', ['yjs'])).get('yjs') : undefined
  const line = (
    name: string,
    mine: number,
    { metric, bound }: { readonly metric: string; readonly bound: number },
  ): RatioLine => {
    const plain = yjs?.get(metric) ?? Number.NaN
    const ratio = mine / plain
    const isAtLeast = bound > 1
    const met = isAtLeast ? ratio >= bound : ratio <= bound
    const words = `${isAtLeast ? '>=' : '<='} ${bound}x yjs`
    return { goal: 'G5', name, nodes: 1, ours: mine, plain, ratio, bound: words, met }
  }
  const bytes = ours(figures => figures.bytesPerDelta)
  return [
    line(
      'sets and encodes per second in batches of 100',
      ours(figures => figures.setsPerSecond),
      {
        ...{ metric: 'batched100_set_and_encode', bound: 4 },
      },
    ),
    line(
      'applies per second in batches of 100',
      ours(figures => figures.appliesPerSecond),
      {
        ...{ metric: 'batched100_apply', bound: 8 },
      },
    ),
    line(
      'heap bytes per key with roots hashed',
      ours(figures => figures.heapPerKey),
      {
        ...{ metric: 'heap_per_key', bound: 0.35 },
      },
    ),
    line(
      'milliseconds to load 100,000 keys',
      ours(figures => figures.loadMs),
      {
        ...{ metric: 'snapshot_load_ms', bound: 0.45 },
      },
    ),
    {
      ...{ goal: 'G5', name: 'bytes per delta in batches of 100', nodes: 1, ours: bytes },
      ...{ plain: 46, ratio: bytes / 46, bound: '<= 46 bytes', met: bytes <= 46 },
    },
  ]
}

function measure(): Figures {
  return { ...measureMap(), ...measureDeltas() }
}

function measureDeltas(): Pick<Figures, 'setsPerSecond' | 'appliesPerSecond' | 'bytesPerDelta'> {
  const [source, target] = [replica(0), replica(1)]
  const sent: Published[] = []
  const value = new Uint8Array(randomBytes(32))
  const write = secondsOf(() => {
    for (let batch = 0; batch < batches; batch++) {
      // One turn of a caller is one step and one batch.
      const writes = Array.from({ length: perBatch }, (_, i) =>
        writeOf(batch * perBatch + i, value),
      )
      sent.push(...publish(source, writes))
    }
  })
  const apply = secondsOf(() => {
    for (const { sequence, bytes } of sent) {
      target.step({ kind: 'batchReceived', author: nodes[0]!, sequence, bytes }, 1 as Instant)
    }
  })
  const carried = sent.reduce((sum, { bytes }) => sum + parseBatch(bytes).count, 0)
  return {
    setsPerSecond: (batches * perBatch) / write,
    appliesPerSecond: carried / apply,
    bytesPerDelta: sent.reduce((sum, { bytes }) => sum + bytes.length, 0) / carried,
  }
}

function measureMap(): Pick<Figures, 'heapPerKey' | 'loadMs'> {
  const before = memory()
  const big = replica(0)
  const value = new Uint8Array(randomBytes(32))
  for (let at = 0; at < keys; at += perBatch) {
    publish(
      big,
      Array.from({ length: perBatch }, (_, i) => writeOf(at + i, value)),
    )
  }
  big.roots()
  const heapPerKey = (memory() - before) / keys
  const pages: Uint8Array[] = []
  for (let page = big.cachePage(0); page !== undefined; page = big.cachePage(page.next)) {
    pages.push(page.bytes)
    if (page.isLast) break
  }
  const fresh = replica(1)
  const load = secondsOf(() => {
    for (const bytes of pages) fresh.step({ kind: 'restored', bytes }, 1 as Instant)
  })
  if (fresh.entryCount !== big.entryCount) throw new Error('the snapshot lost entries')
  return { heapPerKey, loadMs: load * 1000 }
}

function writeOf(i: number, value: Uint8Array): AskedWrite {
  const key = `key/${String((i * 7919) % keys).padStart(8, '0')}`
  return { id: i, operation: { kind: 'set', key, value }, ack: 'local' }
}

function publish(source: Replica, writes: readonly AskedWrite[]): Published[] {
  const effects = source.step({ kind: 'writes', writes }, 1 as Instant)
  const sent = effects.filter((effect): effect is Published => effect.kind === 'publish')
  for (const { sequence } of sent) source.step({ kind: 'published', sequence }, 1 as Instant)
  return sent
}

function secondsOf(action: () => void): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Bytes in use after a collection. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  // What earlier rounds left goes in several passes: array buffers are freed after their owners.
  for (let i = 0; i < 4; i++) runInNewContext('gc')()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
