/** Many worlds of partitions, deaths, removals and late joiners: what must hold whatever happens. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seconds } from '../../../../src/base/time.ts'
import { epochKeyKinds } from '../../../../src/wire/epoch-key.ts'
import { network3, type TestNode, World } from './harness.ts'
import { certificate } from './people.ts'

const deed = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('split'), at: fc.nat({ max: 31 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('heal'), at: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), at: fc.nat({ max: 63 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('join'), at: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), at: fc.nat({ max: 20 }) }) },
)

/** Nobody that a member knows to be removed holds a key that this member seals under. */
function expectNothingReadable(world: World, removed: ReadonlySet<TestNode>): void {
  for (const node of world.nodes) {
    for (const out of removed) {
      if (node.machine.barred(out.id) === undefined) continue
      expect(node.machine.isMember(out.id, world.now)).toBe(false)
      for (const kind of epochKeyKinds) {
        const sealing = node.machine.sealingKey(kind, world.now)
        if (sealing === undefined || node === out) continue
        expect(out.machine.openingKey(sealing.id, world.now)).toBeUndefined()
      }
    }
  }
}

test('whatever happens, the removed read nothing new, and after the heal all others are one network', () => {
  const story = fc.record({
    seed: fc.string({ minLength: 4, maxLength: 8 }),
    latencyMax: fc.constantFrom(5, 50, 400),
    deeds: fc.array(deed, { minLength: 2, maxLength: 9 }),
  })
  fc.assert(
    fc.property(story, ({ seed, latencyMax, deeds }) => {
      const world = new World({ seed, latencyMax })
      network3(world, ['a', 'b', 'c', 'd', 'e'])
      const removed = new Set<TestNode>()
      for (const { kind, at } of deeds) {
        const { nodes } = world
        if (kind === 'split') {
          const left = nodes.filter((_, i) => (at >> (i % 5)) % 2 === 0)
          world.partition(
            left,
            nodes.filter(node => !left.includes(node)),
          )
        } else if (kind === 'heal') world.heal()
        else if (kind === 'join' && nodes.length < 7) world.add(`late ${nodes.length}`)
        else if (kind === 'remove' && removed.size < 2) {
          const door = nodes[at % nodes.length] as TestNode
          const victim = nodes[Math.floor(at / 8) % nodes.length] as TestNode
          if (door === victim || removed.has(door)) continue
          const subject = victim.member.keys.identity
          const item = certificate({ scope: 'identity', subject })
          world.feed(door, { kind: 'removalItems', items: [item] })
          removed.add(victim)
        }
        for (let i = 0; i < 6; i++) {
          world.run(seconds(kind === 'wait' ? 1 + at : 0.3))
          expectNothingReadable(world, removed)
        }
      }
      world.heal()
      world.run(seconds(25))
      const rest = world.nodes.filter(node => !removed.has(node))
      const active = rest.filter(({ machine }) => machine.phase === 'active')
      for (const joiner of rest) if (active[0] !== undefined) world.sync(joiner, active[0])
      world.run(seconds(5))
      expectNothingReadable(world, removed)
      expect(new Set(rest.map(({ machine }) => machine.removalDigest)).size).toBe(1)
      for (const node of rest) {
        for (const out of removed) expect(node.machine.barred(out.id)?.code).toBe('REMOVED')
        for (const kind of epochKeyKinds) {
          const ids = active.map(({ machine }) => machine.sealingKey(kind, world.now)?.id)
          expect(new Set(ids).size).toBe(1)
          expect(ids[0]).toBeDefined()
        }
        const others = rest.filter(other => other !== node)
        for (const other of others) expect(node.gates.has(other.id)).toBe(true)
      }
    }),
    { numRuns: 12 },
  )
})
