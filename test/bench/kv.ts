/**
 * Goal G4: a replicated key-value store of three nodes beside OrbitDB and autobase with hyperbee, alternating in one
 * run. The peers do more for each put in one respect: they keep a history of signed entries, and autobase writes it to
 * disk. Ours attests, encrypts and acknowledges instead.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtWorkers } from './built.ts'
import { flood, openOurs } from './ours-network.ts'
import { hasPeers, type PeerFigures, peerFigures } from './peers.ts'
import { type RatioLine, verdictOf } from './ratio-line.ts'
import { median, quantile, type Worker } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const puts = 200_000

interface Goal {
  readonly name: string
  readonly ours: readonly number[]
  readonly metric: string
  readonly bounds: Readonly<Record<string, number>>
  readonly isAtLeast: boolean
}

/** One line for each peer and goal. */
export async function run(): Promise<readonly RatioLine[]> {
  const withPeers = hasPeers()
  const folder = await mkdtemp(join(tmpdir(), 'coterie-bench-'))
  const { workers } = await openOurs(3, folder, { built: builtWorkers() })
  const [perSecond, p50, p99, rss]: number[][] = [[], [], [], []]
  const peers: PeerFigures[] = []
  try {
    for (let round = 0; round <= rounds; round++) {
      const figures = await measure(workers)
      // The first round warms up.
      if (round === 0) continue
      perSecond?.push(figures.perSecond)
      p50?.push(figures.p50)
      p99?.push(figures.p99)
      rss?.push(figures.rssMib)
      if (!withPeers) continue
      peers.push(await peerFigures('c-orbitdb.mjs'), await peerFigures('c-autobase.mjs'))
    }
  } finally {
    await Promise.all(workers.map(worker => worker.end()))
    await rm(folder, { recursive: true, force: true })
  }
  const [orbit, autobase] = ['@orbitdb/core', 'autobase']
  return [
    ...lines(peers, {
      name: 'replicated puts per second',
      ours: perSecond ?? [],
      metric: 'flood_replicated_s',
      bounds: { [orbit]: 500, [autobase]: 1500 },
      isAtLeast: true,
    }),
    ...lines(peers, {
      name: 'milliseconds until visible at both others, p50',
      ours: p50 ?? [],
      metric: 'visible_p50_ms',
      bounds: { [orbit]: 0.35 },
      isAtLeast: false,
    }),
    ...lines(peers, {
      name: 'milliseconds until visible at both others, p99',
      ours: p99 ?? [],
      metric: 'visible_p99_ms',
      bounds: { [orbit]: 0.5 },
      isAtLeast: false,
    }),
    ...lines(peers, {
      name: 'resident MiB of a node',
      ours: rss ?? [],
      metric: 'rss_mib',
      bounds: { [orbit]: 0.5 },
      isAtLeast: false,
    }),
  ]
}

async function measure(workers: readonly Worker[]): Promise<{
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly rssMib: number
}> {
  const [publisher, ...receivers] = workers
  if (publisher === undefined) throw new Error('three nodes')
  await Promise.all(workers.map(worker => worker.call('reset')))
  const start = performance.now()
  await flood(publisher, receivers, puts)
  const perSecond = (puts * 1000) / (performance.now() - start)
  await new Promise(resolve => setTimeout(resolve, 1000))
  await Promise.all(workers.map(worker => worker.call('reset')))
  await publisher.call('paced', { count: 200, perSecond: 40 })
  await new Promise(resolve => setTimeout(resolve, 200))
  const latencies = await Promise.all(receivers.map(worker => worker.call<number[]>('latencies')))
  const rss = await Promise.all(workers.map(worker => worker.call<number>('rss')))
  return {
    perSecond,
    p50: quantile(latencies.flat(), 0.5),
    p99: quantile(latencies.flat(), 0.99),
    rssMib: median(rss) / 2 ** 20,
  }
}

function lines(peers: readonly PeerFigures[], goal: Goal): RatioLine[] {
  return Object.entries(goal.bounds).map(([peer, bound]) => {
    const theirs = peers.map(figures => figures.get(peer)?.get(goal.metric)).filter(isNumber)
    const [ours, plain] = [median(goal.ours), median(theirs)]
    const ratio = ours / plain
    const met = verdictOf(ratio, { isAtLeast: goal.isAtLeast, bound })
    const text = `ratio ${goal.isAtLeast ? '>=' : '<='} ${bound}`
    return {
      goal: 'G4',
      name: `${goal.name}, twin ${peer}`,
      nodes: 3,
      ours,
      plain,
      ratio,
      bound: text,
      met,
    }
  })
}

const isNumber = (value: number | undefined): value is number => value !== undefined
