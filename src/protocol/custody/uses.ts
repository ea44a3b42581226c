/**
 * What the quorum key is used for on behalf of callers. Each use has a key of its own, and whatever a caller chooses stands behind a domain
 * and its name: so no request yields what passes for an act of the quorum, and none opens what was sealed for another purpose.
 */
import { concatBytes, utf8 } from '../../base/bytes.ts'
import { InvariantError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { Secret } from '../../base/secret.ts'
import { nonceBytes, open, seal, tagBytes } from '../../crypto/aead.ts'
import { framed } from '../../crypto/hash.ts'
import { type MnemonicStrength, wordsOf } from '../../crypto/mnemonic.ts'
import { P256Key } from '../../crypto/p256.ts'
import type { QuorumKeys } from '../../crypto/quorum-keys.ts'
import { SigningKey } from '../../crypto/sign.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'

/** Who asks: the name of a listed client, or of the door it came through. */
export type Caller = string

export type AppSuite = 'p256' | 'ed25519'

/** What a caller had signed, and the key it verifies under. */
export interface AppSignature {
  /** 64 bytes: r and s, or R and S. */
  readonly signature: Uint8Array
  /** An uncompressed point of 65 bytes, or 32 bytes. */
  readonly publicKey: Uint8Array
}

/** What is signed for a caller: never its message alone. */
export function appMessage(caller: Caller, message: Uint8Array): Uint8Array {
  return framed(custodyDomains.appSignature, utf8(caller), message)
}

/** Signs `appMessage` with the key of applications. */
export function signForCaller(
  keys: QuorumKeys,
  given: { readonly suite: AppSuite; readonly caller: Caller; readonly message: Uint8Array },
): AppSignature {
  using key = signingKey(keys, given.suite)
  return {
    signature: key.sign(appMessage(given.caller, given.message)),
    publicKey: key.publicKey,
  }
}

/** Chance that makes each sealed message a key of its own, so that no number of them wears a key out. */
const saltBytes = 32

/** Salt, ciphertext and tag: 48 bytes longer than `plaintext`. Opens for this caller alone. */
export function sealForCaller(
  keys: QuorumKeys,
  given: { readonly caller: Caller; readonly plaintext: Uint8Array; readonly random: Random },
): Uint8Array {
  const salt = given.random.bytes(saltBytes)
  using key = keys.derive('app-encrypt', framed(custodyDomains.appSeal, salt))
  return concatBytes(salt, seal(sealing(key, given.caller), given.plaintext))
}

/** What `sealForCaller` sealed for this caller under this quorum key; nothing else opens. */
export function openForCaller(
  keys: QuorumKeys,
  { caller, sealed }: { readonly caller: Caller; readonly sealed: Uint8Array },
): Uint8Array | CustodyRefusal {
  if (sealed.length < saltBytes + tagBytes) return refusal('NOT_OPENED')
  const salt = sealed.subarray(0, saltBytes)
  using key = keys.derive('app-encrypt', framed(custodyDomains.appSeal, salt))
  return open(sealing(key, caller), sealed.subarray(saltBytes)) ?? refusal('NOT_OPENED')
}

/** 32 bytes for a caller and what it names, owned by the caller of this: the same on every node that holds the key. */
export function deriveForCaller(
  keys: QuorumKeys,
  { caller, context }: { readonly caller: Caller; readonly context: Uint8Array },
): Secret {
  return keys.derive('app-derive', framed(custodyDomains.appKey, utf8(caller), context))
}

/** What a mnemonic is made from: the quorum key and these names, the same on every node; or chance. */
export type MnemonicSource =
  | { readonly kind: 'named'; readonly type: string; readonly data: string }
  | { readonly kind: 'random'; readonly random: Random }

/** BIP-39 words. One name gives other words for each strength: none is the beginning of another. */
export function mnemonicFrom(
  keys: QuorumKeys,
  source: MnemonicSource,
  strength: MnemonicStrength = 256,
): string {
  using entropy = entropyFrom(keys, source, strength)
  using cut = entropy.use(bytes => new Secret(bytes.slice(0, strength / 8)))
  return wordsOf(cut)
}

function entropyFrom(keys: QuorumKeys, source: MnemonicSource, strength: number): Secret {
  if (source.kind === 'random') return new Secret(source.random.bytes(strength / 8))
  const parts = [utf8(String(strength)), utf8(source.type), utf8(source.data)]
  return keys.derive('mnemonic', framed(custodyDomains.mnemonic, ...parts))
}

function sealing(key: Secret, caller: Caller) {
  // The key seals one message in its life, so the nonce may be zero.
  return {
    key,
    nonce: new Uint8Array(nonceBytes),
    aad: framed(custodyDomains.appSeal, utf8(caller)),
  }
}

function signingKey(keys: QuorumKeys, suite: AppSuite): P256Key | SigningKey {
  if (suite === 'ed25519')
    return new SigningKey(keys.derive('app-sign', framed(custodyDomains.appKey, utf8(suite))))
  for (let tries = 0; tries < 4; tries++) {
    const key = P256Key.of(
      keys.derive('app-sign', framed(custodyDomains.appKey, utf8(suite), Uint8Array.of(tries))),
    )
    if (key !== undefined) return key
  }
  throw new InvariantError('one of four derived scalars is below the order of the curve')
}
