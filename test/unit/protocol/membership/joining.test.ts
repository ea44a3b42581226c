import { expect, test } from 'vitest'
import { seconds } from '../../../../src/base/time.ts'
import { epochKeyKinds } from '../../../../src/wire/epoch-key.ts'
import { network3, World } from './harness.ts'

test('a founder waits for others before it makes three keys and is active', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  world.run(seconds(4))
  expect(a.machine.phase).toBe('joining')
  world.run(seconds(2))
  expect(a.machine.phase).toBe('active')
  for (const kind of epochKeyKinds) expect(a.machine.sealingKey(kind, world.now)).toBeDefined()
})

test('joining nodes become active with keys and a sync, and all seal under the same keys', () => {
  const world = new World()
  const nodes = network3(world)
  for (const node of nodes) {
    expect(node.machine.phase).toBe('active')
    for (const kind of epochKeyKinds) {
      expect(node.machine.sealingKey(kind, world.now)?.id).toBe(
        nodes[0]?.machine.sealingKey(kind, world.now)?.id,
      )
    }
  }
})
