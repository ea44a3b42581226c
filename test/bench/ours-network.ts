/** A network of whole attested nodes, a process for each, on loopback. */
import { folderOf, nodeFolderOf } from '../../testnet/folder.ts'
import { prepareLayout } from '../../testnet/layout.ts'
import { Worker, type WorkerOptions } from './workers.ts'

const patience = 60_000
/** Messages of one delta under way, as many as the twin has. */
const aloneWindow = 512

export interface OursNetwork {
  readonly workers: readonly Worker[]
  /** Where another node may join: what its `start` takes, for the machine of this number. */
  readonly startOf: (i: number) => Record<string, unknown>
}

/**
 * `nodes` members, converged; `spare` machines more that may join. The first publishes, the rest listen.
 */
export async function openOurs(
  nodes: number,
  path: string,
  { spare = 0, ...load }: WorkerOptions & { readonly spare?: number } = {},
): Promise<OursNetwork> {
  const folder = folderOf(path)
  await prepareLayout(folder, { nodes: nodes + spare, fresh: true })
  const workers: Worker[] = []
  let bootstrap: readonly string[] = []
  const startOf = (i: number): Record<string, unknown> => {
    const { machine } = nodeFolderOf(folder, `node-${i}`)
    return { manifest: folder.manifest, machine, bootstrap, found: i === 0 }
  }
  for (let i = 0; i < nodes; i++) {
    const worker = new Worker('gossip-ours.ts', load)
    workers.push(worker)
    const address = await worker.call<string>('start', startOf(i))
    if (i === 0) bootstrap = [address.replace(/\/p2p\/.*$/, '')]
  }
  await settled(workers, nodes - 1)
  for (const worker of workers.slice(1)) await worker.call('listen')
  return { workers, startOf }
}

/** Waits until every worker sees that many others. */
export async function settled(workers: readonly Worker[], others: number): Promise<void> {
  await until(async () => {
    const ready = await Promise.all(workers.map(worker => worker.call<boolean>('isReady', others)))
    return ready.every(Boolean)
  })
}

/** Publishes `count` deltas as fast as the slowest receiver takes them; `alone`: a message each. */
export async function flood(
  publisher: Worker,
  receivers: readonly Worker[],
  count: number,
  how: 'together' | 'alone' = 'together',
): Promise<void> {
  const call = how === 'alone' ? 'publishAlone' : 'publish'
  const window = how === 'alone' ? aloneWindow : await publisher.call<number>('window')
  for (let sent = 0; sent < count; ) {
    const next = Math.min(window, count - sent)
    await publisher.call(call, { count: next })
    sent += next
    await until(async () => (await slowest(receivers)) >= sent - window)
  }
  await until(async () => (await slowest(receivers)) >= count)
}

async function slowest(receivers: readonly Worker[]): Promise<number> {
  return Math.min(...(await Promise.all(receivers.map(worker => worker.call<number>('received')))))
}

/** Looks every two milliseconds; gives up after a minute. */
export async function until(isDone: () => Promise<boolean>): Promise<void> {
  const start = performance.now()
  while (!(await isDone())) {
    if (performance.now() - start > patience) throw new Error('the bench is stuck')
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
