/** What a signer offers is judged once for each time that it was asked. */
import { expect, test } from 'vitest'
import { Secret } from '../../../../../src/base/secret.ts'
import { type Instant, instant, seconds } from '../../../../../src/base/time.ts'
import { drawNonces, type NonceCommitment } from '../../../../../src/crypto/frost.ts'
import { NoncePool } from '../../../../../src/protocol/custody/signing/nonce-pool.ts'
import { seededRandom } from '../../../../fakes/beat-network.ts'

const patience = seconds(2)
const random = seededRandom(5)
const pair = (): NonceCommitment =>
  drawNonces('ed25519', new Secret(new Uint8Array(32).fill(3)), random).commitment
const rubbish: NonceCommitment = { hiding: new Uint8Array(32).fill(9), binding: new Uint8Array(32) }

function asked(at: Instant) {
  const pool = new NoncePool('ed25519', random, 4)
  const session = pool.ask(1, at, patience)
  if (session === undefined) throw new Error('an empty pool asks')
  return { pool, session }
}

test.each<[string, readonly NonceCommitment[]]>([
  ['nothing', []],
  ['no points', [pair(), rubbish]],
  ['more than was asked for', Array.from({ length: 5 }, pair)],
])('a signer that offers %s is asked again no sooner than one that is silent', (_, commitments) => {
  const { pool, session } = asked(instant(0))
  expect(pool.add(1, session, { commitments })).toBe(false)
  expect([pool.has(1), pool.ask(1, instant(1_999), patience)]).toEqual([false, undefined])
  // A second answer to the same question is none.
  expect(pool.add(1, session, { commitments: [pair()] })).toBe(false)
  const next = pool.ask(1, instant(2_000), patience)
  expect(pool.add(1, next as Uint8Array, { commitments: [pair()] })).toBe(true)
  expect(pool.has(1)).toBe(true)
})

test('a signer that offered points is asked at once when they run out', () => {
  const { pool, session } = asked(instant(0))
  const first = pair()
  expect(pool.add(1, session, { commitments: [first] })).toBe(true)
  expect(pool.take(1)).toEqual(first)
  expect(pool.ask(1, instant(1), patience)).toBeDefined()
})
