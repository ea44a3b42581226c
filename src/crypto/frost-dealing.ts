/**
 * How a group's secret comes to be without anybody knowing it: each dealer splits a secret of its own, and the
 * sum of all is the group's (Pedersen's distributed generation, as in Komlo and Goldberg, "FROST", §5.1).
 *
 * Resharing is the same with one difference: what a dealer splits is its old share, weighted. The sum is then
 * the old secret, and its public key stays.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import {
  arithmetic,
  type FrostSuite,
  identifierBytes,
  identifierOf,
  scalarBytes,
  scalarOf,
  weightOf,
} from './frost-suite.ts'

/** What a dealer tells everybody: points of its polynomial, and that it knows the secret behind the first. */
export interface DealtCommitments {
  /** As many as the threshold; the first is the dealer's part of the public key. */
  readonly commitments: readonly Uint8Array[]
  readonly proof: Uint8Array
}

/** How to deal: `threshold` of 2 or more; `constant` is the secret to split, a fresh one unless given. Lent. */
export interface DealOptions {
  readonly suite: FrostSuite
  readonly index: number
  readonly threshold: number
  readonly constant?: Secret
}

/** A dealer's polynomial. */
export class Dealing implements DealtCommitments {
  readonly commitments: readonly Uint8Array[]
  readonly proof: Uint8Array
  readonly #suite: FrostSuite
  readonly #coefficients: Secret

  constructor({ suite, index, threshold, constant }: DealOptions, random: Random) {
    const { frost, scalars } = arithmetic(suite)
    const signers = { min: threshold, max: Math.max(threshold, index) }
    const draw = (count = 32): Uint8Array => random.bytes(count)
    const identifier = identifierOf(suite, index)
    const dealt =
      constant === undefined
        ? frost.DKG.round1(identifier, signers, undefined, draw)
        : constant.use(bytes => frost.DKG.round1(identifier, signers, bytes, draw))
    this.#suite = suite
    this.commitments = dealt.public.commitment
    this.proof = dealt.public.proofOfKnowledge
    const coefficients = dealt.secret.coefficients ?? []
    const rows = coefficients.map(each => scalars.toBytes(each))
    this.#coefficients = new Secret(concatBytes(...rows))
    for (const row of rows) row.fill(0)
    frost.DKG.clean(dealt.secret)
  }

  /** The share of the participant at `index`, owned by the caller. */
  shareFor(index: number): Secret {
    const { scalars } = arithmetic(this.#suite)
    return this.#coefficients.use(bytes => {
      let value = 0n
      for (let at = bytes.length - scalarBytes; at >= 0; at -= scalarBytes) {
        const coefficient = scalars.fromBytes(bytes.subarray(at, at + scalarBytes))
        value = scalars.add(scalars.mul(value, BigInt(index)), coefficient)
      }
      return new Secret(scalars.toBytes(value))
    })
  }

  [Symbol.dispose](): void {
    this.#coefficients[Symbol.dispose]()
  }
}

/** Whether what the dealer at `index` says is well formed and its own. Never throws. */
export function verifyDealing(
  dealer: { readonly suite: FrostSuite; readonly index: number; readonly threshold: number },
  { commitments, proof }: DealtCommitments,
): boolean {
  const { isPoint, provesKnowledge } = arithmetic(dealer.suite)
  const [first] = commitments
  if (commitments.length !== dealer.threshold || first === undefined) return false
  if (!commitments.every(isPoint)) return false
  return provesKnowledge(identifierBytes(dealer.suite, dealer.index), first, proof)
}

/** Whether `share` is what a dealer of these commitments owes the participant at `index`. Never throws. */
export function verifyDealtShare(
  suite: FrostSuite,
  commitments: readonly Uint8Array[],
  to: { readonly index: number; readonly share: Uint8Array },
): boolean {
  const { scalars, pointOf } = arithmetic(suite)
  const share = scalarOf(scalars, to.share)
  const point = share === undefined ? undefined : pointOf(share)
  const owed = evaluate(suite, commitments, to.index)
  return point !== undefined && owed !== undefined && equalBytes(point, owed)
}

/** The polynomial behind `commitments` at `index`, as a point. */
function evaluate(
  suite: FrostSuite,
  commitments: readonly Uint8Array[],
  index: number,
): Uint8Array | undefined {
  const { scalars, sum } = arithmetic(suite)
  const powers: bigint[] = []
  for (let power = 1n; powers.length < commitments.length; ) {
    powers.push(power)
    power = scalars.mul(power, BigInt(index))
  }
  return sum(commitments, powers)
}

/** What everybody can know of a group's key. */
export interface GroupKey {
  readonly suite: FrostSuite
  /** 32 bytes for ed25519, else a compressed point of 33; BIP-340 calls its last 32 the key. */
  readonly publicKey: Uint8Array
  /** Of each participant in order, from index 1 on: the point of its share. */
  readonly verificationShares: readonly Uint8Array[]
}

