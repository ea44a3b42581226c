import { expect, test } from 'vitest'
import { PeerFault } from '../../../../src/base/errors.ts'
import { keyOfNodeId, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { type Duration, milliseconds } from '../../../../src/base/time.ts'
import type { LivenessState, SuspicionCause } from '../../../../src/protocol/liveness/input.ts'
import {
  lifeProofMessage,
  type ProbeAnswer,
  probeAnswerCodec,
  probeRequestCodec,
} from '../../../../src/wire/probe.ts'
import {
  BeatNetwork,
  interval,
  network as networkId,
  type Probe,
} from '../../../fakes/beat-network.ts'

const intervals = (count: number): Duration => milliseconds(count * interval)

/** Member 1 as member 0 sees it, with the cause. */
function sight(world: BeatNetwork): readonly [LivenessState | undefined, SuspicionCause | null] {
  const machine = world.machine(0)
  return [machine.stateOf(world.id(1)), machine.causeOf(world.id(1))]
}

function became(world: BeatNetwork, state: LivenessState): readonly number[] {
  return world.told.flatMap(({ at, observer, effect }) =>
    observer === 0 &&
    effect.kind === 'stateChanged' &&
    effect.node === world.id(1) &&
    effect.to === state
      ? [at]
      : [],
  )
}

const answer = (seen: ProbeAnswer['seen'], proof: ProbeAnswer['proof'] = null): Uint8Array =>
  probeAnswerCodec.encode({ seen, proof })

const isBetween = (probe: Omit<Probe, 'bytes' | 'kind'>, a: number, b: number): boolean =>
  (probe.source === a && probe.target === b) || (probe.source === b && probe.target === a)

test('a member that others reach is suspected with my link as the cause, and never called dead', () => {
  const world = new BeatNetwork(5, { seed: 50 })
  world.run(intervals(10))
  world.link = flight => (isBetween(flight, 0, 1) ? 'lost' : 5)
  world.run(intervals(60))
  expect(sight(world)).toEqual(['suspect', 'my-link'])
  expect(became(world, 'dead')).toEqual([])
  world.link = () => 5
  world.run(intervals(3))
  expect(sight(world)).toEqual(['alive', null])
})

test('a member that answers me and whose beats do not come is suspected with its link as the cause', () => {
  const world = new BeatNetwork(5, { seed: 51 })
  world.run(intervals(10))
  world.link = ({ source, target }) => (source === 1 && target === 0 ? 'lost' : 5)
  world.probeLink = () => 5
  world.run(intervals(30))
  expect(sight(world)).toEqual(['suspect', 'their-link'])
})

test('a member that nobody reaches is dead, with its link as the cause', () => {
  const world = new BeatNetwork(5, { seed: 52 })
  world.run(intervals(10))
  world.crash(1)
  world.run(intervals(8))
  expect(sight(world)).toEqual(['dead', 'their-link'])
})

test('a member whose main loop stands still proves nothing by answering', () => {
  const world = new BeatNetwork(4, { seed: 53 })
  world.run(intervals(10))
  const hang = (): void => {
    world.progress[1] = 3
  }
  world.link = flight => {
    if (flight.source === 1) hang()
    return 5
  }
  world.probeLink = () => {
    hang()
    return 5
  }
  world.run(intervals(8))
  expect(sight(world)).toEqual(['dead', 'their-process'])
})

test('whoever hears nobody and is answered by nobody blames its own link', () => {
  const world = new BeatNetwork(4, { seed: 54 })
  world.run(intervals(10))
  world.link = ({ source, target }) => (source === 0 || target === 0 ? 'lost' : 5)
  const cutAt = world.now
  world.run(intervals(20))
  expect(sight(world)).toEqual(['dead', 'my-link'])
  expect(world.machine(0).patience).toBeGreaterThan(1)
  // A healthy observer is certain within seven.
  expect((became(world, 'dead')[0] ?? Number.NaN) - cutAt).toBeGreaterThan(intervals(7))
})

test('a suspected member hears of it and beats at once', () => {
  const world = new BeatNetwork(3, { seed: 55 })
  world.run(intervals(10))
  const sent: number[] = []
  world.onSend = ({ source, sentAt }) => {
    if (source === 1) sent.push(sentAt)
  }
  world.run(intervals(1.7) as Duration)
  const last = sent.at(-1) ?? Number.NaN
  world.run(milliseconds(last + 0.7 * interval - world.now))
  const question = probeRequestCodec.encode({
    challenge: new Uint8Array(32),
    target: keyOfNodeId(world.id(1)),
    seen: 'silent',
  })
  const ask = (): unknown =>
    world.give(1, { kind: 'asked', request: 900, from: world.id(0), bytes: question })
  ask()
  expect(sent.at(-1)).toBe(world.now)
  const count = sent.length
  for (let again = 0; again < 50; again++) ask()
  expect(sent.length, 'asking on and on makes no more beats').toBe(count)
})

test('liars who swear that a dead member lives keep it alive for nobody', () => {
  const world = new BeatNetwork(6, { seed: 56 })
  const recorded: Uint8Array[] = []
  world.probeLink = ({ kind, bytes }) => {
    if (kind === 'answer') recorded.push(bytes)
    return 5
  }
  // An old proof of life, taken while it lived.
  world.run(intervals(10))
  world.link = ({ source, target }) => (source === 1 && target === 0 ? 'lost' : 5)
  world.run(intervals(5))
  world.link = () => 5
  world.run(intervals(40))
  const old = recorded.find(bytes => probeAnswerCodec.decode(bytes).proof !== null)
  expect(old).toBeDefined()
  world.crash(1)
  const [crashedAt, liar] = [world.now, world.keys[2]]
  let lies = 0
  world.lie = ({ target, bytes }) => {
    if (target === 1) return undefined
    lies++
    const { challenge } = probeRequestCodec.decode(bytes)
    const claim = { network: networkId, node: world.id(1), challenge, sequence: 99, progress: 999 }
    const signature = liar?.sign(lifeProofMessage(claim)) ?? new Uint8Array(64)
    const forged = answer('alive', { sequence: 99, progress: 999, signature })
    return [forged, old, answer('alive'), Uint8Array.of(0xff)][lies % 4]
  }
  world.run(intervals(8))
  expect(lies).toBeGreaterThan(3)
  expect(sight(world)[0]).toBe('dead')
  expect((became(world, 'dead').at(-1) ?? Number.NaN) - crashedAt).toBeLessThanOrEqual(intervals(7))
})

test('liars who swear that a member is gone change nothing while it is heard', () => {
  const world = new BeatNetwork(6, { seed: 57 })
  world.run(intervals(10))
  world.lie = ({ target }) => (target === 1 ? undefined : answer('refused'))
  const bytes = probeRequestCodec.encode({
    challenge: new Uint8Array(32),
    target: keyOfNodeId(world.id(1)),
    seen: 'refused',
  })
  for (let turn = 0; turn < 100; turn++) {
    for (const liar of [2, 3, 4, 5]) {
      world.give(0, { kind: 'asked', request: 1000 + turn, from: world.id(liar), bytes })
    }
    world.run(milliseconds(100))
  }
  expect(sight(world)).toEqual(['alive', null])
  expect(became(world, 'suspect')).toEqual([])
})

test('a machine that refuses a second member too is gone for all who saw it, within one interval', () => {
  const world = new BeatNetwork(5, { seed: 58 })
  world.run(intervals(10))
  world.crash(1)
  for (const observer of [0, 2, 3, 4]) {
    world.give(observer, { kind: 'connectionClosed', node: world.id(1), reconnect: 'pending' })
  }
  world.run(milliseconds(50))
  for (const observer of [0, 2, 3, 4]) {
    world.run(milliseconds(40))
    world.give(observer, { kind: 'connectionClosed', node: world.id(1), reconnect: 'refused' })
  }
  world.run(milliseconds(600))
  for (const observer of [0, 2, 3, 4]) {
    expect(world.machine(observer).stateOf(world.id(1)), `as ${observer} sees it`).toBe('dead')
    expect(world.machine(observer).causeOf(world.id(1))).toBe('their-process')
  }
})

test('one refused dial and one liar do not end a member that another one reaches', () => {
  for (let seed = 60; seed < 80; seed++) {
    const world = new BeatNetwork(4, { seed })
    world.run(intervals(10))
    world.lie = ({ target }) => (target === 2 ? answer('refused') : undefined)
    // The host of node 0 cuts it off from node 1, and answers its dials with a reset.
    world.link = flight => (isBetween(flight, 0, 1) ? 'lost' : 5)
    for (let turn = 0; turn < 30; turn++) {
      world.give(0, { kind: 'connectionClosed', node: world.id(1), reconnect: 'refused' })
      world.run(intervals(0.4))
    }
    expect(became(world, 'dead'), `seed ${seed}`).toEqual([])
  }
})

test('connections that break and come back end nobody: nobody was refused', () => {
  const world = new BeatNetwork(5, { seed: 81 })
  world.run(intervals(10))
  for (let blip = 0; blip < 20; blip++) {
    for (const [observer] of world.ids.entries()) {
      for (const node of world.ids) {
        world.give(observer, { kind: 'connectionClosed', node, reconnect: 'pending' })
      }
    }
    world.link = () => 'lost'
    world.run(milliseconds(800))
    world.link = () => 5
    for (const [observer] of world.ids.entries()) {
      for (const node of world.ids) world.give(observer, { kind: 'connectionOpened', node })
    }
    world.run(milliseconds(1500))
  }
  expect(
    world.told.filter(({ effect }) => effect.kind === 'stateChanged' && effect.to === 'dead'),
  ).toEqual([])
})

test('a request that is none is its sender fault and leaves no trace', () => {
  const world = new BeatNetwork(2, { seed: 82 })
  world.run(intervals(5))
  const from = world.id(1)
  const ask = (bytes: Uint8Array): unknown =>
    world.give(0, { kind: 'asked', request: 1, from, bytes })
  expect(() => ask(Uint8Array.of(0xa0))).toThrow(PeerFault)
  expect(() => ask(new Uint8Array(400))).toThrow(PeerFault)
})

test('whoever asks without end is answered with nothing, and others still are served', () => {
  const world = new BeatNetwork(3, { seed: 83 })
  world.run(intervals(5))
  const bytes = probeRequestCodec.encode({
    challenge: new Uint8Array(32),
    target: keyOfNodeId(world.id(0)),
    seen: 'silent',
  })
  const seen = (from: number): readonly string[] =>
    world
      .machine(0)
      .step({ kind: 'asked', request: 1, from: world.id(from), bytes }, world.instant)
      .flatMap(effect =>
        effect.kind === 'answer' ? [probeAnswerCodec.decode(effect.bytes).seen] : [],
      )
  const answers = Array.from({ length: 100 }, () => seen(1)).flat()
  expect(answers.filter(each => each === 'alive').length).toBeLessThanOrEqual(32)
  expect(seen(1)).toEqual(['unknown'])
  expect(seen(2)).toEqual(['alive'])
})

test('whoever misses everybody asks after a few at a time, and gives nobody up who proves to live', () => {
  const world = new BeatNetwork(25, { seed: 61 })
  world.run(intervals(10))
  const askedAt: number[] = []
  world.link = ({ target }) => (target === 0 ? 'lost' : 5)
  world.probeLink = ({ source, kind }) => {
    if (source === 0 && kind === 'question') askedAt.push(world.now)
    return 5
  }
  world.run(intervals(60))
  // Four rounds an interval, each asks the member and up to three others.
  for (const at of askedAt) {
    const within = askedAt.filter(other => other > at - interval && other <= at)
    expect(within.length).toBeLessThanOrEqual(4 * 4)
  }
  expect(askedAt.length).toBeGreaterThan(40)
  const gaveUp = world.told.filter(
    ({ observer, effect }) =>
      observer === 0 && effect.kind === 'stateChanged' && effect.to === 'dead',
  )
  expect(gaveUp).toEqual([])
})

test('of many that fall silent at once each is asked after before it is given up, and all are in the end', () => {
  const world = new BeatNetwork(40, { seed: 62 })
  world.run(intervals(10))
  const gone = world.ids.slice(12)
  const isGone = (index: number): boolean => index >= 12
  const askedAt = new Map<NodeId, number>()
  world.link = ({ source, target }) => (isGone(source) || isGone(target) ? 'lost' : 5)
  world.probeLink = ({ source, target, kind, bytes }) => {
    if (source === 0 && kind === 'question') {
      const about = nodeIdOfKey(probeRequestCodec.decode(bytes).target)
      if (!askedAt.has(about)) askedAt.set(about, world.now)
    }
    return isGone(source) || isGone(target) ? 'lost' : 5
  }
  world.run(intervals(40))
  for (const node of gone) {
    const dead = world.told.find(
      ({ observer, effect }) =>
        observer === 0 &&
        effect.kind === 'stateChanged' &&
        effect.node === node &&
        effect.to === 'dead',
    )
    expect(dead?.at).toBeGreaterThan(askedAt.get(node) ?? Number.POSITIVE_INFINITY)
  }
})
