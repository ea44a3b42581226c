/**
 * Ed25519 signatures by a signer without manners: points of small order added to the key, to the commitment
 * or to both (Chalkias et al., "Taming the many EdDSAs", SSR 2020, §4). Made here from the group law, with
 * what the equation without cofactor says of each.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import { sha512 } from '../../../src/crypto/hash.ts'
import type { Signed } from '../../../src/crypto/sign.ts'
import { bytesOf } from './hex.ts'

const { Point } = ed25519
const scalars = Point.Fn

export interface EdgeCase {
  readonly name: string
  readonly signed: Signed
  /** Whether S·B = R + k·A holds exactly, with A and R not of small order. */
  readonly holds: boolean
}

/** A point of order 8 (SSR 2020, Table 1); its multiples are all eight points of small order. */
const torsion = Point.fromBytes(
  bytesOf('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
)
const small = Array.from({ length: 8 }, (_, i) => torsion.multiplyUnsafe(BigInt(i)))
const [secret, nonce] = [1234567891011n, 998877665544332211n]

/** For each pair of torsion on key and commitment, two messages; zero scalars make pure small-order points. */
export const edgeCases: readonly EdgeCase[] = [
  [secret, nonce] as const,
  [0n, nonce] as const,
  [secret, 0n] as const,
].flatMap(([a, r]) =>
  small.flatMap((onKey, i) =>
    small.flatMap((onCommitment, j) =>
      ['first', 'second'].map(message => {
        const key = multiple(a).add(onKey)
        const commitment = multiple(r).add(onCommitment)
        const signed = signWith({ a, r, key, commitment, message: utf8(message) })
        return { name: `${a} ${r} ${i} ${j} ${message}`, ...signed }
      }),
    ),
  ),
)

type Point = typeof torsion

function multiple(scalar: bigint): Point {
  return scalar === 0n ? Point.ZERO : Point.BASE.multiply(scalar)
}

function signWith(parts: {
  readonly a: bigint
  readonly r: bigint
  readonly key: Point
  readonly commitment: Point
  readonly message: Uint8Array
}): { readonly signed: Signed; readonly holds: boolean } {
  const { a, r, key, commitment, message } = parts
  const [publicKey, first] = [key.toBytes(), commitment.toBytes()]
  const hash = sha512(concatBytes(first, publicKey, message)).toReversed()
  const challenge = scalars.create(BigInt(`0x${toHex(hash)}`))
  const response = scalars.create(r + challenge * a)
  const second = bytesOf(response.toString(16).padStart(64, '0')).toReversed()
  const right = commitment.add(challenge === 0n ? Point.ZERO : key.multiplyUnsafe(challenge))
  const isWeak = key.isSmallOrder() || commitment.isSmallOrder()
  return {
    signed: { publicKey, message, signature: concatBytes(first, second) },
    holds: !isWeak && multiple(response).equals(right),
  }
}
