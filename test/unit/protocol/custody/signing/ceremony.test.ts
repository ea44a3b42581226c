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

test('no share of a ceremony is in anything that was ever sent', () => {
  const world = new SigningNetwork(['a', 'b', 'c', 'd', 'asker'])
  const group = world.found(['a', 'b', 'c'], { threshold: 2 })
  const proposal = world.proposal(['b', 'c', 'd'], { threshold: 2 }, { group, dealers: [1, 2] })
  const shareOf = (name: string): string =>
    world
      .node(name)
      .told('made')
      .at(-1)
      ?.share.use(secret => secret.use(toHex)) ?? 'none'
  const shares = ['a', 'b', 'c'].map(shareOf)
  world.sign('asker', group, message, lockKey)
  world.run()
  world.begin(proposal, ['a', 'b', 'c', 'd'])
  world.run()
  shares.push(...['b', 'c', 'd'].map(shareOf))
  expect(new Set(shares).size).toBe(6)
  const said = world.sent.map(({ bytes }) => toHex(bytes))
  expect(said.filter(text => shares.some(share => text.includes(share)))).toEqual([])
  const seen = JSON.stringify(world.nodes.flatMap(node => node.effects))
  expect(shares.filter(share => seen.includes(share))).toEqual([])
})
