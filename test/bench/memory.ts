/** Goal G11, memory: resident bytes of a node beside plain libp2p with gossipsub, idle and after a million deltas. Both are compiled. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtWorkers } from './built.ts'
import { flood, openOurs, settled } from './ours-network.ts'
import type { RatioLine } from './ratio-line.ts'
import { median, Worker } from './workers.ts'

const nodes = 3
const deltas = Number(process.env['DELTAS'] ?? 1_000_000)
/** Rest before memory is read: what was allocated to start is collected by then. */
const restMs = 20_000

export async function run(): Promise<readonly RatioLine[]> {
  const built = builtWorkers()
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const plain = Array.from({ length: nodes }, () => new Worker('gossip-plain.ts', { built }))
  let ours: readonly Worker[] = []
  try {
    const addresses = await Promise.all(plain.map(worker => worker.call<string>('start')))
    for (const [i, worker] of plain.entries()) {
      for (const address of addresses.slice(i + 1)) await worker.call('dial', address)
    }
    await settled(plain, nodes - 1)
    ours = (await openOurs(nodes, folder, { built })).workers
    await rest()
    const [idle, plainIdle] = [await residentMib(ours), await residentMib(plain)]
    const [publisher, ...receivers] = ours
    if (publisher === undefined) throw new Error('three nodes')
    await Promise.all(ours.map(worker => worker.call('reset')))
    await flood(publisher, receivers, deltas)
    await rest()
    const loaded = await residentMib(ours)
    return [
      line('resident MiB of an idle node', { ours: idle, plain: plainIdle, bound: 1.15 }),
      line(`resident MiB after ${deltas} deltas over 10,000 keys, against idle`, {
        ours: loaded,
        plain: idle,
        bound: 1.3,
      }),
    ]
  } finally {
    await Promise.all([...plain, ...ours].map(worker => worker.end()))
    await rm(folder, { recursive: true, force: true })
  }
}

const rest = (): Promise<void> => new Promise(resolve => setTimeout(resolve, restMs))

async function residentMib(workers: readonly Worker[]): Promise<number> {
  const bytes = await Promise.all(workers.map(worker => worker.call<number>('rss')))
  return median(bytes) / 2 ** 20
}

function line(
  name: string,
  figures: { readonly ours: number; readonly plain: number; readonly bound: number },
): RatioLine {
  const { ours, plain, bound } = figures
  const ratio = ours / plain
  return {
    goal: 'G11',
    name,
    nodes,
    ours,
    plain,
    ratio,
    bound: `ratio <= ${bound}`,
    met: ratio <= bound,
  }
}
