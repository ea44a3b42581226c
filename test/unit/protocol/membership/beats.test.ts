/** Beats are nearly all that membership hears: most must cost nothing, and none may change what follows. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { milliseconds, seconds } from '../../../../src/base/time.ts'
import { epochKeyKinds } from '../../../../src/wire/epoch-key.ts'
import { network3, type TestNode, World } from './harness.ts'
import { certificate } from './people.ts'

const deed = fc.record({
  kind: fc.constantFrom('split', 'heal', 'remove', 'join', 'kill', 'wait'),
  at: fc.nat({ max: 31 }),
})

/** Everybody in reach hears everybody's beat; `settle` makes each hearer look at everything besides. */
function beat(world: World, settle: boolean): void {
  for (const node of world.nodes) {
    for (const other of [...node.links]) {
      const { phase } = other.machine
      const said = phase === 'active' ? 'active' : 'joining'
      world.feed(node, { kind: 'beat', node: other.id, phase: said })
      if (settle) world.feed(node, { kind: 'tick' })
    }
  }
}

function play(
  story: { seed: string; deeds: readonly { kind: string; at: number }[] },
  settle: boolean,
): readonly unknown[] {
  const world = new World({ seed: story.seed })
  network3(world, ['a', 'b', 'c', 'd'])
  const run = (tenths: number): void => {
    for (let i = 0; i < tenths; i++) {
      world.run(milliseconds(100))
      beat(world, settle)
    }
  }
  let removed: TestNode | undefined
  for (const { kind, at } of story.deeds) {
    const { nodes } = world
    const some = nodes[1 + (at % (nodes.length - 1))] as TestNode
    if (kind === 'split')
      world.partition(
        [some],
        nodes.filter(node => node !== some),
      )
    if (kind === 'heal') world.heal()
    if (kind === 'join' && nodes.length < 6) world.add(`late ${nodes.length}`)
    if (kind === 'kill' && some.isUp) {
      world.kill(some)
      world.tellLiveness(some, 'dead')
    }
    if (kind === 'remove' && removed === undefined) {
      removed = some
      const item = certificate({ scope: 'identity', subject: some.member.keys.identity })
      world.feed(nodes[0] as TestNode, { kind: 'removalItems', items: [item] })
    }
    run(5 + at)
  }
  world.heal()
  run(150)
  const [founder] = world.nodes as [TestNode]
  for (const node of world.nodes) if (node !== founder) world.sync(node, founder)
  run(100)
  return world.nodes.map(({ name, isUp, machine, gates }) => ({
    ...{
      name,
      isUp,
      phase: machine.phase,
      removals: machine.removalDigest,
      gates: [...gates].toSorted(),
    },
    members: machine.members(world.now).map(({ node, phase, liveness }) => [node, phase, liveness]),
    keys: epochKeyKinds.map(kind => machine.sealingKey(kind, world.now) !== undefined),
  }))
}

test('whatever happens, nodes end where they would if each beat made them look at everything', () => {
  const story = fc.record({
    seed: fc.string({ minLength: 4, maxLength: 8 }),
    deeds: fc.array(deed, { minLength: 1, maxLength: 5 }),
  })
  fc.assert(
    fc.property(story, story => {
      expect(play(story, false)).toEqual(play(story, true))
    }),
    { numRuns: 8 },
  )
}, 120_000)

test('a beat that says what was known has no effect, and leaves the alarm where it was', () => {
  const world = new World()
  const nodes = network3(world)
  for (const node of nodes) {
    const before = node.machine.wakeAt()
    const effects = nodes
      .filter(other => other !== node)
      .flatMap(other => [
        ...node.machine.step({ kind: 'beat', node: other.id, phase: 'active' }, world.now),
      ])
    expect(effects).toEqual([])
    expect(node.machine.wakeAt()).toBe(before)
  }
})

test('what is due is done at a beat too, even if no alarm comes', () => {
  const world = new World()
  const [node, other] = network3(world) as [TestNode, TestNode]
  const due = node.machine.wakeAt()
  expect(due).not.toBeNull()
  // The verdicts of all end meanwhile: whoever hears the beat folds them away.
  const late = (world.now + seconds(10 * 24 * 3600)) as typeof world.now
  const effects = node.machine.step({ kind: 'beat', node: other.id, phase: 'active' }, late)
  expect(effects.map(({ kind }) => kind)).toContain('memberGone')
})
