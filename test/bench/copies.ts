/**
 * Goal G11, copies: how many needless copies of each message reach a member, ours beside plain gossipsub over
 * the same links, all nodes in one process on loopback. And whether every message reached everybody.
 */
import type { GossipSub } from '@libp2p/gossipsub'
import { utf8 } from '../../src/base/bytes.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { type RealNode, startedNode } from '../fixtures/net-node.ts'
import { plainNode } from './plain-node.ts'
import type { RatioLine } from './ratio-line.ts'

/** `SIZES=5,25` in the environment is a short run. */
const sizes = (process.env['SIZES'] ?? '5,25,100').split(',').map(Number)
/** Nodes that write, and messages of each: before the measurement, and in it. */
const writers = 5
const messages = 20
const patience = 600_000

interface Copies {
  readonly received: number
  readonly duplicates: number
}

export async function run(): Promise<readonly RatioLine[]> {
  const lines: RatioLine[] = []
  for (const size of sizes) lines.push(await compare(size))
  return lines
}

async function compare(size: number): Promise<RatioLine> {
  const { copies, links } = await ours(size)
  const plain = perMessage(await plainOver(size, links))
  const [ownDuplicates, bound] = [perMessage(copies), size > 25 ? 1.5 : 0.2]
  const missing = writers * messages * (size - 1) - copies.received
  if (missing > 0) throw new Error(`${missing} of ours did not arrive`)
  return {
    goal: 'G11',
    name: `duplicates per message, ${links.length} links`,
    nodes: size,
    ours: ownDuplicates,
    plain,
    ratio: ownDuplicates / plain,
    bound: `ours <= ${bound}`,
    met: ownDuplicates <= bound,
  }
}

const perMessage = ({ duplicates, received }: Copies): number => duplicates / received

/** Ours after a warm-up, and who is linked to whom. */
async function ours(
  size: number,
): Promise<{ readonly copies: Copies; readonly links: readonly (readonly [number, number])[] }> {
  const first = await startedNode('copies 0')
  const nodes = [first]
  for (let i = 1; i < size; i++) {
    nodes.push(await startedNode(`copies ${i}`, { bootstrap: [first.address] }))
  }
  const enough = Math.min(size - 1, 8)
  await until(() => nodes.every(node => node.net.connections().length >= enough))
  await gossip(nodes, 'warm up')
  // Who was asked to help while links were still being made is let go after ten seconds.
  await pause(11_000)
  await gossip(nodes, 'warm up again')
  const before = countsOf(nodes)
  await gossip(nodes, 'measured')
  const after = countsOf(nodes)
  const indexOf = new Map<NodeId, number>(nodes.map((node, i) => [node.admission.node, i]))
  const links = nodes.flatMap((node, i) =>
    node.net
      .connections()
      .map(({ node: other }) => [i, indexOf.get(other) ?? i] as const)
      .filter(([from, to]) => from < to),
  )
  await Promise.all(nodes.map(node => node.net.stop()))
  const copies = {
    received: after.received - before.received,
    duplicates: after.duplicates - before.duplicates,
  }
  return { copies, links }
}

async function gossip(nodes: readonly RealNode[], name: string): Promise<void> {
  const start = countsOf(nodes).received
  for (let i = 0; i < messages; i++) {
    for (const from of nodes.slice(0, writers)) {
      await from.net.publish('delta', utf8(`${name} ${i} by ${from.admission.node}`))
    }
    await pause(50)
  }
  const all = writers * messages * (nodes.length - 1)
  await until(() => countsOf(nodes).received - start >= all)
  await pause(500)
}

function countsOf(nodes: readonly RealNode[]): Copies {
  const counts = nodes.map(node => node.net.gossipCounts())
  return {
    received: counts.reduce((sum, { received }) => sum + received, 0),
    duplicates: counts.reduce((sum, { duplicates }) => sum + duplicates, 0),
  }
}

/** Plain gossipsub with its defaults, for a topic of its own, over the same links. */
async function plainOver(
  size: number,
  links: readonly (readonly [number, number])[],
): Promise<Copies> {
  const nodes = await Promise.all(Array.from({ length: size }, plainNode))
  let [received, duplicates] = [0, 0]
  for (const { services } of nodes) {
    services.pubsub.addEventListener('message', () => received++)
    countDuplicates(services.pubsub, () => duplicates++)
    services.pubsub.subscribe('copies')
  }
  for (const [from, to] of links) {
    const address = nodes[to]?.getMultiaddrs()[0]
    if (address !== undefined) await nodes[from]?.dial(address)
  }
  await pause(5_000)
  for (const _ of ['warm up', 'measured']) {
    ;[received, duplicates] = [0, 0]
    for (let i = 0; i < messages; i++) {
      for (const { services } of nodes.slice(0, writers)) {
        await services.pubsub.publish('copies', crypto.getRandomValues(new Uint8Array(256)))
      }
      await pause(50)
    }
    await pause(2_000)
  }
  await Promise.all(nodes.map(node => node.stop()))
  return { received, duplicates }
}

/** Its counter of duplicates is not in gossipsub's types. */
function countDuplicates(pubsub: GossipSub, count: () => void): void {
  const score: unknown = Reflect.get(pubsub, 'score')
  if (!(score instanceof Object)) throw new Error('gossipsub keeps scores')
  Reflect.set(score, 'duplicateMessage', count)
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + patience
  while (!isSo()) {
    if (performance.now() > end) throw new Error('the bench is stuck')
    await pause(50)
  }
}
