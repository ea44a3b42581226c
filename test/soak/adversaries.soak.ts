/**
 * One node of five is an attacker, let in by a real machine of the network, or a stranger with sockets; the honest
 * ones go on. `SECONDS=60 HONEST=12 ATTACKERS=3 npm run test:adversaries` attacks longer and in greater number.
 *
 * The nodes run with the limits of preset `lan`: those of `local` are for benches and let one neighbour say all.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Behaviour, strangerBehaviours } from '../../testnet/adversaries/behaviours.ts'
import { makeFolder } from '../../testnet/folder.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { sibling } from '../../testnet/processes.ts'
import type { VitalSigns } from '../../testnet/vitals.ts'
import { median, quantile } from './linear-fit.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { keysUnder, lossesOf, Writers } from './writers.ts'

const seconds = asked('SECONDS', 8)
const honestCount = asked('HONEST', 4)
const attackerCount = asked('ATTACKERS', 1)
/** Milliseconds that timers should be late at most; said and not judged, because other work makes them late too. */
const lagGoal = 200
/** Bytes that an attack may add to a node. */
const growthMax = 100 * 2 ** 20
const deliveryMin = 0.99

const attacks: readonly (readonly Behaviour[])[] = [
  ['half-open', 'slow-frames', 'noise'],
  ['flood'],
  ['garbage'],
  ['oversize'],
  ['replay', 'stale-keys'],
  ['ihave', 'graft'],
  ['future-stamps', 'same-stamp'],
  // Alone: the first one bans who sent it, and nobody would see what it says beside.
  ['forged-slots'],
  ['identities'],
]

let network: LiveNetwork
let attackers: NodeSlot[]
let hasFailed = false

beforeAll(async () => {
  const options = {
    nodes: honestCount,
    extras: attackerCount * attacks.length,
    preset: 'lan',
  } as const
  network = await LiveNetwork.start({ ...options, vitals: { collect: false } })
  const writers = new Writers(network.nodes(), { prefix: 'calm/', ack: 1, pause: 20 })
  const calm = await watch(seconds)
  await writers.stop()
  say(`calm: ${calm}`)
}, 600_000)

afterAll(() => network.stop(hasFailed), 60_000)

test.each(attacks.map(each => [each.join(', '), each] as const))(
  `honest nodes work on under %s, and are well again after it`,
  async (name, behaviours) => {
    try {
      await siege(name, behaviours)
    } catch (error) {
      hasFailed = true
      throw error
    }
  },
)

async function siege(name: string, behaviours: readonly Behaviour[]): Promise<void> {
  const prefix = `under/${behaviours[0]}/`
  const began = network.testnet.relays.links()
  // Of now: a young node grows by itself until its caches are warm.
  const before = await watch(1)
  await attack(behaviours)
  const writers = new Writers(network.nodes(), { prefix, ack: 1, pause: 20 })
  const health = await watch(seconds)
  await writers.stop()
  const tried = writers.acknowledged.union(writers.unknown).size
  const held = await deliveredOf(writers, prefix)
  const bytes = bytesOfAttackers() - bytesOfAttackers(began)
  if (isMember(behaviours)) expect(bytes, 'bytes of the attackers').toBeGreaterThan(10_000)
  await Promise.all(attackers.map(slot => network.testnet.killNode(slot)))
  const stopped = performance.now()
  await network.converged()
  const recovery = (performance.now() - stopped) / 1000
  say(
    `${name}: ${held} of ${tried} writes everywhere, ${[...writers.codes].join(' ') || 'none refused'}, slowest ${Math.max(...writers.latencies).toFixed(0)} ms; ${health}; ${(bytes / 2 ** 20).toFixed(1)} MB from attackers; one root ${recovery.toFixed(1)} s after they stopped`,
  )
  expect(held / tried, 'share of honest writes that reached everybody').toBeGreaterThanOrEqual(
    deliveryMin,
  )
  expect(health.rss - before.rss, 'bytes of memory that the attack added').toBeLessThan(growthMax)
  expect(network.ends, 'honest nodes that ended').toEqual([])
  expect(await lossesOf(network.nodes(), writers, prefix)).toEqual([])
}

