/**
 * Goals G2 and G11: deltas of ours against messages of plain signed gossipsub, alternating in one run, a process for
 * each node, full mesh on loopback. Ours does more for each delta: attested links, encryption, replay
 * protection, merge, both tries. G3: the same with a message for each delta, written once the one before was handed over.
 * G13: the same as G2 beside ours with AES-256-GCM of envelopes and frames, Ed25519 of batches, beats and statements, and
 * the replay window put out of effect. Attestation runs by connection, in both.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flood, openOurs, settled } from './ours-network.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, quantile, Worker } from './workers.ts'

interface Side {
  readonly name: 'plain' | 'ours' | 'unprotected'
  readonly workers: readonly Worker[]
  /** Deltas in one flood: chosen to take about a second. */
  readonly count: number
  readonly perSecond: number[]
  readonly cpuMicroseconds: number[]
  readonly alonePerSecond: number[]
  readonly aloneMicroseconds: number[]
  readonly paced50: number[]
  readonly paced99: number[]
}

/** `ROUNDS=2 NODES=3` in the environment is a short run; the figures that count are of the whole one. */
const rounds = Number(process.env['ROUNDS'] ?? 5)
/** Messages of one flood of single deltas. */
const aloneCount = Number(process.env['ALONE'] ?? 2_000)
const sizes = (process.env['NODES'] ?? '3,8').split(',').map(Number)

/** Runs the bench for 3 and 8 nodes; one line for each ratio, and one for how CPU per delivery grows between them. */
export async function run(): Promise<readonly RatioLine[]> {
  const lines: RatioLine[] = []
  for (const nodes of sizes) lines.push(...(await compare(nodes)))
  return [...lines, ...growth(lines)]
}

async function compare(nodes: number): Promise<readonly RatioLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const sides: Side[] = []
  try {
    sides.push(side('plain', await openPlain(nodes), nodes === 3 ? 2_000 : 500))
    sides.push(
      side('ours', (await openOurs(nodes, folder)).workers, nodes === 3 ? 200_000 : 50_000),
    )
    if (nodes === 3) {
      const unprotected = await openOurs(nodes, join(folder, 'off'), {
        before: './off-register.ts',
      })
      sides.push(side('unprotected', unprotected.workers, 200_000))
    }
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
  alonePerSecond: [],
  aloneMicroseconds: [],
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
  const together = await flooded(workers, count, 'together')
  if (counts) {
    side.perSecond.push(together.perSecond)
    side.cpuMicroseconds.push(together.cpuMicroseconds)
  }
  if (side.name === 'unprotected') return
  const alone = side.name === 'ours' ? await flooded(workers, aloneCount, 'alone') : together
  await Promise.all(workers.map(worker => worker.call('reset')))
  await publisher.call('paced', { count: 200, perSecond: 100 })
  await new Promise(resolve => setTimeout(resolve, 200))
  const latencies = (
    await Promise.all(receivers.map(worker => worker.call<number[]>('latencies')))
  ).flat()
  if (!counts) return
  side.alonePerSecond.push(alone.perSecond)
  side.aloneMicroseconds.push(alone.cpuMicroseconds)
  side.paced50.push(quantile(latencies, 0.5))
  side.paced99.push(quantile(latencies, 0.99))
}

async function flooded(
  workers: readonly Worker[],
  count: number,
  how: 'together' | 'alone',
): Promise<{ readonly perSecond: number; readonly cpuMicroseconds: number }> {
  const [publisher, ...receivers] = workers
  if (publisher === undefined) throw new Error('nobody publishes')
  await Promise.all(workers.map(worker => worker.call('reset')))
  const start = performance.now()
  await flood(publisher, receivers, count, how)
  const perSecond = (count * 1000) / (performance.now() - start)
  const cpu = await Promise.all(workers.map(worker => worker.call<number>('cpuMs')))
  const cpuMs = cpu.reduce((sum, each) => sum + each, 0)
  return { perSecond, cpuMicroseconds: (cpuMs * 1000) / (count * receivers.length) }
}

