/**
 * Our side of the replica bench: one pass in a process of its own, cold, with a collection before keys are loaded, as the
 * peers' script does it. A forced collection makes what follows slower, with all of them.
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
import { serveCalls } from './workers.ts'

const perBatch = 100
const batches = 1000
/** Keys that deltas overwrite, as in the peers' script: a quarter of the writes one by one, a tenth of the batched ones. */
const keysAlone = 5_000
const keysBatched = 10_000
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

export interface Figures {
  readonly setsPerSecond: number
  readonly appliesPerSecond: number
  readonly bytesPerDelta: number
  readonly setsAlonePerSecond: number
  readonly appliesAlonePerSecond: number
  readonly bytesAlone: number
  readonly heapPerKey: number
  readonly loadMs: number
}

function pass(): Figures {
  const alone = measureDeltas(20_000, 1)
  return {
    ...measureDeltas(batches, perBatch),
    heapPerKey: measureHeap(),
    loadMs: measureLoad(),
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

serveCalls({ pass })
