/** A record of a group that was made up: its shares hold, and its key is another. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../../src/base/bytes.ts'
import { Secret } from '../../../../../src/base/secret.ts'
import { KeyShare } from '../../../../../src/protocol/custody/signing/key-share.ts'
import { makeGroup, worldOf } from '../../../../fakes/signing-schedule.ts'

test('shares that make no signature of the key say that the record is false, and name no signer', () => {
  const made = makeGroup(3, { threshold: 2, locks: false })
  const world = worldOf(made, 9)
  const [publicKey = new Uint8Array()] = made.group.verificationShares
  const group = { ...made.group, publicKey }
  for (const name of ['a', 'b', 'c']) {
    const node = world.node(name)
    const [held] = node.shares.values()
    const share = held?.use(secret => new Secret(secret.use(bytes => bytes.slice())))
    if (share === undefined) throw new Error('it holds a share')
    node.adopt(new KeyShare({ group, identity: node.identity, share }))
  }
  world.sign('x', group, utf8('a message'), null)
  world.run()
  expect(world.node('x').told('notSigned')).toMatchObject([{ code: 'GROUP_FALSE' }])
  expect([world.node('x').told('signed'), world.node('x').told('cheated')]).toEqual([[], []])
})
