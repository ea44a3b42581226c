/**
 * Goal G5: the replica's own parts, without net and seals, beside yjs as a map of the same keys and values: set and
 * encode, apply, bytes and memory. CPU time of ours and of the peers, medians of the rounds. Ours hashes roots besides.
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
import { hasPeers, type PeerFigures, peerFiguresInCpuTime } from './peers.ts'
import { type RatioLine, verdictOf } from './ratio-line.ts'
import { median } from './workers.ts'

const perBatch = 100
const batches = 1000
/** Keys that deltas overwrite, as in the peers' script: a quarter of the writes one by one, a tenth of the batched ones. */
const keysAlone = 5_000
const keysBatched = 10_000
const rounds = Number(process.env['ROUNDS'] ?? 3)
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
  readonly setsAlonePerSecond: number
  readonly appliesAlonePerSecond: number
  readonly bytesAlone: number
  readonly heapPerKey: number
  readonly loadMs: number
}

interface Goal {
  readonly name: string
  readonly ours: (figures: Figures) => number
  /** The peers' word for it. */
  readonly metric: string
  readonly bounds: Readonly<Record<string, number>>
  readonly isAtLeast: boolean
}

const goals: readonly Goal[] = [
  {
    name: 'sets and encodes per CPU second, one by one',
    ours: figures => figures.setsAlonePerSecond,
    metric: 'per_op_set_and_encode',
    bounds: { yjs: 4 },
    isAtLeast: true,
  },
  {
    name: 'applies per CPU second, one by one',
    ours: figures => figures.appliesAlonePerSecond,
    metric: 'per_op_apply',
    bounds: { yjs: 8 },
    isAtLeast: true,
  },
  {
    name: 'sets and encodes per CPU second in batches of 100',
    ours: figures => figures.setsPerSecond,
    metric: 'batched100_set_and_encode',
    bounds: { yjs: 4 },
    isAtLeast: true,
  },
  {
    name: 'applies per CPU second in batches of 100',
    ours: figures => figures.appliesPerSecond,
    metric: 'batched100_apply',
    bounds: { yjs: 8 },
    isAtLeast: true,
  },
  {
    name: 'heap bytes per key with roots hashed',
    ours: figures => figures.heapPerKey,
    metric: 'heap_per_key',
    bounds: { yjs: 0.35 },
    isAtLeast: false,
  },
  {
    name: 'CPU milliseconds to load 100,000 keys',
    ours: figures => figures.loadMs,
    metric: 'snapshot_load_ms',
    bounds: { yjs: 0.45, 'loro-crdt': 0.95 },
    isAtLeast: false,
  },
]

/** One line for each part of the goal and each peer; ours and the peers alternate. */
export async function run(): Promise<readonly RatioLine[]> {
  const withPeers = hasPeers()
  const timed: Omit<Figures, 'heapPerKey'>[] = []
  const peers: PeerFigures[] = []
  for (let round = 0; round <= rounds; round++) {
    const figures = measureTimes()
    // The first round warms up.
    if (round === 0) continue
    timed.push(figures)
    if (!withPeers) continue
    peers.push(await peerFiguresInCpuTime('a-crdt.mjs', ['yjs']))
    peers.push(await peerFiguresInCpuTime('a-crdt.mjs', ['loro']))
  }
  // Last: once a collection was forced here, whatever runs after it takes twice the time.
  const ours = timed.map(figures => ({ ...figures, heapPerKey: measureHeap() }))
  const alone = median(ours.map(figures => figures.bytesAlone))
  const bytes = median(ours.map(figures => figures.bytesPerDelta))
  return [
    ...goals.flatMap(goal => lines(goal, ours, peers)),
    {
      ...{ goal: 'G5', name: 'bytes of a delta alone', nodes: 1, ours: alone },
      ...{ plain: 58, ratio: alone / 58, bound: '<= 58 bytes', met: alone <= 58 },
    },
    {
      ...{ goal: 'G5', name: 'bytes per delta in batches of 100', nodes: 1, ours: bytes },
      ...{ plain: 46, ratio: bytes / 46, bound: '<= 46 bytes', met: bytes <= 46 },
    },
  ]
}

