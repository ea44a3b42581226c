/** FROST: the figures of RFC 9591, every subset, and noble's own key generation as the second opinion. */
import { createPublicKey, verify } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import {
  aggregateShares,
  drawNonces,
  type Nonces,
  type SigningPackage,
  signShare,
  verifyGroupSignature,
  verifyShare,
} from '../../../src/crypto/frost.ts'
import {
  type CombinedKey,
  combineDealings,
  Dealing,
  type GroupKey,
  holdsShare,
  owedCommitment,
  verifyDealing,
  verifyDealtShare,
  weightedShare,
} from '../../../src/crypto/frost-dealing.ts'
import {
  arithmetic,
  type FrostSuite,
  frostSuites,
  identifierOf,
} from '../../../src/crypto/frost-suite.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import rfc9591 from '../../vectors/rfc9591.json' with { type: 'json' }
import { bytesOf } from './hex.ts'

const secretOf = (hex: string): Secret => new Secret(bytesOf(hex))
/** Chance that says what it is told to, once. */
const saying = (...words: readonly string[]) => {
  const left = words.map(bytesOf)
  return { bytes: (): Uint8Array => left.shift() ?? new Uint8Array(32) }
}

describe.each(rfc9591.vectors)('RFC 9591 $name', vector => {
  const suite = vector.suite as FrostSuite
  const { pointOf, scalars } = arithmetic(suite)
  const key: GroupKey = {
    suite,
    publicKey: bytesOf(vector.publicKey),
    verificationShares: vector.shares.map(
      share => pointOf(scalars.fromBytes(bytesOf(share))) as Uint8Array,
    ),
  }
  const message = bytesOf(vector.message)
  const drawn = vector.signers.map(({ index, hidingRandomness, bindingRandomness }) => {
    const share = secretOf(vector.shares[index - 1] as string)
    return {
      index,
      share,
      ...drawNonces(suite, share, saying(hidingRandomness, bindingRandomness)),
    }
  })
  const signed: SigningPackage = {
    message,
    commitments: drawn.map(({ index, commitment }) => ({ index, ...commitment })),
  }

  test('nonces, commitments, shares and the signature are the figures of the document', () => {
    const shares = drawn.map((signer, i) => {
      const figures = vector.signers[i]
      expect(signer.secret.use(toHex)).toBe(`${figures?.hidingNonce}${figures?.bindingNonce}`)
      expect(toHex(signer.commitment.hiding)).toBe(figures?.hidingCommitment)
      expect(toHex(signer.commitment.binding)).toBe(figures?.bindingCommitment)
      const { index, share, secret: nonces } = signer
      const made = signShare(key, { index, share, nonces }, signed) as Uint8Array
      expect(toHex(made)).toBe(figures?.signatureShare)
      expect(verifyShare(key, signed, { index, share: made })).toBe(true)
      return made
    })
    const signature = aggregateShares(key, signed, shares) as Uint8Array
    expect(toHex(signature)).toBe(vector.signature)
    expect(verifyGroupSignature(key, message, signature)).toBe(true)
  })
})

interface Group extends CombinedKey {
  readonly shares: readonly Secret[]
}

/** A group of `size` that dealt to each other. */
function groupOf(suite: FrostSuite, size: number, threshold: number, seed = 1): Group {
  const random = seededRandom(seed)
  const indices = Array.from({ length: size }, (_, i) => i + 1)
  const dealings = indices.map(index => new Dealing({ suite, index, threshold }, random))
  const dealt = { size, dealings: dealings.map(({ commitments }) => commitments) }
  const combined = combineDealings(suite, 'fresh', dealt) as CombinedKey
  const shares = indices.map(to => combined.shareOf(dealings.map(each => each.shareFor(to))))
  return { ...combined, shares }
}

