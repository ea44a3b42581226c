/** The twin: plain libp2p gossipsub with its own signatures, one message a delta, as it comes. */

import { multiaddr } from '@multiformats/multiaddr'
import { plainNode } from './plain-node.ts'
import { serveCalls } from './workers.ts'

const topic = 'bench'
/** Messages under way before the publisher pauses for the receivers. */
const window = 512

let node: Awaited<ReturnType<typeof plainNode>> | undefined
let received = 0
let latencies: number[] = []
let cpu = process.cpuUsage()

const opened = () => {
  if (node === undefined) throw new Error('start first')
  return node
}

serveCalls({
  /** Dials and subscribes; resolves with the milliseconds until the first message arrives. */
  async join(address: string) {
    node = await plainNode()
    const arrived = Promise.withResolvers<void>()
    node.services.pubsub.addEventListener('message', () => arrived.resolve())
    const begun = performance.now()
    await node.dial(multiaddr(address))
    node.services.pubsub.subscribe(topic)
    await arrived.promise
    return performance.now() - begun
  },
  async start() {
    node = await plainNode()
    node.services.pubsub.addEventListener('message', event => {
      received++
      const { data } = event.detail
      const sentAt = new DataView(data.buffer, data.byteOffset).getBigUint64(0)
      latencies.push(Number(process.hrtime.bigint() - sentAt) / 1e6)
    })
    node.services.pubsub.subscribe(topic)
    return node.getMultiaddrs()[0]?.toString()
  },
  dial: async (address: string) => {
    await opened().dial(multiaddr(address))
  },
  isReady: (others: number) => opened().services.pubsub.getSubscribers(topic).length >= others,
  reset() {
    received = 0
    latencies = []
    cpu = process.cpuUsage()
  },
  received: () => received,
  rss: () => process.memoryUsage().rss,
  cpuMs() {
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / 1000
  },
  latencies: () => latencies,
  /** Publishes `count` messages from number `from` on; the parent keeps the window by calling again. */
  async publish({ count }: { count: number }) {
    for (let i = 0; i < count; i++) await publishOne()
  },
  async paced({ count, perSecond }: { count: number; perSecond: number }) {
    const start = performance.now()
    for (let i = 0; i < count; i++) {
      const wait = start + (i * 1000) / perSecond - performance.now()
      if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait))
      await publishOne()
    }
  },
  window: () => window,
  stop: () => opened().stop(),
})

async function publishOne(): Promise<void> {
  const data = new Uint8Array(256)
  new DataView(data.buffer).setBigUint64(0, process.hrtime.bigint())
  await opened().services.pubsub.publish(topic, data)
}
