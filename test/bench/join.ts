/**
 * Goal G12: how long a new node takes to be useful, from its dial to its first live delta and to all of 100,000 keys;
 * the twin, plain gossipsub, from its dial to its first message. Both have made their keys and listen before.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flood, openOurs, settled } from './ours-network.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, Worker } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const nodes = 3
const keys = 100_000

interface Joined {
  readonly firstDeltaMs: number
  readonly wholeMs: number
}

export async function run(): Promise<readonly RatioLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const ours = await openOurs(nodes, folder, { spare: rounds + 1 })
  const plain = Array.from({ length: nodes }, () => new Worker('gossip-plain.ts'))
  const [first, whole, twin]: [number[], number[], number[]] = [[], [], []]
  try {
    const addresses = await Promise.all(plain.map(worker => worker.call<string>('start')))
    for (const [i, worker] of plain.entries()) {
      for (const address of addresses.slice(i + 1)) await worker.call('dial', address)
    }
    await settled(plain, nodes - 1)
    const [publisher, ...receivers] = ours.workers
    const [plainPublisher] = plain
    if (publisher === undefined || plainPublisher === undefined) throw new Error('three nodes')
    await publisher.call('spread', keys)
    await flood(publisher, receivers, keys)
    for (let round = 0; round <= rounds; round++) {
      const joined = await whilePaced(publisher, async () => {
        const worker = new Worker('gossip-ours.ts')
        const times = await worker.call<Joined>('join', { ...ours.startOf(nodes + round), keys })
        await worker.end()
        return times
      })
      const twinMs = await whilePaced(plainPublisher, async () => {
        const worker = new Worker('gossip-plain.ts')
        const ms = await worker.call<number>('join', addresses[0])
        await worker.end()
        return ms
      })
      if (round === 0) continue
      first.push(joined.firstDeltaMs)
      whole.push(joined.wholeMs)
      twin.push(twinMs)
    }
  } finally {
    await Promise.all([...plain, ...ours.workers].map(worker => worker.end()))
    await rm(folder, { recursive: true, force: true })
  }
  return [
    line('milliseconds to the first live delta', { ours: first, twin, boundMs: 50 }),
    line(`milliseconds to all of ${keys} keys`, { ours: whole, twin, boundMs: 400 }),
  ]
}

/** Runs `action` while a hundred deltas a second are published. */
async function whilePaced<T>(publisher: Worker, action: () => Promise<T>): Promise<T> {
  let isOver = false
  const publishing = (async () => {
    while (!isOver) await publisher.call('paced', { count: 20, perSecond: 100 })
  })()
  try {
    return await action()
  } finally {
    isOver = true
    await publishing
  }
}

function line(
  name: string,
  figures: {
    readonly ours: readonly number[]
    readonly twin: readonly number[]
    readonly boundMs: number
  },
): RatioLine {
  const [ours, plain] = [median(figures.ours), median(figures.twin)]
  const { boundMs } = figures
  return {
    goal: 'G12',
    name,
    nodes,
    ours,
    plain,
    ratio: ours / plain,
    bound: `ours <= ${boundMs} ms`,
    met: ours <= boundMs,
  }
}