/** The shares that `signers` make of a message together. */
function sharesOf(group: Group, signers: readonly number[], message: Uint8Array, seed = 2) {
  const random = seededRandom(seed)
  const drawn = signers.map(index => {
    const share = group.shares[index - 1] as Secret
    return { index, share, ...drawNonces(group.suite, share, random) }
  })
  const signed: SigningPackage = {
    message,
    commitments: drawn.map(({ index, commitment }) => ({ index, ...commitment })),
  }
  const shares = drawn.map(
    ({ index, share, secret: nonces }) =>
      signShare(group, { index, share, nonces }, signed) as Uint8Array,
  )
  return { signed, shares, drawn }
}

const subsets = (size: number): number[][] =>
  Array.from({ length: 2 ** size }, (_, bits) =>
    Array.from({ length: size }, (_, i) => i + 1).filter(index => (bits >> (index - 1)) & 1),
  )

describe.each(frostSuites)('a group of %s', suite => {
  const message = utf8('pay 3 to Anna')

  test.each([
    [2, 3],
    [3, 4],
    [2, 2],
  ])(
    '%i of %i: every subset of the threshold or more signs, and none of fewer',
    (threshold, size) => {
      const group = groupOf(suite, size, threshold)
      for (const signers of subsets(size).filter(({ length }) => length >= 2)) {
        const { signed, shares } = sharesOf(group, signers, message)
        shares.forEach((share, i) => {
          const index = signers[i] as number
          expect(verifyShare(group, signed, { index, share })).toBe(true)
        })
        if (signers.length < threshold) {
          expect(aggregateShares(group, signed, shares)).toBeUndefined()
          continue
        }
        const signature = aggregateShares(group, signed, shares) as Uint8Array
        expect(verifyGroupSignature(group, message, signature)).toBe(true)
        expect(verifyGroupSignature(group, utf8('pay 4 to Anna'), signature)).toBe(false)
      }
    },
  )

  test('fewer shares than the threshold interpolate to something else', () => {
    const group = groupOf(suite, 4, 3)
    const { frost, pointOf, scalars } = arithmetic(suite)
    const keyOf = (signers: readonly number[]): string => {
      const shares = signers.map(index => ({
        identifier: identifierOf(suite, index),
        signingShare: (group.shares[index - 1] as Secret).use(bytes => bytes.slice()),
      }))
      const secret = frost.combineSecret(shares, { min: 2, max: 4 })
      return toHex(pointOf(scalars.fromBytes(secret)) as Uint8Array)
    }
    for (const signers of subsets(4).filter(({ length }) => length >= 2)) {
      expect(keyOf(signers) === toHex(group.publicKey)).toBe(signers.length >= 3)
    }
  })

  test('a changed share is found, and whose it is', () => {
    const group = groupOf(suite, 3, 2)
    const { signed, shares } = sharesOf(group, [1, 3], message)
    const bent = (shares[1] as Uint8Array).slice()
    bent[5] = (bent[5] ?? 0) ^ 1
    expect(verifyShare(group, signed, { index: 3, share: bent })).toBe(false)
    expect(verifyShare(group, signed, { index: 1, share: shares[1] as Uint8Array })).toBe(false)
    expect(verifyShare(group, signed, { index: 2, share: shares[1] as Uint8Array })).toBe(false)
    expect(verifyShare(group, signed, { index: 3, share: shares[1] as Uint8Array })).toBe(true)
  })

  test('nonces sign once and are wiped, also by a package that is not theirs', () => {
    const group = groupOf(suite, 3, 2)
    const { signed, drawn } = sharesOf(group, [1, 2], message)
    for (const { secret } of drawn) expect(secret.isWiped).toBe(true)
    const share = group.shares[0] as Secret
    const fresh: Nonces = drawNonces(suite, share, seededRandom(9))
    expect(signShare(group, { index: 1, share, nonces: fresh.secret }, signed)).toBeUndefined()
    expect(fresh.secret.isWiped).toBe(true)
  })

  test('noble makes the same group out of the same packages', () => {
    const random = seededRandom(5)
    const { frost } = arithmetic(suite)
    const draw = (count = 32): Uint8Array => random.bytes(count)
    const made = [1, 2, 3].map(index =>
      frost.DKG.round1(identifierOf(suite, index), { min: 2, max: 3 }, undefined, draw),
    )
    const others = (i: number) => made.filter((_, j) => j !== i).map(each => each.public)
    const sent = made.map((each, i) => frost.DKG.round2(each.secret, others(i)))
    const combined = combineDealings(suite, 'fresh', {
      size: 3,
      dealings: made.map(each => each.public.commitment),
    }) as CombinedKey
    const own = (to: number, from: number): Secret => {
      const { coefficients = [] } = made[from]?.secret ?? {}
      const { Fn } = frost.utils
      const value = coefficients.reduceRight(
        (sum, each) => Fn.add(Fn.mul(sum, BigInt(to + 1)), each),
        0n,
      )
      return new Secret(Fn.toBytes(value))
    }
    made.forEach(({ public: dealt }, i) => {
      const dealer = { suite, index: i + 1, threshold: 2 }
      expect(
        verifyDealing(dealer, {
          ...dealt,
          commitments: dealt.commitment,
          proof: dealt.proofOfKnowledge,
        }),
      ).toBe(true)
    })
    // Before the third round, which wipes the polynomials.
    const shares = made.map((_, i) => combined.shareOf(made.map((_dealer, from) => own(i, from))))
    made.forEach((each, i) => {
      const name = identifierOf(suite, i + 1)
      const received = sent.flatMap((packages, from) => {
        const dealt = packages[name]
        return from === i || dealt === undefined ? [] : [dealt]
      })
      const key = frost.DKG.round3(each.secret, others(i), received)
      expect(shares[i]?.use(toHex)).toBe(toHex(key.secret.signingShare))
      expect(toHex(combined.publicKey)).toBe(toHex(key.public.commitments[0] as Uint8Array))
      expect(toHex(combined.verificationShares[i] as Uint8Array)).toBe(
        toHex(key.public.verifyingShares[name] as Uint8Array),
      )
    })
  })

  test('a key handed on to others under another threshold stays the same key', () => {
    for (const seed of [1, 2, 3, 4]) {
      const old = groupOf(suite, 3, 2, seed)
      const dealers = [1, 3]
      const random = seededRandom(seed + 10)
      const dealings = dealers.map(index => {
        const handing = { suite, dealers, index }
        using constant = weightedShare(handing, old.shares[index - 1] as Secret)
        const dealing = new Dealing({ suite, index, threshold: 3, constant }, random)
        const owed = owedCommitment(handing, old.verificationShares[index - 1] as Uint8Array)
        expect(owed).toEqual(dealing.commitments[0])
        return dealing
      })
      const dealt = { size: 5, dealings: dealings.map(({ commitments }) => commitments) }
      const combined = combineDealings(suite, 'continued', dealt) as CombinedKey
      expect(combined.publicKey).toEqual(old.publicKey)
      const shares = [1, 2, 3, 4, 5].map(to =>
        combined.shareOf(dealings.map(each => each.shareFor(to))),
      )
      shares.forEach((share, i) => {
        expect(holdsShare(suite, share, combined.verificationShares[i] as Uint8Array)).toBe(true)
      })
      const group = { ...combined, shares }
      const { signed, shares: made } = sharesOf(group, [2, 4, 5], message)
      expect(
        verifyGroupSignature(old, message, aggregateShares(group, signed, made) as Uint8Array),
      ).toBe(true)
    }
  })

  test('a package whose proof, point or place is changed is refused, and so is a changed share', () => {
    const dealing = new Dealing({ suite, index: 2, threshold: 2 }, seededRandom(3))
    const dealer = { suite, index: 2, threshold: 2 }
    const { commitments, proof } = dealing
    expect(verifyDealing(dealer, dealing)).toBe(true)
    expect(verifyDealing({ ...dealer, index: 1 }, dealing)).toBe(false)
    expect(verifyDealing({ ...dealer, threshold: 3 }, dealing)).toBe(false)
    expect(verifyDealing(dealer, { commitments: commitments.slice(1), proof })).toBe(false)
    expect(verifyDealing(dealer, { commitments: commitments.toReversed(), proof })).toBe(false)
    for (let at = 0; at < proof.length; at += 7) {
      const bent = proof.slice()
      bent[at] = (bent[at] ?? 0) ^ 4
      expect(verifyDealing(dealer, { commitments, proof: bent })).toBe(false)
    }
    const share = dealing.shareFor(3).use(bytes => bytes.slice())
    expect(verifyDealtShare(suite, commitments, { index: 3, share })).toBe(true)
    expect(verifyDealtShare(suite, commitments, { index: 4, share })).toBe(false)
    share[7] = (share[7] ?? 0) ^ 1
    expect(verifyDealtShare(suite, commitments, { index: 3, share })).toBe(false)
  })

  test('whatever bytes a peer sends are judged without a throw', () => {
    const group = groupOf(suite, 3, 2)
    const { signed, shares } = sharesOf(group, [1, 2], message)
    const blob = fc.uint8Array({ maxLength: 70 })
    const { pointBytes } = arithmetic(suite)
    const pointLike = fc.oneof(
      blob,
      fc.uint8Array({ minLength: pointBytes, maxLength: pointBytes }),
    )
    fc.assert(
      fc.property(
        pointLike,
        pointLike,
        blob,
        fc.nat({ max: 255 }),
        (hiding, binding, bytes, index) => {
          const [first] = signed.commitments
          const odd = {
            message,
            commitments: [first, { index, hiding, binding }],
          } as SigningPackage
          expect(verifyShare(group, odd, { index: 1, share: shares[0] as Uint8Array })).toBe(false)
          expect(verifyShare(group, signed, { index: 1, share: bytes })).toBe(false)
          expect(verifyGroupSignature(group, message, bytes)).toBe(false)
          const dealt = { commitments: [hiding, binding], proof: bytes }
          expect(verifyDealing({ suite, index: 1, threshold: 2 }, dealt)).toBe(false)
          const share = fc.sample(blob, 1)[0] as Uint8Array
          expect(verifyDealtShare(suite, [hiding, binding], { index: 1, share })).toBe(false)
          expect(combineDealings(suite, 'fresh', { size: 2, dealings: [[hiding]] })).not.toBe(null)
        },
      ),
      { numRuns: 60 },
    )
  })
})

test('a signature of ed25519 is one for node:crypto, over the raw bytes as Solana signs a transaction', () => {
  const group = groupOf('ed25519', 3, 2)
  const transaction = Uint8Array.from({ length: 1232 }, (_, i) => i % 251)
  const { signed, shares } = sharesOf(group, [2, 3], transaction)
  const signature = aggregateShares(group, signed, shares) as Uint8Array
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(group.publicKey).toString('base64url') }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  expect(verify(null, transaction, key, signature)).toBe(true)
  expect(verify(null, transaction.slice(1), key, signature)).toBe(false)
})

test('a signature of Taproot is one of BIP-340 under the last 32 bytes of the key, odd or even', () => {
  const seen = new Set<number>()
  for (let seed = 1; seen.size < 2; seed++) {
    const group = groupOf('secp256k1-taproot', 3, 2, seed)
    seen.add(group.publicKey[0] as number)
    const message = new Uint8Array(32).fill(seed)
    const { signed, shares } = sharesOf(group, [1, 2], message)
    const signature = aggregateShares(group, signed, shares) as Uint8Array
    expect(schnorr.verify(signature, message, group.publicKey.subarray(1))).toBe(true)
  }
})
