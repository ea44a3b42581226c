/**
 * FROST (RFC 9591) of noble behind a typed door: who signs what with which nonces, and whether a share holds.
 *
 * Secrets come and go as `Secret`, chance is an argument, and what a peer sent never throws: malformed bytes
 * are `false` or `undefined`.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { concatBytes } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import type { GroupKey } from './frost-dealing.ts'
import {
  arithmetic,
  type Frost,
  type FrostSuite,
  identifierOf,
  scalarBytes,
  scalarOf,
} from './frost-suite.ts'
import { verifySignature } from './sign.ts'

/** The public halves of a pair of nonces: points. */
export interface NonceCommitment {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

/** A nonce commitment and whose it is. */
export interface IndexedCommitment extends NonceCommitment {
  /** From 1 on. */
  readonly index: number
}

/** What a set of signers signs together: one commitment of each, and the message. */
export interface SigningPackage {
  readonly commitments: readonly IndexedCommitment[]
  readonly message: Uint8Array
}

/** A pair of nonces for exactly one signature share. */
export interface Nonces {
  /** 64 bytes, hiding and binding. */
  readonly secret: Secret
  readonly commitment: NonceCommitment
}

/** Draws a pair of nonces, hedged with the share, which is lent (RFC 9591 §4.1, §5.1). */
export function drawNonces(suite: FrostSuite, share: Secret, random: Random): Nonces {
  const { frost } = arithmetic(suite)
  return share.use(bytes => {
    const key = { identifier: identifierOf(suite, 1), signingShare: bytes }
    const { nonces, commitments } = frost.commit(key, (count = 32) => random.bytes(count))
    const secret = new Secret(concatBytes(nonces.hiding, nonces.binding))
    nonces.hiding.fill(0)
    nonces.binding.fill(0)
    return { secret, commitment: { hiding: commitments.hiding, binding: commitments.binding } }
  })
}

/** Whether both are points that a nonce can have. Never throws. */
export function isNonceCommitment(suite: FrostSuite, commitment: NonceCommitment): boolean {
  const { isPoint } = arithmetic(suite)
  return isPoint(commitment.hiding) && isPoint(commitment.binding)
}

/** Whose share of the signature, made with what. `share` is lent; `nonces` are wiped, whatever comes of it. */
export interface SigningShare {
  readonly index: number
  readonly share: Secret
  readonly nonces: Secret
}

/**
 * 32 bytes (RFC 9591 §5.2); `undefined` if the package is malformed or does not hold the commitment of these nonces.
 * The nonces are gone in any case.
 */
export function signShare(
  key: GroupKey,
  own: SigningShare,
  signed: SigningPackage,
): Uint8Array | undefined {
  using nonces = own.nonces
  if (!isPackage(key, signed)) return undefined
  const { frost } = arithmetic(key.suite)
  return nonces.use(bytes =>
    own.share.use(share => {
      const secret = { identifier: identifierOf(key.suite, own.index), signingShare: share }
      const pair = { hiding: bytes.subarray(0, 32), binding: bytes.subarray(32) }
      try {
        return frost.signShare(
          secret,
          publicOf(key),
          pair,
          commitmentsOf(key, signed),
          signed.message,
        )
      } catch {
        // noble throws for commitments that are no points, and if these nonces are not among them.
        return undefined
      }
    }),
  )
}

/** Whether the signer at `index` made `share` of exactly this package (RFC 9591 §5.4). Never throws. */
export function verifyShare(
  key: GroupKey,
  signed: SigningPackage,
  from: { readonly index: number; readonly share: Uint8Array },
): boolean {
  const { frost, scalars } = arithmetic(key.suite)
  if (!isPackage(key, signed) || scalarOf(scalars, from.share) === undefined) return false
  if (!signed.commitments.some(({ index }) => index === from.index)) return false
  const identifier = identifierOf(key.suite, from.index)
  const list = commitmentsOf(key, signed)
  try {
    return frost.verifyShare(publicOf(key), list, signed.message, identifier, from.share)
  } catch {
    // noble throws for commitments that are no points: nobody honest signs with them.
    return false
  }
}

/** The signature out of shares in the order of the package's commitments; `undefined` unless it holds: then one of them is false. */
export function aggregateShares(
  key: GroupKey,
  signed: SigningPackage,
  shares: readonly Uint8Array[],
): Uint8Array | undefined {
  assert(shares.length === signed.commitments.length, 'every signer of a package gave its share')
  const { frost } = arithmetic(key.suite)
  const list = commitmentsOf(key, signed)
  const byName = Object.fromEntries(
    list.map(({ identifier }, i) => [identifier, shares[i] ?? new Uint8Array(scalarBytes)]),
  )
  try {
    return frost.aggregate(publicOf(key), list, signed.message, byName)
  } catch {
    // noble throws for a sum that does not hold under the public key, or for what is no point of one.
    return undefined
  }
}

/** Whether a group's signature holds. Never throws. */
export function verifyGroupSignature(
  { suite, publicKey }: Pick<GroupKey, 'suite' | 'publicKey'>,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  // The strict predicate: as Solana and node:crypto judge it, without the cofactor of RFC 9591.
  if (suite === 'ed25519') return verifySignature({ publicKey, message, signature })
  const { frost, isPoint, signatureBytes } = arithmetic(suite)
  if (signature.length !== signatureBytes || !isPoint(publicKey)) return false
  if (suite === 'secp256k1-taproot') {
    return schnorr.verify(signature, message, publicKey.subarray(1))
  }
  try {
    return frost.verify(signature, message, publicKey)
  } catch {
    // noble throws for a commitment that is no point or a response that is no scalar.
    return false
  }
}

/** Whether each signer of the package is one of the group, named once. Whether these are points noble finds out. */
function isPackage(key: GroupKey, { commitments }: SigningPackage): boolean {
  const { pointBytes } = arithmetic(key.suite)
  const indices = new Set(commitments.map(({ index }) => index))
  if (indices.size !== commitments.length || commitments.length < 2) return false
  return commitments.every(
    ({ index, hiding, binding }) =>
      Number.isInteger(index) &&
      key.verificationShares[index - 1] !== undefined &&
      hiding.length === pointBytes &&
      binding.length === pointBytes,
  )
}

/** As noble names them. */
function commitmentsOf(key: GroupKey, { commitments }: SigningPackage) {
  return commitments.map(({ index, hiding, binding }) => ({
    identifier: identifierOf(key.suite, index),
    hiding: Uint8Array.from(hiding),
    binding: Uint8Array.from(binding),
  }))
}

/** As noble keeps it. Whether enough take part is the caller's rule: a key does not know its threshold. */
function publicOf(key: GroupKey): Parameters<Frost['verifyShare']>[0] {
  const { publicKey, verificationShares: shares } = key
  return {
    signers: { min: 2, max: Math.max(2, shares.length) },
    commitments: [publicKey],
    verifyingShares: Object.fromEntries(
      shares.map((share, i) => [identifierOf(key.suite, i + 1), Uint8Array.from(share)]),
    ),
  }
}
