/**
 * The groups that FROST (RFC 9591) signs in, as arithmetic over bytes.
 *
 * Signing itself is noble's. What stands here beside it is what noble keeps to itself or answers with a throw
 * that names nobody: whether one dealer's package or one dealt share holds, so that a cheat has a name.
 */
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js'
import {
  schnorr_FROST,
  secp256k1,
  secp256k1_FROST,
  secp256k1_hasher,
} from '@noble/curves/secp256k1.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'

/** What a group signs: Ed25519, Schnorr over secp256k1 as RFC 9591 has it, and BIP-340 for Taproot. Append only. */
export const frostSuites = ['ed25519', 'secp256k1', 'secp256k1-taproot'] as const
export type FrostSuite = (typeof frostSuites)[number]

/** Length of scalars and so of shares and signature shares, in every suite. */
export const scalarBytes = 32
/** Most bytes of a point in any suite. */
export const pointBytesMax = 33
/** Most bytes of a proof of knowledge or of a signature in any suite. */
export const frostSignatureBytesMax = 65

/** The part of noble's points that is used here. */
interface Element<P> {
  add(other: P): P
  negate(): P
  multiply(scalar: bigint): P
  multiplyUnsafe(scalar: bigint): P
  equals(other: P): boolean
  is0(): boolean
  isTorsionFree(): boolean
  toBytes(): Uint8Array
}

interface Elements<P> {
  readonly BASE: P
  readonly ZERO: P
  fromBytes(bytes: Uint8Array): P
}

export type Frost = typeof ed25519_FROST
export type Scalars = Frost['utils']['Fn']

/** Arithmetic of one suite. Points and scalars are canonical bytes; what is malformed gives `undefined` or `false`. */
export interface SuiteArithmetic {
  readonly frost: Frost
  readonly scalars: Scalars
  /** Length of a point, in bytes. */
  readonly pointBytes: number
  /** Length of a signature, and of a proof of knowledge, in bytes. */
  readonly signatureBytes: number
  /** Whether bytes are the only spelling of a point of the prime-order group other than its identity. */
  isPoint(bytes: Uint8Array): boolean
  /** The point of a secret scalar; `undefined` for zero. */
  pointOf(scalar: bigint): Uint8Array | undefined
  /** The sum of the points times their public scalars; `undefined` if one is malformed or the sum is the identity. */
  sum(points: readonly Uint8Array[], scalars?: readonly bigint[]): Uint8Array | undefined
  negated(point: Uint8Array): Uint8Array | undefined
  /** Whether `proof` shows that who deals at `identifier` knows the secret behind `point`. */
  provesKnowledge(identifier: Uint8Array, point: Uint8Array, proof: Uint8Array): boolean
}

interface SuiteChoice<P> {
  readonly frost: Frost
  readonly elements: Elements<P>
  readonly pointBytes: number
  /** RFC 9591 leaves out distributed generation; this is the tag of the reference implementations, and noble's. */
  readonly proofChallenge: (input: Uint8Array) => bigint
  /** The commitment of a proof, as a point is written: BIP-340 leaves out the byte for an even y. */
  readonly commitmentOf: (proof: Uint8Array) => Uint8Array
  readonly signatureBytes: number
}

