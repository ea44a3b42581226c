/** Which groups a node remembers. */
import { expect, test } from 'vitest'
import { type Digest, digestOf } from '../../../src/base/ids.ts'
import { GroupBook } from '../../../src/node/group-book.ts'
import { groupId, type SigningGroup } from '../../../src/wire/signing-group.ts'

const network = new Uint8Array(32)

function numbered(n: number): SigningGroup {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, n)
  return {
    ...{ network, suite: 'ed25519', epoch: 1, threshold: 2, clonesMax: 0, locks: false },
    ...{ publicKey: bytes, verificationShares: [bytes, bytes] },
    participants: [1, 2].map(place => ({
      identity: bytes.with(31, place),
      instance: bytes.with(31, place),
    })),
  }
}

test('the group of a share that is held is never forgotten, however many are made after it', () => {
  const held = new Set<Digest>()
  const book = new GroupBook(network, id => held.has(id))
  for (let n = 0; n < 64; n++) held.add(book.made(numbered(n), `purpose ${n}`))
  const gone = digestOf(groupId(numbered(100)))
  for (let n = 100; n < 1_000; n++) book.made(numbered(n), 'handed on')
  expect([...held].map(id => book.view(id)?.purpose)).toEqual(
    Array.from({ length: 64 }, (_, n) => `purpose ${n}`),
  )
  expect(book.view(gone)).toBeUndefined()
})

test('a record that others made up and had signed does not stand above what this node saw being made', () => {
  const book = new GroupBook(network, () => true)
  const [first, next] = [numbered(1), { ...numbered(1), epoch: 2 }]
  const madeUp = { ...first, epoch: 99, participants: numbered(7).participants }
  const id = book.made(first, 'ours')
  book.signed(digestOf(groupId(madeUp)), madeUp)
  expect(book.newest(id)).toBe(digestOf(groupId(madeUp)))
  const seen = book.made(next, 'ours')
  expect(book.newest(id)).toBe(seen)
  // What is later by epochs alone still goes on: this node need not have seen it.
  const later = { ...first, epoch: 3, participants: numbered(8).participants }
  book.signed(digestOf(groupId(later)), later)
  expect(book.newest(id)).toBe(digestOf(groupId(later)))
})
