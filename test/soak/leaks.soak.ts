/**
 * Real nodes under load while others come and go: nothing grows. `MINUTES=60 npm run test:soak` runs an hour.
 *
 * Three nodes are measured and never die; two are killed and restarted, so that the measured ones meet a new
 * identity every half minute. The heap is measured after a full collection: what grows there is kept by somebody.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeSlot } from '../../testnet/network.ts'
import type { VitalSigns } from '../../testnet/vitals.ts'
import { fitLine, median, quantile } from './linear-fit.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { Writers } from './writers.ts'

const minutes = asked('MINUTES', 3)
const measured = 3
const churnInterval = 30_000
const sampleInterval = 5_000
/** A node that starts compiles code, fills caches and meets its members: the first third is not judged. */
const warmUpShare = 1 / 3
/** Bytes that the kept heap may grow in the judged time, beyond three standard errors: a leak does not stop there. */
const growthMax = 16 * 1024 * 1024
/** More or fewer connections than before come from double dials that are about to close. */
const strayMax = 6

test(`${minutes} min of load and churn leave heap, handles and timers where they were`, async task => {
  const network = await LiveNetwork.start({ nodes: 5, vitals: { collect: true } })
  onTestFinished(() => network.stop(task.task.result?.state === 'fail'))
  const stable = network.nodes().slice(0, measured)
  const samples = new Map<string, VitalSigns[]>(stable.map(({ name }) => [name, []]))
  const rest = await atRest(network, stable)
  const load = { prefix: 'soak/', ack: 1, pause: 20, keys: 200 }
  const writers = new Writers(network.nodes(), load)
  const end = performance.now() + minutes * 60_000
  const churned = churn(network, end)
  // Awaited at the end: what fails before must not end the process in the middle of a measurement.
  churned.catch(() => undefined)
  while (performance.now() < end) {
    await wait(sampleInterval)
    for (const slot of stable) {
      const signs = await network.testnet.vitalsOf(slot)
      const kept = samples.get(slot.name)
      if (signs !== undefined && signs.at !== kept?.at(-1)?.at) kept?.push(signs)
    }
    if (samples.get('node-0')!.length % 24 === 0) tell(samples)
  }
  const deaths = await churned
  await writers.stop()
  await network.whole(writers, 'soak/')
  tell(samples)
  const after = await atRest(network, stable, rest)
  say(`${deaths} deaths; at rest before ${rest.join(' | ')}; after ${after.join(' | ')}`)
  expect(network.ends).toEqual([])
  expect(deaths).toBeGreaterThan(0)
  for (const [name, signs] of samples) expectNoGrowth(name, judged(signs))
  rest.forEach((before, index) => {
    expect(after[index]!.open - before.open, 'handles').toBeLessThanOrEqual(strayMax)
    expect(after[index]!.timers - before.timers, 'timers').toBeLessThanOrEqual(strayMax)
  })
})

/** Kills one of the two that are not measured, and starts it again. */
async function churn(network: LiveNetwork, end: number): Promise<number> {
  const draws = network.draws('churn')
  for (let deaths = 0; ; deaths++) {
    await wait(Math.min(churnInterval, Math.max(0, end - performance.now())))
    if (performance.now() >= end) return deaths
    const victim = draws.pick(network.nodes().slice(measured))
    await network.testnet.killNode(victim)
    await wait(draws.below(5_000))
    await network.testnet.startNode(victim)
    await network.complete()
  }
}

class Rest {
  readonly open: number
  readonly timers: number
  constructor({ resources }: VitalSigns) {
    this.timers = resources['Timeout'] ?? 0
    this.open = Object.entries(resources)
      .filter(([kind]) => kind.startsWith('TCP') || kind.startsWith('Pipe'))
      .reduce((sum, [, count]) => sum + count, 0)
  }
  isNear(before: Rest): boolean {
    return this.open - before.open <= strayMax && this.timers - before.timers <= strayMax
  }
  orLess(other: Rest | undefined): Rest {
    const isLess = other === undefined || this.open + this.timers < other.open + other.timers
    return isLess ? this : other
  }
  toString(): string {
    return `${this.open} handles, ${this.timers} timers`
  }
}

/** Seconds in which what comes and goes may go: redials of the last dead, connections that callers kept open. */
const restMin = 10
const restMax = 120

/** The least of some seconds without load. With `before`: of as many as it takes to be back there, if it ever is. */
async function atRest(
  network: LiveNetwork,
  slots: readonly NodeSlot[],
  before?: readonly Rest[],
): Promise<Rest[]> {
  await network.converged()
  const least: (Rest | undefined)[] = slots.map(() => undefined)
  const isBack = (): boolean =>
    before === undefined || before.every((rest, index) => least[index]?.isNear(rest) === true)
  for (let look = 0; look < restMin || (look < restMax && !isBack()); look++) {
    await wait(1_000)
    for (const [index, slot] of slots.entries()) {
      const signs = await network.testnet.vitalsOf(slot)
      if (signs !== undefined) least[index] = new Rest(signs).orLess(least[index])
    }
  }
  return least.map(rest => rest!)
}

function judged(signs: readonly VitalSigns[]): VitalSigns[] {
  return signs.slice(Math.floor(signs.length * warmUpShare))
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
const hour = 3_600_000

function tell(samples: ReadonlyMap<string, readonly VitalSigns[]>): void {
  for (const [name, all] of samples) {
    const signs = judged(all)
    if (signs.length < 3) continue
    const heap = fitLine(signs.map(({ at, heapKept }) => [at, heapKept]))
    const rss = fitLine(signs.map(({ at, rss }) => [at, rss]))
    const lag = quantile(
      signs.map(({ lagMs }) => lagMs.p99),
      0.99,
    )
    say(
      `${name}: heap ${megabytes(median(signs.map(({ heapKept }) => heapKept)))} MB, ${megabytes(heap.slope * hour)} ± ${megabytes(heap.error * hour)} MB/h; rss ${megabytes(signs.at(-1)!.rss)} MB, ${megabytes(rss.slope * hour)} ± ${megabytes(rss.error * hour)} MB/h; lag p99 ${lag.toFixed(0)} ms`,
    )
  }
}

function expectNoGrowth(name: string, signs: readonly VitalSigns[]): void {
  const { slope, error } = fitLine(signs.map(({ at, heapKept }) => [at, heapKept]))
  const span = signs.at(-1)!.at - signs[0]!.at
  expect((slope - 3 * error) * span, `heap growth of ${name} in bytes`).toBeLessThan(growthMax)
}