function lines(goal: Goal, all: readonly Figures[], peers: readonly PeerFigures[]): RatioLine[] {
  const { name, isAtLeast } = goal
  return Object.entries(goal.bounds).map(([peer, bound]) => {
    const theirs = peers.map(figures => figures.get(peer)?.get(goal.metric)).filter(isNumber)
    const [ours, plain] = [median(all.map(goal.ours)), median(theirs)]
    const ratio = ours / plain
    const words = `${isAtLeast ? '>=' : '<='} ${bound}x ${peer}`
    const met = verdictOf(ratio, { isAtLeast, bound })
    return {
      goal: 'G5',
      name: `${name}, twin ${peer}`,
      nodes: 1,
      ours,
      plain,
      ratio,
      bound: words,
      met,
    }
  })
}

const isNumber = (value: number | undefined): value is number => value !== undefined

function measureTimes(): Omit<Figures, 'heapPerKey'> {
  const alone = measureDeltas(20_000, 1)
  return {
    loadMs: measureLoad(),
    ...measureDeltas(batches, perBatch),
    setsAlonePerSecond: alone.setsPerSecond,
    appliesAlonePerSecond: alone.appliesPerSecond,
    bytesAlone: alone.bytesPerDelta,
  }
}

function measureDeltas(
  count: number,
  size: number,
): Pick<Figures, 'setsPerSecond' | 'appliesPerSecond' | 'bytesPerDelta'> {
  const [source, target] = [replica(0), replica(1)]
  const sent: Published[] = []
  const value = new Uint8Array(randomBytes(32))
  const among = size === 1 ? keysAlone : keysBatched
  // As in the peers' script: what callers will ask for is there before the clock runs. One turn is one step and one batch.
  const turns = Array.from({ length: count }, () =>
    Array.from({ length: size }, () => writeOf(Math.floor(Math.random() * among), value)),
  )
  // The second in which batches name their commit key for newcomers is over.
  const start = performance.now() - 1_000
  const write = secondsOf(() => {
    for (const writes of turns) {
      // A millisecond of group time takes one of the machine's: so many writes share one, and rise by counters.
      sent.push(...publish(source, writes, Math.floor(performance.now() - start)))
    }
  })
  const end = (performance.now() - start) as Instant
  const apply = secondsOf(() => {
    for (const { sequence, bytes } of sent) {
      target.step({ kind: 'batchReceived', author: nodes[0]!, sequence, bytes }, end)
    }
  })
  const carried = sent.reduce((sum, { bytes }) => sum + parseBatch(bytes).count, 0)
  return {
    setsPerSecond: (count * size) / write,
    appliesPerSecond: carried / apply,
    bytesPerDelta: sent.reduce((sum, { bytes }) => sum + bytes.length, 0) / carried,
  }
}

/** A replica of all keys, its roots hashed. */
function filled(): Replica {
  const big = replica(0)
  const value = new Uint8Array(randomBytes(32))
  for (let at = 0; at < keys; at += perBatch) {
    publish(
      big,
      Array.from({ length: perBatch }, (_, i) => writeOf(at + i, value)),
    )
  }
  big.roots()
  return big
}

function measureHeap(): number {
  const before = memory()
  const big = filled()
  return (memory() - before) / big.entryCount
}

function measureLoad(): number {
  const big = filled()
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
  return load * 1000
}

function writeOf(i: number, value: Uint8Array): AskedWrite {
  const key = `key/${String((i * 7919) % keys).padStart(8, '0')}`
  return { id: i, operation: { kind: 'set', key, value }, ack: 'local' }
}

function publish(source: Replica, writes: readonly AskedWrite[], at = 1): Published[] {
  const effects = source.step({ kind: 'writes', writes }, at as Instant)
  const sent = effects.filter((effect): effect is Published => effect.kind === 'publish')
  for (const { sequence } of sent) source.step({ kind: 'published', sequence }, at as Instant)
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