interface Row {
  readonly goal: string
  readonly name: string
  readonly twin: 'plain' | 'unprotected'
  readonly pick: (side: Side) => readonly number[]
  readonly text: string
  readonly holds: (ratio: number, ours: number) => boolean
}

const plainRow = { goal: 'G2', twin: 'plain' } as const
const aloneRow = { goal: 'G3', twin: 'plain' } as const
const unprotectedRow = { goal: 'G13', twin: 'unprotected' } as const
const off = 'twin without AEAD, signatures and replay window'

const cpuPerDelivery = 'CPU microseconds per delivery'

const rows: readonly Row[] = [
  {
    ...{ ...plainRow, name: 'deltas per second', pick: side => side.perSecond },
    ...{ text: 'ratio >= 100', holds: ratio => ratio >= 100 },
  },
  {
    ...{ ...plainRow, name: cpuPerDelivery, pick: side => side.cpuMicroseconds },
    ...{ text: 'ours <= 4', holds: (_, ours) => ours <= 4 },
  },
  {
    ...{ ...plainRow, name: 'milliseconds to delivery at 100 a second, p50' },
    ...{ pick: side => side.paced50, text: 'ratio <= 1.1', holds: ratio => ratio <= 1.1 },
  },
  {
    ...{ ...plainRow, name: 'milliseconds to delivery at 100 a second, p99' },
    ...{ pick: side => side.paced99, text: 'ratio <= 1.5', holds: ratio => ratio <= 1.5 },
  },
  {
    ...{ ...aloneRow, name: 'deltas of 256 bytes per second, a message each' },
    ...{ pick: side => side.alonePerSecond, text: 'ratio >= 1.5', holds: ratio => ratio >= 1.5 },
  },
  {
    ...{ ...aloneRow, name: 'CPU microseconds per delivery, a message each' },
    ...{ pick: side => side.aloneMicroseconds, text: 'ratio <= 0.6', holds: ratio => ratio <= 0.6 },
  },
  {
    ...{ ...unprotectedRow, name: `deltas per second, ${off}`, pick: side => side.perSecond },
    ...{ text: 'ratio >= 0.9', holds: ratio => ratio >= 0.9 },
  },
  {
    ...{ ...unprotectedRow, name: `CPU microseconds per delivery, ${off}` },
    ...{ pick: side => side.cpuMicroseconds, text: 'ratio <= 1.1', holds: ratio => ratio <= 1.1 },
  },
]

/** From the smallest to the largest network; none where only one was measured. */
function growth(lines: readonly RatioLine[]): readonly RatioLine[] {
  const costs = lines.filter(({ name }) => name === cpuPerDelivery)
  const [least, most] = [costs[0], costs.at(-1)]
  if (least === undefined || most === undefined || least === most) return []
  const [ours, plain] = [most.ours / least.ours, most.plain / least.plain]
  const name = `CPU per delivery, times that of ${least.nodes} nodes`
  const { nodes } = most
  const met = ours <= 1.3
  return [{ goal: 'G11', name, nodes, ours, plain, ratio: ours / plain, bound: 'ours <= 1.3', met }]
}

function judged(nodes: number, sides: readonly Side[]): readonly RatioLine[] {
  const figureOf = (name: Side['name'], { pick }: Row): number =>
    median(sides.filter(side => side.name === name).flatMap(pick))
  const measured = rows.filter(({ twin }) => sides.some(({ name }) => name === twin))
  return measured.map(row => {
    const { goal, name, text: bound } = row
    const [ours, plain] = [figureOf('ours', row), figureOf(row.twin, row)]
    const ratio = ours / plain
    return { goal, name, nodes, ours, plain, ratio, bound, met: row.holds(ratio, ours) }
  })
}
