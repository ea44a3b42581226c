/**
 * Goal G2: deltas of ours against messages of plain signed gossipsub, alternating in one run, a process for
 * each node, full mesh on loopback. Ours does more for each delta: attested links, encryption, replay
 * protection, merge, both tries.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flood, openOurs, settled } from './ours-network.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, quantile, Worker } from './workers.ts'

interface Side {
  readonly name: 'plain' | 'ours'
  readonly workers: readonly Worker[]
  /** Deltas in one flood: chosen to take about a second. */
  readonly count: number
  readonly perSecond: number[]
  readonly cpuMicroseconds: number[]
  readonly paced50: number[]
  readonly paced99: number[]
}

/** `ROUNDS=2 NODES=3` in the environment is a short run; the figures that count are of the whole one. */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const sizes = (process.env['NODES'] ?? '3,8').split(',').map(Number)

/** Runs the bench for 3 and 8 nodes; one line for each ratio. */
export async function run(): Promise<readonly RatioLine[]> {
  const lines: RatioLine[] = []
  for (const nodes of sizes) lines.push(...(await compare(nodes)))
  return lines
}

async function compare(nodes: number): Promise<readonly RatioLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const sides: Side[] = []
  try {
    sides.push(side('plain', await openPlain(nodes), nodes === 3 ? 2_000 : 500))
    sides.push(
      side('ours', (await openOurs(nodes, folder)).workers, nodes === 3 ? 200_000 : 50_000),
    )
    for (let round = 0; round <= rounds; round++) {
      for (const each of sides) await measure(each, round > 0)
    }
    return judged(nodes, sides)
  } finally {
    for (const { workers } of sides) await Promise.all(workers.map(worker => worker.end()))
    await rm(folder, { recursive: true, force: true })
  }
}

const side = (name: Side['name'], workers: readonly Worker[], count: number): Side => ({
  name,
  workers,
  count,
  perSecond: [],
  cpuMicroseconds: [],
  paced50: [],
  paced99: [],
})

async function openPlain(nodes: number): Promise<readonly Worker[]> {
  const workers = Array.from({ length: nodes }, () => new Worker('gossip-plain.ts'))
  const addresses = await Promise.all(workers.map(worker => worker.call<string>('start')))
  for (const [i, worker] of workers.entries()) {
    for (const address of addresses.slice(i + 1)) await worker.call('dial', address)
  }
  await settled(workers, Math.min(nodes - 1, 4))
  return workers
}

async function measure(side: Side, counts: boolean): Promise<void> {
  const { workers, count } = side
  const [publisher, ...receivers] = workers
  if (publisher === undefined) return
  await Promise.all(workers.map(worker => worker.call('reset')))
  const start = performance.now()
  await flood(publisher, receivers, count)
  const took = performance.now() - start
  const cpu = await Promise.all(workers.map(worker => worker.call<number>('cpuMs')))
  const deliveries = count * receivers.length
  await Promise.all(workers.map(worker => worker.call('reset')))
  await publisher.call('paced', { count: 200, perSecond: 100 })
  await new Promise(resolve => setTimeout(resolve, 200))
  const latencies = (
    await Promise.all(receivers.map(worker => worker.call<number[]>('latencies')))
  ).flat()
  if (!counts) return
  side.perSecond.push((count * 1000) / took)
  side.cpuMicroseconds.push((cpu.reduce((sum, each) => sum + each, 0) * 1000) / deliveries)
  side.paced50.push(quantile(latencies, 0.5))
  side.paced99.push(quantile(latencies, 0.99))
}

function judged(nodes: number, sides: readonly Side[]): readonly RatioLine[] {
  const [plain, ours] = sides
  if (plain === undefined || ours === undefined) return []
  const line = (
    name: string,
    pick: (side: Side) => readonly number[],
    bound: { readonly text: string; readonly holds: (ratio: number, ours: number) => boolean },
  ): RatioLine => {
    const [left, right] = [median(pick(ours)), median(pick(plain))]
    const ratio = left / right
    const met = bound.holds(ratio, left)
    return { goal: 'G2', name, nodes, ours: left, plain: right, ratio, bound: bound.text, met }
  }
  return [
    line('deltas per second', side => side.perSecond, {
      text: 'ratio >= 100',
      holds: ratio => ratio >= 100,
    }),
    line('CPU microseconds per delivery', side => side.cpuMicroseconds, {
      text: 'ours <= 4',
      holds: (_, ours) => ours <= 4,
    }),
    line('milliseconds to delivery at 100 a second, p50', side => side.paced50, {
      text: 'ratio <= 1.1',
      holds: ratio => ratio <= 1.1,
    }),
    line('milliseconds to delivery at 100 a second, p99', side => side.paced99, {
      text: 'ratio <= 1.5',
      holds: ratio => ratio <= 1.5,
    }),
  ]
}
