import { expect, test } from 'vitest'
import { PeerFault } from '../../../../src/base/errors.ts'
import { type Duration, milliseconds, seconds } from '../../../../src/base/time.ts'
import type { LivenessEffect } from '../../../../src/protocol/liveness/input.ts'
import { heartbeatCodec } from '../../../../src/wire/heartbeat.ts'
import { BeatNetwork, type Flight, interval, seededRandom } from '../../../fakes/beat-network.ts'

const intervals = (count: number): Duration => milliseconds(count * interval)

function changes(network: BeatNetwork, to: string): readonly { at: number; observer: number }[] {
  return network.told.filter(({ effect }) => effect.kind === 'stateChanged' && effect.to === to)
}

function accepted(network: BeatNetwork, observer: number, source: number): readonly number[] {
  return network.told.flatMap(told =>
    told.observer === observer &&
    told.effect.kind === 'accepted' &&
    told.effect.node === network.id(source)
      ? [told.at]
      : [],
  )
}

test('two strangers accept each other within three beats', () => {
  const network = new BeatNetwork(2, { seed: 1 })
  expect(network.view(0)).toEqual(['self', 'new'])
  network.run(intervals(3))
  expect(network.view(0)).toEqual(['self', 'alive'])
  expect(network.view(1)).toEqual(['alive', 'self'])
  expect(changes(network, 'suspect')).toEqual([])
})

test('a beat that cites nothing of mine is received and cited, not accepted', () => {
  const network = new BeatNetwork(2, { seed: 2 })
  const beat: Flight[] = []
  network.link = () => 'lost'
  network.onSend = flight => beat.push({ ...flight, target: 0 })
  network.run(intervals(1))
  const stranger = beat.find(({ source }) => source === 1) as Flight
  expect(network.replay(0, stranger)).toEqual([])
  expect(network.machine(0).stateOf(network.id(1))).toBe('new')
  network.run(intervals(1))
  const mine = beat.filter(({ source }) => source === 0).at(-1) as Flight
  expect(heartbeatCodec.decode(mine.payload).citations).toHaveLength(1)
})

test('a member of whom nothing comes is new for five intervals, then suspect, then dead', () => {
  const network = new BeatNetwork(2, { seed: 3, link: () => 'lost' })
  network.run(intervals(4.9))
  expect(network.view(0)[1]).toBe('new')
  network.run(intervals(0.5))
  expect(network.view(0)[1]).toBe('suspect')
  network.run(intervals(5.5))
  expect(network.view(0)[1]).toBe('dead')
  expect(network.machine(0).phi(network.id(1), network.instant)).toBeNull()
})

test('recorded beats are never accepted once what they cite is old, in whatever order a host plays them', () => {
  const network = new BeatNetwork(3, { seed: 4 })
  const recorded: Omit<Flight, 'target'>[] = []
  network.onSend = flight => recorded.push(flight)
  network.run(intervals(60))
  network.crash(1)
  network.crash(2)
  network.run(intervals(30))
  const before = accepted(network, 0, 1).length + accepted(network, 0, 2).length
  const random = seededRandom(5)
  const shuffled = recorded
    .filter(({ source }) => source !== 0)
    .map(flight => ({ flight, order: random.next() }))
    .toSorted((left, right) => left.order - right.order)
  for (const { flight } of shuffled) {
    network.replay(0, flight)
    network.run(milliseconds(100))
  }
  expect(accepted(network, 0, 1).length + accepted(network, 0, 2).length).toBe(before)
  expect(network.view(0)).toEqual(['self', 'dead', 'dead'])
})

test('a newcomer believes no recording made before it came', () => {
  const past = new BeatNetwork(3, { seed: 6, acquainted: true })
  const recorded: Omit<Flight, 'target'>[] = []
  past.onSend = flight => recorded.push(flight)
  past.run(intervals(40))
  const late = new BeatNetwork(3, { seed: 6, link: () => 'lost' })
  const stolen = recorded.filter(({ source }) => source !== 0)
  // Beats 1 to 3 are skipped: the machines of one seed send those same bytes in both runs.
  for (const flight of stolen.filter(({ sequence }) => sequence > 3)) {
    late.replay(0, flight)
    late.run(milliseconds(300))
  }
  expect(accepted(late, 0, 1)).toEqual([])
  expect(accepted(late, 0, 2)).toEqual([])
})