/** Starts the attackers and lets each become a member that has written something of its own. */
async function attack(behaviours: readonly Behaviour[]): Promise<void> {
  const { testnet, folder, layout } = network
  const targets = await Promise.all(network.nodes().map(ownPort))
  const program = [
    fileURLToPath(sibling('adversaries/adversary')),
    ...['--behaviour', behaviours.join(','), '--targets', targets.join(',')],
  ]
  // A machine each: one that misbehaved before stays banned for a while, with all its identities.
  attackers = []
  for (let index = 0; index < attackerCount; index++) {
    const name = `adversary-${behaviours[0]}-${index}`
    const path = join(folder.nodes, name)
    await makeFolder(path)
    const machine = join(path, 'machine.json')
    await layout.hardware.issue(machine)
    const { manifest } = folder
    attackers.push(await testnet.startExtra({ name, manifest, machine, program }))
  }
  if (isMember(behaviours)) await Promise.all(attackers.map(prime))
}

const isMember = (behaviours: readonly Behaviour[]): boolean =>
  behaviours.some(each => !strangerBehaviours.some(other => other === each))

/** Behind its relay: whoever opens sockets by the hundred would only find out what the relay can take. */
async function ownPort({ api, name }: NodeSlot): Promise<number> {
  const { listening } = await api.status()
  const port = /tcp\/(\d+)/.exec(listening[0] ?? '')?.[1]
  if (port === undefined) throw new Error(`${name} listens nowhere`)
  return Number(port)
}

/** Waits until it is in and has written: its own writes are what it forges from. */
async function prime(slot: NodeSlot): Promise<void> {
  const patience = AbortSignal.timeout(120_000)
  const value = { text: 'of the attacker' }
  for (;;) {
    const refusal = await slot.api.set('attacker', value).then(() => undefined, String)
    if (refusal === undefined) return
    if (patience.aborted) throw new Error(`the attacker never got in: ${refusal}`)
    await wait(250)
  }
}

class Health {
  /** Milliseconds: of the p99 of each second and node, the 90th percentile. */
  readonly lag: number
  /** Bytes, of the largest node. */
  readonly rss: number
  readonly #typical: number
  readonly #work: number
  /** Per cent of one processor, of the busiest node: other work on the machine does not change it much. */
  readonly #cpu: number

  constructor(
    { lags, works }: Record<'lags' | 'works', readonly number[]>,
    { rss, cpu }: { readonly rss: number; readonly cpu: number },
  ) {
    this.lag = quantile(lags, 0.9)
    this.#typical = median(lags)
    this.#work = quantile(works, 0.9)
    this.rss = rss
    this.#cpu = cpu
  }

  toString(): string {
    const rss = (this.rss / 2 ** 20).toFixed(0)
    const verdict = this.lag > lagGoal ? `over the goal of ${lagGoal} ms` : 'within the goal'
    return `lag p99 of a second: median ${this.#typical.toFixed(0)} ms, 90 % ${this.lag.toFixed(0)} ms, ${verdict}, own work in one go ${this.#work.toFixed(0)} ms; ${this.#cpu.toFixed(0)} % of a processor at the busiest; rss ${rss} MB at most`
  }
}

async function watch(span: number): Promise<Health> {
  const lags: number[] = []
  const works: number[] = []
  const [first, last] = [new Map<NodeSlot, VitalSigns>(), new Map<NodeSlot, VitalSigns>()]
  let rss = 0
  for (let second = 0; second < span; second++) {
    await wait(1_000)
    for (const slot of network.nodes()) {
      const signs = await network.testnet.vitalsOf(slot)
      if (signs === undefined) continue
      lags.push(signs.lagMs.p99)
      works.push(signs.workMaxMs)
      if (!first.has(slot)) first.set(slot, signs)
      last.set(slot, signs)
      rss = Math.max(rss, signs.rss)
    }
  }
  const shares = [...first].map(([slot, from]) => {
    const to = last.get(slot) ?? from
    return (100 * (to.cpuMs - from.cpuMs)) / Math.max(1, to.at - from.at)
  })
  return new Health({ lags, works }, { rss, cpu: Math.max(...shares) })
}

/** How many of all tried writes every honest node holds soon after: one without an answer may be there all the same. */
async function deliveredOf(writers: Writers, prefix: string): Promise<number> {
  const tried = writers.acknowledged.union(writers.unknown)
  let least = 0
  for (let second = 0; second < 10; second++) {
    const held = await Promise.all(network.nodes().map(slot => keysUnder(slot, prefix)))
    least = Math.min(...held.map(keys => tried.intersection(keys).size))
    if (least === tried.size) return least
    await wait(1_000)
  }
  return least
}

function bytesOfAttackers(links = network.testnet.relays.links()): number {
  return links
    .filter(({ from, to }) => [from, to].some(name => name.startsWith('adversary-')))
    .reduce((sum, { bytesForth, bytesBack }) => sum + bytesForth + bytesBack, 0)
}
