/**
 * Goal G5: the replica's own parts, without net and seals, beside yjs as a map of the same keys and values: set and
 * encode, apply, bytes and memory. CPU time of ours and of the peers, medians of the rounds. Ours hashes roots besides.
 */
import { hasPeers, type PeerFigures, peerFiguresInCpuTime } from './peers.ts'
import { type RatioLine, verdictOf } from './ratio-line.ts'
import type { Figures } from './replica-ours.ts'
import { median, Worker } from './workers.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)

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
  const ours: Figures[] = []
  const peers: PeerFigures[] = []
  for (let round = 0; round < rounds; round++) {
    const worker = new Worker('replica-ours.ts')
    ours.push(await worker.call<Figures>('pass'))
    await worker.end()
    if (!withPeers) continue
    peers.push(await peerFiguresInCpuTime('a-crdt.mjs', ['yjs']))
    peers.push(await peerFiguresInCpuTime('a-crdt.mjs', ['loro']))
  }
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
