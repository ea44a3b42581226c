/**
 * One node ends at every point: before and after each thing that it does and each statement that leaves it. What
 * starts in its place is another identity without a share, so what is tried is its absence from there on.
 */
import { describe, expect, test, vi } from 'vitest'
import { utf8 } from '../../src/base/bytes.ts'
import { verifyGroupSignature } from '../../src/crypto/frost.ts'
import type { SigningGroup } from '../../src/wire/signing-group.ts'
import { SigningNetwork } from '../fakes/signing-network.ts'
import { makeGroup, oneLock, worldOf } from '../fakes/signing-schedule.ts'

const message = utf8('pay 3 to Anna')

// Far above what a loaded machine needs: every point is a whole life.
vi.setConfig({ testTimeout: 600_000 })

/** Whether the group signs, asked by `x`. */
function signs(world: SigningNetwork, group: SigningGroup, lockKey = oneLock): boolean {
  const request = world.points.size + world.sent.length + 1
  world.sign('x', group, message, lockKey, request)
  world.run(world.now + 60_000)
  const signed = world
    .node('x')
    .told('signed')
    .find(each => each.request === request)
  if (signed === undefined) return false
  expect(verifyGroupSignature(group, message, signed.signature)).toBe(true)
  return true
}

/** Runs `story` without a crash to count the points of `victim`, then once for each of them. */
function atEveryPoint(
  victim: string,
  story: () => SigningNetwork,
  judge: (world: SigningNetwork, point: number) => void,
  arm: (world: SigningNetwork, point: number) => void,
  start: (world: SigningNetwork) => void,
): number {
  const calm = story()
  start(calm)
  calm.run(calm.now + 300_000)
  const points = calm.points.get(victim) ?? 0
  for (let point = 1; point <= points; point++) {
    const world = story()
    arm(world, point)
    start(world)
    world.run(world.now + 300_000)
    judge(world, point)
  }
  return points
}

const crashAt =
  (name: string) =>
  (world: SigningNetwork, point: number): void => {
    world.points.clear()
    world.crash = { name, point }
  }

describe('a new key', () => {
  test.each(['a', 'c'])(
    '%s ends at any point: the others both hold a share, or both end and name it',
    victim => {
      const names = ['a', 'b', 'c']
      const story = (): SigningNetwork => new SigningNetwork([...names, 'x'], 3)
      const start = (world: SigningNetwork): void => {
        world.points.clear()
        world.begin(world.proposal(names, { suite: 'secp256k1', threshold: 2 }), names)
      }
      let [made, failed] = [0, 0]
      const judge = (world: SigningNetwork, point: number): void => {
        const rest = names.filter(name => name !== victim).map(name => world.node(name))
        const shares = rest.flatMap(node => node.told('made'))
        const ends = rest.flatMap(node => node.told('failed'))
        expect([shares.length, ends.length], `point ${point}`).toSatisfy(
          ([held, ended]) => (held === 2 && ended === 0) || (held === 0 && ended === 2),
        )
        for (const { accusation, silent } of ends) {
          expect(accusation.code).toBe('SILENT')
          expect(silent).toContain(world.node(victim).id)
        }
        if (shares.length > 0) made++
        else failed++
        const group = shares[0]?.share.group
        if (group !== undefined) expect(signs(world, group)).toBe(true)
      }
      const points = atEveryPoint(victim, story, judge, crashAt(victim), start)
      expect(points).toBeGreaterThan(15)
      expect(made).toBeGreaterThan(0)
      expect(failed).toBeGreaterThan(0)
    },
  )
})

describe('a signature', () => {
  const made = makeGroup(3, { threshold: 2 })
  test.each(['a', 'b', 'c'])('signer %s ends at any point: others sign', victim => {
    const points = atEveryPoint(
      victim,
      () => worldOf(made, 5),
      (world, point) => {
        const [signed] = world.node('x').told('signed')
        expect(signed, `point ${point}`).toBeDefined()
        expect(verifyGroupSignature(made.group, message, signed?.signature as Uint8Array)).toBe(
          true,
        )
      },
      crashAt(victim),
      world => world.sign('x', made.group, message, oneLock),
    )
    expect(points).toBeGreaterThan(4)
  })

  test('who asks ends at any point: another gets the same message signed, and no other', () => {
    const points = atEveryPoint(
      'y',
      () => worldOf(made, 6),
      (world, point) => {
        expect(signs(world, made.group), `point ${point}`).toBe(point < 1000)
      },
      crashAt('y'),
      world => world.sign('y', made.group, message, oneLock),
    )
    expect(points).toBeGreaterThan(6)
  })
})

describe('a key that is handed on', () => {
  const made = makeGroup(3, { threshold: 2 })
  const start = (world: SigningNetwork): void => {
    world.add('p')
    const names = ['b', 'c', 'p']
    const from = { group: made.group, dealers: [1, 2] }
    world.begin(world.proposal(names, { threshold: 2 }, from), ['a', 'b', 'c', 'p'])
  }
  // An old signer and dealer; both; an old signer that receives; a newcomer.
  test.each(['a', 'b', 'c', 'p'])(
    '%s ends at any point: the old epoch signs or the new one, and locks hold in both',
    victim => {
      const story = (): SigningNetwork => {
        const world = worldOf(made, 7)
        world.sign('x', made.group, message, utf8('taken before'))
        world.run(world.now + 4000)
        return world
      }
      const ended = { old: 0, new: 0 }
      const judge = (world: SigningNetwork, point: number): void => {
        const after = world.nodes.flatMap(node => node.told('made'))[0]?.share.group
        const isNew = after !== undefined && signs(world, after)
        const isOld = signs(world, made.group)
        expect([isOld, isNew].filter(Boolean), `point ${point}`).toHaveLength(1)
        ended[isNew ? 'new' : 'old']++
        const group = isNew ? after : made.group
        world.sign('x', group as SigningGroup, utf8('pay Eve'), utf8('taken before'), 77_777)
        world.run(world.now + 60_000)
        const [refused] = world
          .node('x')
          .told('notSigned')
          .filter(({ request }) => request === 77_777)
        expect(refused?.code, `point ${point}`).toBe('LOCKED_OTHERWISE')
      }
      const points = atEveryPoint(victim, story, judge, crashAt(victim), start)
      expect(points).toBeGreaterThan(8)
      expect(ended.old).toBeGreaterThan(0)
      expect(ended.new).toBeGreaterThan(0)
    },
  )
})
