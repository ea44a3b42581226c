/** Keys that nobody holds: made, handed on, and who is named when somebody cheats. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../../src/base/bytes.ts'
import { verifyGroupSignature } from '../../../../../src/crypto/frost.ts'
import { frostSuites } from '../../../../../src/crypto/frost-suite.ts'
import { groupId } from '../../../../../src/wire/signing-group.ts'
import { SigningNetwork } from '../../../../fakes/signing-network.ts'

const message = utf8('pay 3 to Anna')
const lockKey = utf8('nonce account 7, value 12')

test.each(frostSuites)(
  'three nodes make a key of %s that nobody holds, and any two sign',
  suite => {
    const world = new SigningNetwork(['a', 'b', 'c', 'asker'])
    const group = world.found(['a', 'b', 'c'], { suite, threshold: 2 })
    for (const name of ['a', 'b', 'c']) {
      const [made] = world.node(name).told('made')
      expect(toHex(made?.share.id ?? new Uint8Array())).toBe(toHex(groupId(group)))
    }
    world.sign('asker', group, message, lockKey)
    world.run()
    const [signed] = world.node('asker').told('signed')
    expect(verifyGroupSignature(group, message, signed?.signature as Uint8Array)).toBe(true)
  },
)

test.each(frostSuites)('a key of %s is handed on to others under another threshold', suite => {
  const world = new SigningNetwork(['a', 'b', 'c', 'd', 'e', 'asker'])
  const old = world.found(['a', 'b', 'c'], { suite, threshold: 2 })
  const names = ['c', 'd', 'e', 'b']
  const proposal = world.proposal(names, { threshold: 3 }, { group: old, dealers: [1, 3] })
  world.begin(proposal, ['a', 'b', 'c', 'd', 'e'])
  world.run()
  const made = world.node('d').told('made')[0]?.share.group
  expect(made?.publicKey).toEqual(old.publicKey)
  expect(made?.epoch).toBe(2)
  world.sign('asker', made as typeof old, message, lockKey)
  world.run()
  const [signed] = world.node('asker').told('signed')
  expect(verifyGroupSignature(old, message, signed?.signature as Uint8Array)).toBe(true)
  world.sign('asker', old, message, lockKey, 2)
  world.run()
  expect(world.node('asker').told('notSigned')).toMatchObject([{ request: 2, code: 'EPOCH_ENDED' }])
})
