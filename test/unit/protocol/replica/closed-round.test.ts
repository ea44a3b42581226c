/** A search for the difference that cannot begin goes by pages, and nobody is blamed for the answer. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { digestOf } from '../../../../src/base/ids.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { FakeNetwork } from '../../../fakes/replica-network.ts'

test('a member that lacks a commit key for a while pulls from a newcomer by pages, and blames nobody', () => {
  const network = new FakeNetwork({ seed: 21 })
  const first = network.found()
  const second = network.join()
  network.beatFor(4)
  for (let i = 0; i < 50; i++) network.set(first, `old-${i}`, 'x')
  network.beatFor(3)
  const later = digestOf(sha256(utf8('a later commit key')))
  first.commitSalts.set(later, utf8('a later commit key'))
  network.feed(first, { kind: 'commitKeyChosen', id: later })
  for (let i = 0; i < 50; i++) network.set(first, `new-${i}`, 'x')
  network.beatFor(3)
  // Its leaves are hashed in part, so it would rather search for the difference, and cannot.
  expect(second.replica.roots()).toBeUndefined()
  const newcomer = network.join()
  network.beatFor(10)
  expect(newcomer.phase).toBe('active')
  expect(newcomer.replica.entryCount).toBe(100)
  const faults = network.nodes.flatMap(({ effects }) => effects.filter(e => e.kind === 'peerFault'))
  expect(faults).toEqual([])
})
