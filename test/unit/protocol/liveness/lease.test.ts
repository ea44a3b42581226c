import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf, nodeIdOfKey } from '../../../../src/base/ids.ts'
import {
  type Duration,
  instant,
  milliseconds,
  minutes,
  seconds,
} from '../../../../src/base/time.ts'
import { livenessRules } from '../../../../src/protocol/liveness/input.ts'
import { PolicyLease } from '../../../../src/protocol/liveness/lease.ts'
import { BeatNetwork, type Flight, interval } from '../../../fakes/beat-network.ts'

const intervals = (count: number): Duration => milliseconds(count * interval)
/** A lease of a minute instead of ten. */
const rules = { ...livenessRules, leaseMs: minutes(1) }

const machine = (number: number): ReturnType<typeof digestOf> =>
  digestOf(new Uint8Array(32).fill(number))
const node = (number: number): ReturnType<typeof nodeIdOfKey> =>
  nodeIdOfKey(new Uint8Array(32).fill(number))

const held = (world: BeatNetwork, observer: number): string =>
  world.machine(observer).lease(world.instant).kind

test('one machine alone holds the lease, and for ever', () => {
  const lease = new PolicyLease({ ownInstance: machine(0), span: minutes(10) })
  expect(lease.at(instant(1e12))).toEqual({ kind: 'held', until: null, instances: 1, citing: 1 })
  lease.memberAdded(node(1), machine(0))
  expect(lease.at(instant(1e12)).kind, 'another node on the own machine').toBe('held')
})

test('of two both are needed, until the other leaves the roster', () => {
  const world = new BeatNetwork(2, { seed: 200 })
  expect(held(world, 0), 'nobody has heard me yet').toBe('isolated')
  world.run(intervals(5))
  expect(held(world, 0)).toBe('held')
  world.crash(1)
  world.run(minutes(9))
  expect(held(world, 0)).toBe('held')
  world.run(minutes(2))
  expect(world.machine(0).stateOf(world.id(1))).toBe('dead')
  expect(held(world, 0), 'dead in my eyes is no reason to go on alone').toBe('isolated')
  world.give(0, { kind: 'memberGone', node: world.id(1) })
  expect(held(world, 0), 'its verdict lapsed, or it left').toBe('held')
})

test('more than half of the machines must have heard me, and half is not more than half', () => {
  const world = new BeatNetwork(5, { rules, seed: 201 })
  world.run(intervals(10))
  // Nodes 0 and 1 are cut off from the other three.
  world.link = ({ source, target }) => (source < 2 === target < 2 ? 5 : 'lost')
  world.run(minutes(1.05))
  expect([0, 1, 2, 3, 4].map(observer => held(world, observer))).toEqual([
    ...['isolated', 'isolated'],
    ...['held', 'held', 'held'],
  ])
  const four = new BeatNetwork(4, { rules, seed: 202 })
  four.run(intervals(10))
  four.link = ({ source, target }) => (source < 2 === target < 2 ? 5 : 'lost')
  four.run(minutes(1.05))
  expect([0, 1, 2, 3].map(observer => held(four, observer))).toEqual(Array(4).fill('isolated'))
})

test('a host that shows its node one member only, to hide what the others removed, ends its lease', () => {
  const world = new BeatNetwork(5, { rules, seed: 203 })
  world.run(intervals(10))
  world.link = ({ source, target }) => {
    const isHidden = (a: number, b: number): boolean => a === 0 && b !== 1
    return isHidden(source, target) || isHidden(target, source) ? 'lost' : 5
  }
  world.run(minutes(1.1))
  // Node 1 still relays nothing but its own beats, which cite node 0 all the time.
  expect(world.machine(0).stateOf(world.id(1))).toBe('alive')
  expect(held(world, 0)).toBe('isolated')
})

test('beats that reach me prove nothing of mine reaching others: a one-way link ends the lease', () => {
  const world = new BeatNetwork(3, { rules, seed: 204 })
  world.run(intervals(10))
  world.link = ({ source }) => (source === 0 ? 'lost' : 5)
  world.run(minutes(1.1))
  expect(held(world, 0)).toBe('isolated')
})

test('recorded citations, played back for ever, prolong nothing', () => {
  const world = new BeatNetwork(3, { rules, seed: 205 })
  const recorded: Omit<Flight, 'target'>[] = []
  world.onSend = flight => recorded.push(flight)
  world.run(intervals(60))
  world.crash(1)
  world.crash(2)
  const crashedAt = world.now
  const stolen = recorded.filter(({ source }) => source !== 0)
  for (let minute = 0; minute < 11; minute++) {
    for (const flight of stolen.slice(-20)) world.replay(0, flight)
    world.run(seconds(6))
  }
  expect(world.now - crashedAt).toBeGreaterThan(minutes(1))
  expect(held(world, 0)).toBe('isolated')
})

test('ten identities on one machine are one voice, for and against', () => {
  // Nodes 3 to 12 share a machine.
  const world = new BeatNetwork(13, { rules, seed: 206, machineOf: index => Math.min(index, 3) })
  world.run(intervals(10))
  expect(world.machine(0).lease(world.instant)).toMatchObject({ instances: 4, citing: 4 })
  // Only the ten hear node 0: with its own that is two machines of four.
  world.link = ({ source, target }) => {
    const isCut = (a: number, b: number): boolean => a === 0 && b < 3
    return isCut(source, target) || isCut(target, source) ? 'lost' : 5
  }
  world.run(minutes(1.05))
  expect(world.machine(0).lease(world.instant)).toMatchObject({ instances: 4, citing: 2 })
  expect(held(world, 0)).toBe('isolated')
})

test('a lease that was lost and won again is told, each once', () => {
  const world = new BeatNetwork(3, { rules, seed: 207 })
  world.run(intervals(10))
  world.told.length = 0
  world.link = ({ source, target }) => (source === 0 || target === 0 ? 'lost' : 5)
  world.run(minutes(1.1))
  world.link = () => 5
  world.run(intervals(5))
  const told = world.told.flatMap(({ observer, effect }) =>
    observer === 0 && effect.kind === 'leaseChanged' ? [effect.lease.kind] : [],
  )
  expect(told).toEqual(['isolated', 'held'])
})

test('it ends exactly when it says, whoever was heard when', () => {
  const span = minutes(10)
  fc.assert(
    fc.property(
      fc.array(fc.record({ machine: fc.nat(6), heardAt: fc.option(fc.nat(1_200_000)) }), {
        maxLength: 12,
      }),
      fc.nat(1_200_000),
      (voices, now) => {
        const lease = new PolicyLease({ ownInstance: machine(0), span })
        for (const [index, voice] of voices.entries()) {
          lease.memberAdded(node(index + 1), machine(voice.machine))
          if (voice.heardAt !== null) lease.cited(node(index + 1), instant(voice.heardAt))
        }
        const others = new Set(voices.map(voice => voice.machine).filter(each => each !== 0))
        const heardAfter = (at: number): number =>
          [...others].filter(each =>
            voices.some(
              voice =>
                voice.machine === each && voice.heardAt !== null && voice.heardAt + span > at,
            ),
          ).length
        const holdsAt = (at: number): boolean => 2 * (heardAfter(at) + 1) > others.size + 1
        const view = lease.at(instant(now))
        expect(view.kind).toBe(holdsAt(now) ? 'held' : 'isolated')
        if (view.until === null) return
        expect(holdsAt(view.until - 1)).toBe(true)
        expect(holdsAt(view.until)).toBe(false)
      },
    ),
  )
})