/** What all dealers together made. */
export interface CombinedKey extends GroupKey {
  /** The own share out of what each dealer sent, which is lent; the caller owns the answer. */
  readonly shareOf: (dealt: readonly Secret[]) => Secret
}

/**
 * Puts together what the dealers dealt to participants 1..`size`; `undefined` if their sum is nothing, which
 * only dealers who cheat together reach. The secret is new (`'fresh'`) or a group's that goes on (`'continued'`).
 *
 * A fresh Taproot key commits to having no script path (BIP-341, "Constructing and spending Taproot outputs"):
 * otherwise whoever dealt last could hide one in it.
 */
export function combineDealings(
  suite: FrostSuite,
  secret: 'fresh' | 'continued',
  dealt: { readonly size: number; readonly dealings: readonly (readonly Uint8Array[])[] },
): CombinedKey | undefined {
  const { sum, scalars } = arithmetic(suite)
  const summed = (dealt.dealings[0] ?? []).map((_, i) =>
    sum(dealt.dealings.map(commitments => commitments[i] ?? new Uint8Array())),
  )
  const commitments = summed.filter(point => point !== undefined)
  if (commitments.length !== summed.length) return undefined
  const change = secret === 'fresh' ? changeOf(suite, commitments[0]) : unchanged
  const points = Array.from({ length: dealt.size }, (_, i) => evaluate(suite, commitments, i + 1))
  const [publicKey, ...verificationShares] = [commitments[0], ...points].map(point =>
    point === undefined ? undefined : changedPoint(suite, point, change),
  )
  const known = verificationShares.filter(point => point !== undefined)
  if (publicKey === undefined || known.length !== dealt.size) return undefined
  return {
    suite,
    publicKey,
    verificationShares: known,
    shareOf: shares => {
      let total = 0n
      for (const share of shares) {
        total = scalars.add(
          total,
          share.use(bytes => scalars.fromBytes(bytes)),
        )
      }
      const signed = change.isNegated ? scalars.neg(total) : total
      return new Secret(scalars.toBytes(scalars.add(signed, change.tweak)))
    },
  }
}

/** What becomes of every share and point of a fresh key. */
interface Change {
  readonly isNegated: boolean
  readonly tweak: bigint
}

const unchanged: Change = { isNegated: false, tweak: 0n }

function changeOf(suite: FrostSuite, publicKey: Uint8Array | undefined): Change {
  if (suite !== 'secp256k1-taproot' || publicKey === undefined) return unchanged
  const hash = schnorr.utils.taggedHash('TapTweak', publicKey.subarray(1))
  const tweak = BigInt(`0x${toHex(hash)}`)
  assert(arithmetic(suite).scalars.isValid(tweak), 'a hash is below the order but once in 2^128')
  return { isNegated: publicKey[0] === 3, tweak }
}

function changedPoint(
  suite: FrostSuite,
  point: Uint8Array,
  { isNegated, tweak }: Change,
): Uint8Array | undefined {
  const { negated, sum, pointOf } = arithmetic(suite)
  const signed = isNegated ? negated(point) : point
  const added = pointOf(tweak)
  if (signed === undefined || added === undefined) return signed
  return sum([signed, added])
}

/** Who hands a group's key on: all of `dealers` together, of which `index` is one. */
export interface Handing {
  readonly suite: FrostSuite
  readonly dealers: readonly number[]
  readonly index: number
}

/** What a dealer splits to hand a key on: its share, which is lent, times its weight. */
export function weightedShare({ suite, dealers, index }: Handing, share: Secret): Secret {
  const { scalars } = arithmetic(suite)
  const weight = weightOf(suite, dealers, index)
  return share.use(
    bytes => new Secret(scalars.toBytes(scalars.mul(scalars.fromBytes(bytes), weight))),
  )
}

/** The first commitment that a dealer who hands a key on owes; `undefined` for a malformed verification share. */
export function owedCommitment(
  { suite, dealers, index }: Handing,
  verificationShare: Uint8Array,
): Uint8Array | undefined {
  return arithmetic(suite).sum([verificationShare], [weightOf(suite, dealers, index)])
}

/** Whether what these dealers hand on together is the group's key: anybody can write down a record that says so. */
export function isKeyOf(
  { suite, publicKey, verificationShares }: GroupKey,
  dealers: readonly number[],
): boolean {
  const shares = dealers.map(index => verificationShares[index - 1] ?? new Uint8Array())
  const weights = dealers.map(index => weightOf(suite, dealers, index))
  const sum = arithmetic(suite).sum(shares, weights)
  return sum !== undefined && equalBytes(sum, publicKey)
}

/** Whether `share` is the one behind `verificationShare`. */
export function holdsShare(
  suite: FrostSuite,
  share: Secret,
  verificationShare: Uint8Array,
): boolean {
  const { scalars, pointOf } = arithmetic(suite)
  const point = share.use(bytes => {
    const scalar = scalarOf(scalars, bytes)
    return scalar === undefined ? undefined : pointOf(scalar)
  })
  return point !== undefined && equalBytes(point, verificationShare)
}
