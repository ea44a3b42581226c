/**
 * X-Wing with OpenSSL's X25519 and, where this Node has it (24.7), OpenSSL's ML-KEM-768 for decapsulation.
 *
 * Encapsulation keeps noble's ML-KEM: OpenSSL draws its own randomness, and chance is an argument here.
 */
import * as crypto from 'node:crypto'
import { sha3_256 as sha3, shake256 } from '@noble/hashes/sha3.js'
import { ml_kem768 as mlKem } from '@noble/post-quantum/ml-kem.js'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { type Agreer, agreerOf } from './agree.node.ts'
import type { Decapsulator, Encapsulated } from './kem.web.ts'
import * as web from './kem.web.ts'

export type { Decapsulator, Encapsulated }

const mlKemBytes = { publicKey: 1184, ciphertext: 1088, seed: 64 } as const
const label = utf8('\\.//^\\')

/** DER before the 64-byte seed of an ML-KEM-768 private key (RFC 9935 §6, "seed"). */
const pkcs8Prefix = Buffer.from('3054020100300b060960864801650304040204428040', 'hex')

const hasNativeMlKem = typeof crypto.decapsulate === 'function'

/** Copies the 32-byte seed, which stays the caller's. */
export function decapsulatorOf(seed: Uint8Array): Decapsulator {
  if (!hasNativeMlKem) return web.decapsulatorOf(seed)
  const expanded = shake256(seed, { dkLen: mlKemBytes.seed + 32 })
  const der = Buffer.concat([pkcs8Prefix, expanded.subarray(0, mlKemBytes.seed)])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  const agreer = agreerOf(expanded.subarray(mlKemBytes.seed))
  expanded.fill(0)
  const spki = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })
  const publicKey = concatBytes(spki.subarray(spki.length - mlKemBytes.publicKey), agreer.publicKey)
  return {
    publicKey,
    decapsulate: ciphertext => {
      const [inner, outer] = split(ciphertext, mlKemBytes.ciphertext)
      const classical = agreer.agree(outer)
      if (classical === undefined) return undefined
      const shared = crypto.decapsulate(key, inner)
      return combine({ postQuantum: shared, classical, outer, publicKey: agreer.publicKey })
    },
    wipe: () => agreer.wipe(),
  }
}

/** `publicKey` has 1216 and `entropy` 64 bytes. */
export function encapsulateWith(
  publicKey: Uint8Array,
  entropy: Uint8Array,
): Encapsulated | undefined {
  const [postQuantumKey, classicalKey] = split(publicKey, mlKemBytes.publicKey)
  const ephemeral: Agreer = agreerOf(entropy.subarray(32))
  const classical = ephemeral.agree(classicalKey)
  if (classical === undefined) return undefined
  let inner: ReturnType<typeof mlKem.encapsulate>
  try {
    inner = mlKem.encapsulate(postQuantumKey, entropy.subarray(0, 32))
  } catch {
    // noble throws for a public key that is not reduced (FIPS 203 §7.2).
    return undefined
  }
  const outer = ephemeral.publicKey
  return {
    ciphertext: concatBytes(inner.cipherText, outer),
    shared: combine({ postQuantum: inner.sharedSecret, classical, outer, publicKey: classicalKey }),
  }
}

/** draft-connolly-cfrg-xwing-kem §5.3; wipes both secrets. */
function combine(parts: {
  readonly postQuantum: Uint8Array
  readonly classical: Uint8Array
  readonly outer: Uint8Array
  readonly publicKey: Uint8Array
}): Uint8Array {
  const { postQuantum, classical, outer, publicKey } = parts
  const joined = concatBytes(postQuantum, classical, outer, publicKey, label)
  const shared = sha3(joined)
  for (const secret of [postQuantum, classical, joined]) secret.fill(0)
  return shared
}

function split(bytes: Uint8Array, at: number): readonly [Uint8Array, Uint8Array] {
  return [bytes.subarray(0, at), bytes.subarray(at)]
}