function arithmeticOf<P extends Element<P>>(choice: SuiteChoice<P>): SuiteArithmetic {
  const { frost, elements, pointBytes, signatureBytes } = choice
  const scalars = frost.utils.Fn
  const parse = (bytes: Uint8Array): P | undefined => {
    if (bytes.length !== pointBytes) return undefined
    try {
      const point = elements.fromBytes(bytes)
      if (point.is0() || !point.isTorsionFree()) return undefined
      return equalBytes(point.toBytes(), bytes) ? point : undefined
    } catch {
      // noble throws for whatever is no point of the curve.
      return undefined
    }
  }
  const written = (point: P | undefined): Uint8Array | undefined =>
    point === undefined || point.is0() ? undefined : point.toBytes()
  return {
    frost,
    scalars,
    pointBytes,
    signatureBytes,
    isPoint: bytes => parse(bytes) !== undefined,
    pointOf: scalar => (scalar === 0n ? undefined : elements.BASE.multiply(scalar).toBytes()),
    sum: (points, factors) => {
      let total: P | undefined = elements.ZERO
      points.forEach((bytes, i) => {
        const point = parse(bytes)
        const factor = factors?.[i] ?? 1n
        total = point === undefined ? undefined : total?.add(point.multiplyUnsafe(factor))
      })
      return written(total)
    },
    negated: point => written(parse(point)?.negate()),
    provesKnowledge: (identifier, point, proof) => {
      const [commitment, secret] = [parse(choice.commitmentOf(proof)), parse(point)]
      const response = scalarOf(scalars, proof.subarray(-scalarBytes))
      if (commitment === undefined || secret === undefined || response === undefined) return false
      if (proof.length !== signatureBytes) return false
      const challenge = choice.proofChallenge(
        concatBytes(identifier, point, choice.commitmentOf(proof)),
      )
      const expected = commitment.add(secret.multiplyUnsafe(challenge))
      return elements.BASE.multiplyUnsafe(response).equals(expected)
    },
  }
}

/** A scalar in its only spelling, or `undefined`. */
export function scalarOf(scalars: Scalars, bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== scalarBytes) return undefined
  try {
    return scalars.fromBytes(bytes)
  } catch {
    // noble throws for a number at or above the order.
    return undefined
  }
}

const secpChallenge =
  (tag: string) =>
  (input: Uint8Array): bigint =>
    secp256k1_hasher.hashToScalar(input, { DST: utf8(tag) })

const arithmetics: Readonly<Record<FrostSuite, SuiteArithmetic>> = {
  ed25519: arithmeticOf({
    frost: ed25519_FROST,
    elements: ed25519.Point,
    pointBytes: 32,
    proofChallenge: input => {
      const hash = sha512(concatBytes(utf8('FROST-ED25519-SHA512-v1dkg'), input))
      return ed25519_FROST.utils.Fn.create(BigInt(`0x${toHex(hash.reverse())}`))
    },
    commitmentOf: proof => proof.subarray(0, 32),
    signatureBytes: 64,
  }),
  secp256k1: arithmeticOf({
    frost: secp256k1_FROST,
    elements: secp256k1.Point,
    pointBytes: 33,
    proofChallenge: secpChallenge('FROST-secp256k1-SHA256-v1dkg'),
    commitmentOf: proof => proof.subarray(0, 33),
    signatureBytes: 65,
  }),
  'secp256k1-taproot': arithmeticOf({
    frost: schnorr_FROST,
    elements: secp256k1.Point,
    pointBytes: 33,
    proofChallenge: secpChallenge('FROST-secp256k1-SHA256-TR-v1dkg'),
    commitmentOf: proof => concatBytes(Uint8Array.of(2), proof.subarray(0, 32)),
    signatureBytes: 64,
  }),
}

/** The arithmetic of a suite. */
export function arithmetic(suite: FrostSuite): SuiteArithmetic {
  return arithmetics[suite]
}

/** The participant at `index` (1..255) as noble names it: its scalar in hexadecimal. */
export function identifierOf(suite: FrostSuite, index: number): string {
  assert(Number.isInteger(index) && index > 0 && index < 256, 'participants count from 1 to 255')
  return arithmetics[suite].frost.Identifier.fromNumber(index)
}

/** The same as bytes. */
export function identifierBytes(suite: FrostSuite, index: number): Uint8Array {
  return fromHex(identifierOf(suite, index)) ?? new Uint8Array(scalarBytes)
}

/** The weight of `index` when the shares of `indices` are interpolated at zero (RFC 9591 §4.2). */
export function weightOf(suite: FrostSuite, indices: readonly number[], index: number): bigint {
  const { scalars } = arithmetics[suite]
  let [numerator, denominator] = [1n, 1n]
  for (const other of indices) {
    if (other === index) continue
    numerator = scalars.mul(numerator, BigInt(other))
    denominator = scalars.mul(denominator, scalars.create(BigInt(other) - BigInt(index)))
  }
  return scalars.div(numerator, denominator)
}
