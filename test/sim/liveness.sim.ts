/** The failure detector over many seeds: schedules of loss, delay, partition, stall and crash. */
import { expect, test } from 'vitest'
import { milliseconds } from '../../src/base/time.ts'
import { BeatNetwork, interval, seededRandom } from '../fakes/beat-network.ts'

const seeds = Number(process.env['SEEDS'] ?? 20)
const intervals = (count: number): ReturnType<typeof milliseconds> => milliseconds(count * interval)
const everySeed = Array.from({ length: seeds }, (_, seed) => seed + 1000)

test.each(everySeed)('seed %i: nobody is called dead in 100,000 beats over bad links', seed => {
  const random = seededRandom(seed)
  const loss = random.next() * 0.05
  const link = (): number | 'lost' => {
    const draw = random.next()
    if (draw < loss) return 'lost'
    return draw < 0.1 ? random.next() * 1500 : random.next() * 200
  }
  const network = new BeatNetwork(5, { seed, link })
  network.run(intervals(5000))
  const dead = network.told.filter(
    ({ effect }) => effect.kind === 'stateChanged' && effect.to === 'dead',
  )
  expect(dead).toEqual([])
})

test.each(everySeed)('seed %i: nobody is called dead while four processes share one core', seed => {
  const random = seededRandom(seed)
  const network = new BeatNetwork(5, { seed, link: () => random.next() * 300 })
  network.run(intervals(10))
  // A slice of a quarter of a second in turn, and now and then one process gets none for up to three seconds.
  const pausedUntil = network.ids.map(() => 0)
  for (let slice = 0; slice < 4 * 5000; slice++) {
    for (const [index] of network.ids.entries()) {
      if (random.next() < 0.002) pausedUntil[index] = slice + Math.floor(random.next() * 12)
      const runs = slice % 4 === index % 4 && slice >= (pausedUntil[index] ?? 0)
      if (runs) network.resume(index)
      else network.stall(index)
    }
    network.run(milliseconds(250))
  }
  const dead = network.told.filter(
    ({ effect }) => effect.kind === 'stateChanged' && effect.to === 'dead',
  )
  const accepted = network.told.filter(({ effect }) => effect.kind === 'accepted')
  expect(dead).toEqual([])
  expect(accepted.length).toBeGreaterThan(80_000)
})

test.each(everySeed)('seed %i: after any schedule of faults all who live agree who lives', seed => {
  const random = seededRandom(seed)
  const count = 3 + Math.floor(random.next() * 6)
  const network = new BeatNetwork(count, { seed })
  const crashed = new Set<number>()
  const pick = (): number => Math.floor(random.next() * count)
  for (let fault = 0; fault < 30; fault++) {
    const draw = random.next()
    const sides = network.ids.map(() => random.next() < 0.5)
    if (draw < 0.4) {
      network.link = ({ source, target }) => (sides[source] === sides[target] ? 5 : 'lost')
    } else if (draw < 0.7) {
      network.link = ({ source }) => (sides[source] ? 5 : 'lost')
    } else if (draw < 0.9) {
      const stalled = pick()
      network.stall(stalled)
      network.run(intervals(random.next() * 20))
      network.resume(stalled)
    } else if (crashed.size < count - 2) {
      const victim = pick()
      crashed.add(victim)
      network.crash(victim)
    }
    network.run(intervals(random.next() * 15))
    if (random.next() < 0.5) network.link = () => random.next() * 100
  }
  network.link = () => random.next() * 100
  network.run(intervals(16))
  for (const [observer] of network.ids.entries()) {
    if (crashed.has(observer)) continue
    const seen = network.view(observer)
    const expected = network.ids.map((_, index) => {
      if (index === observer) return 'self'
      return crashed.has(index) ? 'dead' : 'alive'
    })
    expect(seen, `as node ${observer} sees it`).toEqual(expected)
  }
})