test('two recorded members that cite each other cannot be kept alive by slow playback', () => {
  const network = new BeatNetwork(3, { seed: 7 })
  network.run(intervals(10))
  const cutAt = network.now
  const recorded: Omit<Flight, 'target'>[] = []
  network.onSend = flight => recorded.push(flight)
  network.link = ({ source, target }) => (source === 0 || target === 0 ? 'lost' : 5)
  const playback = (): void => {
    // Each beat 2.9 intervals after the one that it cites: within reach of the rule on acceptance alone.
    const due = cutAt + (network.now - cutAt) / 2.9
    while (recorded[0] !== undefined && recorded[0].sentAt <= due) {
      const flight = recorded.shift() as Flight
      if (flight.source !== 0) network.replay(0, flight)
    }
  }
  for (let step = 0; step < 600; step++) {
    network.run(milliseconds(100))
    playback()
  }
  const last = Math.max(...accepted(network, 0, 1), ...accepted(network, 0, 2))
  expect(last).toBeLessThanOrEqual(cutAt + 9 * interval)
  expect(last, 'the playback did reach past the first three intervals').toBeGreaterThan(
    cutAt + 3 * interval,
  )
  expect(network.view(0)).toEqual(['self', 'dead', 'dead'])
})

test('both sides of a partition call the other dead, and a heal makes all alive within four intervals', () => {
  const network = new BeatNetwork(5, { seed: 8 })
  network.run(intervals(20))
  const side = (node: number): boolean => node < 2
  network.link = ({ source, target }) => (side(source) === side(target) ? 5 : 'lost')
  network.run(intervals(60))
  expect(network.view(0)).toEqual(['self', 'alive', 'dead', 'dead', 'dead'])
  expect(network.view(4)).toEqual(['dead', 'dead', 'alive', 'alive', 'self'])
  network.link = () => 5
  network.run(intervals(4))
  for (const [observer] of network.ids.entries()) {
    const others = network.view(observer).filter(state => state !== 'self')
    expect(others).toEqual(['alive', 'alive', 'alive', 'alive'])
  }
})

test('an observer that stood still blames itself, and still notices who died meanwhile', () => {
  const network = new BeatNetwork(4, { seed: 9 })
  network.run(intervals(20))
  network.stall(0)
  network.run(intervals(5))
  network.crash(3)
  network.run(intervals(15))
  network.resume(0)
  network.run(intervals(3))
  const byObserver = network.told.filter(
    ({ observer, effect }) =>
      observer === 0 && effect.kind === 'stateChanged' && effect.to !== 'alive',
  )
  expect(byObserver).toEqual([])
  expect(network.view(0)).toEqual(['self', 'alive', 'alive', 'alive'])
  network.run(intervals(8))
  expect(network.view(0)).toEqual(['self', 'alive', 'alive', 'dead'])
  // The others saw the observer go and come back.
  expect(changes(network, 'dead').some(({ observer }) => observer === 1)).toBe(true)
  expect(network.view(1)[0]).toBe('alive')
})

test('a crash is suspected within four intervals and certain within seven, by every observer', () => {
  for (let seed = 10; seed < 30; seed++) {
    const random = seededRandom(seed)
    const network = new BeatNetwork(5, { seed, link: () => 1 + random.next() * 200 })
    network.run(intervals(70 + random.next()))
    network.crash(4)
    const crashedAt = network.now
    network.run(intervals(7))
    for (let observer = 0; observer < 4; observer++) {
      const suspected = changes(network, 'suspect').find(change => change.observer === observer)
      expect((suspected?.at ?? Number.NaN) - crashedAt).toBeLessThanOrEqual(intervals(4))
      expect(network.view(observer)[4]).toBe('dead')
    }
  }
})

test('a long absence teaches nothing: a crash after it is noticed as fast as before', () => {
  const network = new BeatNetwork(2, { seed: 41 })
  network.run(intervals(10))
  network.link = () => 'lost'
  network.run(intervals(300))
  network.link = () => 5
  network.run(intervals(10))
  expect(network.view(0)).toEqual(['self', 'alive'])
  network.crash(1)
  network.run(intervals(7))
  expect(network.view(0)).toEqual(['self', 'dead'])
})

test('a beat counts once, and one that was overtaken counts not at all', () => {
  const network = new BeatNetwork(2, { seed: 42 })
  const recorded: Omit<Flight, 'target'>[] = []
  network.onSend = flight => recorded.push(flight)
  network.run(intervals(6))
  const [overtaken, last] = recorded.filter(({ source }) => source === 1).slice(-2) as [
    never,
    never,
  ]
  expect(network.replay(0, last)).toEqual([])
  expect(network.replay(0, overtaken)).toEqual([])
})

test('nobody is called dead in 100,000 beats over links that delay, lose and reorder', () => {
  const random = seededRandom(31)
  const link = (): number | 'lost' => {
    const draw = random.next()
    if (draw < 0.03) return 'lost'
    return draw < 0.1 ? random.next() * 1500 : random.next() * 150
  }
  const network = new BeatNetwork(5, { seed: 32, link })
  network.run(intervals(5000))
  const received = network.told.filter(({ effect }) => effect.kind === 'accepted').length
  expect(received).toBeGreaterThan(85_000)
  expect(changes(network, 'dead')).toEqual([])
  expect(changes(network, 'suspect').length).toBeLessThan(200)
})

