import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { combineShares, shareCommitment, shareSecret } from '../../../src/crypto/secret-shares.ts'

const hexOf = (secret: Secret | undefined): string | undefined => secret?.use(toHex)
const secret = (): Secret => new Secret(Uint8Array.from({ length: 32 }, (_, i) => (i * 37) % 256))

/** Every row of `size` of these, in their order. */
function subsets<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]]
  return items.flatMap((item, i) =>
    subsets(items.slice(i + 1), size - 1).map(rest => [item, ...rest]),
  )
}

test.each([
  [2, 2],
  [2, 3],
  [3, 5],
  [4, 6],
  [7, 7],
])(
  '%i of %i: every subset of that size gives the secret, and none that is smaller',
  async (threshold, count) => {
    const shares = await shareSecret(secret(), { count, threshold })
    expect(new Set(shares.map(hexOf)).size).toBe(count)
    for (let size = 2; size <= count; size++) {
      for (const subset of subsets(shares, size)) {
        const combined = hexOf(await combineShares(subset))
        if (size >= threshold) expect(combined).toBe(hexOf(secret()))
        else expect(combined).not.toBe(hexOf(secret()))
      }
    }
  },
)

test('fewer shares than it takes say nothing: for every secret there is a share that completes them to it', async () => {
  // One byte suffices to show it, because each byte has a polynomial of its own.
  const shares = await shareSecret(new Secret(Uint8Array.of(200)), { count: 3, threshold: 2 })
  const [known, other] = shares.map(share => share.use(bytes => bytes.slice()))
  const reached = new Set<string | undefined>()
  for (let y = 0; y < 256; y++) {
    const guess = Uint8Array.of(other?.[0] ?? 0, y)
    reached.add(
      hexOf(
        await combineShares([known ?? new Uint8Array(), guess].map(b => new Secret(b.slice()))),
      ),
    )
  }
  expect(reached.size).toBe(256)
})

test('one changed bit of a share gives another secret, and does not fit its commitment', async () => {
  const shares = await shareSecret(secret(), { count: 3, threshold: 2 })
  await fc.assert(
    fc.asyncProperty(fc.nat(33 * 8 - 1), async bit => {
      const changed = shares[0]?.use(bytes => bytes.slice()) ?? new Uint8Array()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const wrong = new Secret(changed)
      expect(shareCommitment(wrong)).not.toEqual(shareCommitment(shares[0] ?? secret()))
      expect(hexOf(await combineShares([wrong, shares[1] ?? secret()]))).not.toBe(hexOf(secret()))
    }),
  )
})

test('shares that are none are no secret: one alone, twice the same, without a position, of two lengths', async () => {
  const [one, two] = await shareSecret(secret(), { count: 2, threshold: 2 })
  if (one === undefined || two === undefined) throw new Error('two were asked for')
  const nowhere = new Secret(two.use(bytes => bytes.slice().fill(0, 0, 1)))
  const short = new Secret(two.use(bytes => bytes.slice(0, -1)))
  for (const shares of [[one], [one, one], [one, nowhere], [one, short], []]) {
    expect(await combineShares(shares)).toBeUndefined()
  }
})

test('shares in this layout combine as other implementations of the field do', async () => {
  // f(x) = s + a x over GF(2^8) with x^8 + x^4 + x^3 + x + 1, worked out by hand for s = 0x57, a = 0x83: f(1) = 0xd4, f(2) = 0x4a.
  const shares = ['01d4', '024a'].map(hex => new Secret(fromHex(hex) ?? utf8('')))
  expect(hexOf(await combineShares(shares))).toBe('57')
})
