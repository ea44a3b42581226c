/** What becomes of requests for keys that can not be granted, or not yet. */
import { expect, test } from 'vitest'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { hours, seconds } from '../../../../src/base/time.ts'
import type { MembershipEffect } from '../../../../src/protocol/membership/types.ts'
import { keyRequestCodec } from '../../../../src/wire/epoch-key.ts'
import { network3, type TestNode, World } from './harness.ts'
import { digestOfText } from './people.ts'

const codesOf = (
  effects: readonly MembershipEffect[],
  kind: 'refuse' | 'faulted',
): readonly string[] => effects.flatMap(effect => (effect.kind === kind ? [effect.code] : []))

/** Asks `server` for its traffic key as `from` would; the answer is in the effects. */
function askForKey(world: World, server: TestNode, from: TestNode): readonly MembershipEffect[] {
  const held = server.machine.sealingKey('traffic', world.now)
  if (held === undefined) throw new Error('the server has a traffic key')
  const bytes = keyRequestCodec.encode({
    id: bytesOfDigest(held.id),
    nonce: new Uint8Array(16),
    removalDigest: bytesOfDigest(server.machine.removalDigest),
  })
  return world.feed(server, { kind: 'asked', request: -1, from: from.id, protocol: 'key', bytes })
}

test('a member whose attested KEM key is no key gets nothing, and only its connection suffers', () => {
  const world = new World()
  const [a, , c] = network3(world) as [TestNode, TestNode, TestNode]
  const { keys } = c.member
  // Evidence commits to bytes: a broken enclave may have put anything under its report data.
  Object.assign(keys, { kem: new Uint8Array(keys.kem.length).fill(0xff) })
  world.unlink(a, c)
  world.run(seconds(3))
  const effects = askForKey(world, a, c)
  expect(codesOf(effects, 'refuse')).toEqual(['BAD_KEM_KEY'])
  expect(codesOf(effects, 'faulted')).toEqual(['BAD_KEM_KEY'])
})

test('a request that waits for a step-up is refused when its connection closes', () => {
  const world = new World()
  const [a, , c] = network3(world) as [TestNode, TestNode, TestNode]
  c.isFresh = false
  world.run(hours(1))
  world.unlink(a, c)
  world.run(seconds(3))
  expect(codesOf(askForKey(world, a, c), 'refuse')).toEqual([])
  const closed = world.feed(a, { kind: 'disconnected', node: c.id })
  expect(codesOf(closed, 'refuse')).toEqual(['NOT_CONNECTED'])
})

test('a neighbour that names made-up keys crowds out no key that another names', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  world.intercept = ({ protocol }) => (protocol === 'key' ? 'drop' : 'pass')
  const name = (from: TestNode, text: string): readonly MembershipEffect[] =>
    world.feed(a, { kind: 'unknownKey', id: digestOfText(text), from: from.id })
  for (let i = 0; i < 100; i++) name(b, `made up ${i}`)
  const asked = name(c, 'a key that entries name').flatMap(effect =>
    effect.kind === 'ask' && effect.protocol === 'key' ? [effect.node] : [],
  )
  expect(asked).toEqual([c.id])
})