test('in a network larger than the citations of one beat all stay alive for all', () => {
  const network = new BeatNetwork(45, { seed: 33, link: () => 20 })
  network.run(intervals(8))
  network.told.length = 0
  network.run(intervals(8))
  for (const [observer] of network.ids.entries()) {
    expect(network.view(observer).filter(state => state === 'alive')).toHaveLength(44)
  }
  expect(changes(network, 'suspect')).toEqual([])
})

test('a beat without progress of the main loop is accepted and is no sign of life', () => {
  const network = new BeatNetwork(2, { seed: 34 })
  network.run(intervals(10))
  const hung = network.machine(1)
  const before = accepted(network, 0, 1).length
  network.link = flight => {
    if (flight.source === 1) network.progress[1] = 3
    return 5
  }
  network.run(intervals(8))
  expect(hung.stateOf(network.id(0))).toBe('alive')
  expect(accepted(network, 0, 1).length).toBeGreaterThan(before + 5)
  expect(network.view(0)[1]).toBe('dead')
})

test('two contents under one sequence number are told once, with both bodies, also after the replay window', () => {
  const network = new BeatNetwork(2, { seed: 35 })
  network.run(intervals(4))
  const author = network.id(1)
  const content = { phase: 'active', groupClock: 1, logPosition: 0, load: 0, progress: 9 } as const
  const roots = { publicRoot: new Uint8Array(32), privateRoot: new Uint8Array(32) }
  const body = (byte: number): Uint8Array =>
    heartbeatCodec.encode({
      ...content,
      ...roots,
      random: new Uint8Array(16).fill(byte),
      citations: [],
      checkpoint: null,
    })
  const receive = (byte: number, sequence: number): readonly LivenessEffect[] =>
    network.give(0, {
      kind: 'beatReceived',
      author,
      sequence,
      payload: body(byte),
      signedBody: Uint8Array.of(byte),
    })
  expect(receive(1, 50)).toEqual([])
  expect(receive(1, 50), 'the same beat again is no offence').toEqual([])
  expect(receive(2, 51)).toEqual([])
  expect(receive(3, 50)).toEqual([
    {
      kind: 'equivocated',
      author,
      sequence: 50,
      first: Uint8Array.of(1),
      second: Uint8Array.of(3),
    },
  ])
  expect(receive(4, 50)).toEqual([])
})

test('who is no member is not heard, and who left is forgotten and vouches for nobody', () => {
  const network = new BeatNetwork(3, { seed: 36 })
  network.run(intervals(10))
  // Node 2 now hears from node 1 only, whose beats cite both.
  const gone = network.id(1)
  network.give(0, { kind: 'memberGone', node: gone })
  expect(network.machine(0).stateOf(gone)).toBeUndefined()
  expect(network.machine(0).phi(gone, network.instant)).toBeNull()
  const before = accepted(network, 0, 1).length
  network.run(intervals(5))
  expect(accepted(network, 0, 1).length).toBe(before)
  expect(network.view(0)).toEqual(['self', 'unknown', 'alive'])
  network.introduce(0, 1)
  expect(network.machine(0).stateOf(gone)).toBe('new')
})

test('live active members are those alive that say active, in id order, without oneself', () => {
  const network = new BeatNetwork(4, { seed: 37 })
  network.phases[2] = 'joining'
  expect(network.machine(0).liveActive()).toEqual([])
  network.run(intervals(5))
  expect(network.machine(0).liveActive()).toEqual([network.id(1), network.id(3)].toSorted())
  expect(network.machine(0).phaseOf(network.id(2))).toBe('joining')
  network.phases[2] = 'active'
  network.crash(3)
  network.run(intervals(8))
  expect(network.machine(0).liveActive()).toEqual([network.id(1), network.id(2)].toSorted())
})

test('a payload that is no heartbeat is its author fault and leaves no trace', () => {
  const network = new BeatNetwork(2, { seed: 39 })
  network.run(intervals(5))
  const author = network.id(1)
  const receive = (payload: Uint8Array): readonly LivenessEffect[] =>
    network.give(0, { kind: 'beatReceived', author, sequence: 99, payload, signedBody: payload })
  expect(() => receive(Uint8Array.of(0xa0))).toThrow(PeerFault)
  expect(() => receive(new Uint8Array(5000))).toThrow(PeerFault)
  expect(network.view(0)).toEqual(['self', 'alive'])
})

test('an accepted beat says whether it cites me or only someone whom I accepted', () => {
  const network = new BeatNetwork(3, { seed: 40 })
  network.run(intervals(5))
  // Node 2 hears nothing from node 0, so its beats can cite node 1 only.
  network.link = ({ source, target }) => (source === 0 && target === 2 ? 'lost' : 5)
  network.run(intervals(6))
  network.told.length = 0
  network.run(seconds(5))
  const cites = (source: number): readonly boolean[] =>
    network.told.flatMap(({ observer, effect }) =>
      observer === 0 && effect.kind === 'accepted' && effect.node === network.id(source)
        ? [effect.beat.citesMe]
        : [],
    )
  expect(cites(1)).toEqual([true, true, true, true, true])
  expect(cites(2)).toEqual([false, false, false, false, false])
})
