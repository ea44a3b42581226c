/** Ours: a whole attested node; a delta is one `state.set`, encrypted, signed by batch, merged, in the tries. */

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Net } from '../../src/host/net/port.ts'
import { openHost } from '../../src/host/open.ts'
import type { Host } from '../../src/host/port.ts'
import { completeConfig } from '../../src/node/config.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import { createNode } from '../../src/node/node.ts'
import { serveCalls } from './workers.ts'

interface Start {
  readonly manifest: string
  readonly machine: string
  readonly bootstrap: readonly string[]
  readonly found: boolean
}

/** Keys that the writes go over, in turn. */
let keys = 10_000
/** Longest that a delta on its own takes to be handed to gossip. */
const aloneWaitMs = 10_000
let node: CoterieNode | undefined
let latencies: number[] = []
let cpu = process.cpuUsage()
let delivered = 0
let written = 0
let dialledAt = Number.NaN
/** Batches of deltas handed to gossip so far, and word of the next. */
let batches = 0
let batchHanded = Promise.withResolvers<void>()
const watching = new AbortController()

const opened = (): CoterieNode => {
  if (node === undefined) throw new Error('start first')
  return node
}

async function prepared({ manifest, machine, bootstrap, found }: Start): Promise<CoterieNode> {
  const config = completeConfig({
    preset: 'local',
    manifestEnvelope: await readFile(manifest),
    machine,
    bootstrap,
    found,
    foundWait: 200 as never,
    logLevel: 'error',
    writeQueueMax: 100_000,
    watchEventsMax: 100_000,
  })
  const host = await openHost({ ...config, cacheDir: null })
  const openNet: Host['openNet'] = async keysAndHandlers =>
    watched(await host.openNet(keysAndHandlers))
  return createNode({ ...host, openNet }, config)
}

/** Notes when this net began to dial, and each batch that was handed to gossip. */
function watched(net: Net): Net {
  const start: Net['start'] = async signal => {
    await net.start(signal)
    dialledAt = performance.now()
  }
  const publish: Net['publish'] = async (topic, data) => {
    const handed = await net.publish(topic, data)
    if (topic === 'delta') {
      batches++
      batchHanded.resolve()
      batchHanded = Promise.withResolvers<void>()
    }
    return handed
  }
  const ours = new Map<string | symbol, unknown>(Object.entries({ start, publish }))
  return new Proxy(net, {
    get: (target, name) => {
      const member: unknown = ours.get(name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

serveCalls({
  async start(options: Start) {
    node = await prepared(options)
    await node.start()
    return node.status().addresses[0]
  },
  /** Starts and resolves with the milliseconds from the dial until a live delta was applied, and until all keys are here. */
  async join(options: Start & { readonly keys: number }) {
    node = await prepared(options)
    let firstDeltaMs = Number.NaN
    await node.start()
    const changes = node.state.watch({ prefix: 'paced/', signal: watching.signal })
    void (async () => {
      for await (const _ of changes) {
        firstDeltaMs = performance.now() - dialledAt
        return
      }
    })()
    while (Number.isNaN(firstDeltaMs) || node.status().state.entries < options.keys) {
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    return { firstDeltaMs, wholeMs: performance.now() - dialledAt }
  },
  spread(count: number) {
    keys = count
  },
  isReady(others: number) {
    const { phase, members } = opened().status()
    return phase === 'active' && members.active > others && members.live > others
  },
  reset() {
    latencies = []
    delivered = opened().status().state.delivered
    cpu = process.cpuUsage()
  },
  received: () => opened().status().state.delivered - delivered,
  rss: () => process.memoryUsage().rss,
  entries: () => opened().status().state.entries,
  cpuMs() {
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / 1000
  },
  latencies: () => latencies,
  /** From now on notes the latency of what arrives under `paced/`. */
  listen() {
    void (async () => {
      for await (const { entry } of opened().state.watch({
        prefix: 'paced/',
        signal: watching.signal,
      })) {
        if (entry?.kind !== 'register') continue
        const sentAt = new DataView(entry.value.buffer, entry.value.byteOffset).getBigUint64(0)
        latencies.push(Number(process.hrtime.bigint() - sentAt) / 1e6)
      }
    })()
  },
  async publish({ count }: { count: number }) {
    const writes: Promise<unknown>[] = []
    for (let i = 0; i < count; i++) {
      const key = `key/${String(written++ % keys).padStart(8, '0')}`
      writes.push(opened().state.set(key, stamped(32), { ack: 'local' }))
      // A real writer yields now and then; without, nothing is sent until all is written.
      if (i % 256 === 255) await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all(writes)
  },
  /** Writes of 256 bytes with their keys, a message each. */
  async publishAlone({ count }: { count: number }) {
    const before = batches
    for (let i = 0; i < count; i++) {
      const handed = batchHanded.promise
      await opened().state.set(`alone/${String(written++ % keys).padStart(8, '0')}`, stamped(242), {
        ack: 'local',
      })
      // Without a neighbour nothing is handed over.
      const lost = new Error('a delta was handed to nobody')
      await Promise.race([
        handed,
        sleep(aloneWaitMs, undefined, { ref: false }).then(() => Promise.reject(lost)),
      ])
    }
    if (batches - before !== count) throw new Error('not every delta was a message')
  },
  async paced({ count, perSecond }: { count: number; perSecond: number }) {
    const start = performance.now()
    for (let i = 0; i < count; i++) {
      const wait = start + (i * 1000) / perSecond - performance.now()
      if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait))
      await opened().state.set(`paced/${i % keys}`, stamped(248), { ack: 'local' })
    }
  },
  window: () => 8_192,
  async stop() {
    watching.abort()
    await opened().stop()
  },
})

/** A value that differs from the last one and costs next to nothing. */
function stamped(length: number): Uint8Array {
  const value = new Uint8Array(length)
  new DataView(value.buffer).setBigUint64(0, process.hrtime.bigint())
  return value
}
