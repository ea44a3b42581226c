/**
 * RSASSA-PSS verification (RFC 8017 §8.1.2, §9.1.2) by ourselves: WebCrypto has it only behind a promise, and noble has no
 * RSA. Everything in it is public, so nothing here needs constant time.
 */
import { sha384 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, fromHex, toHex } from '../base/bytes.ts'
import type { RsaSigned } from './rsa-algorithms.ts'

const hashBytes = 48
const saltBytes = 48
const exponent = 65537

/** `modulus` and `signature` have 512 bytes. */
export function verifyRsa({ modulus, message, signature }: RsaSigned): boolean {
  const encoded = publicOperation(modulus, signature)
  return encoded !== undefined && isEncodingOf(encoded, sha384(message))
}

/** `signature` to the power of the exponent (§5.2.2), or `undefined` if it is no number below the modulus. */
function publicOperation(modulus: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  const [n, s] = [numberOf(modulus), numberOf(signature)]
  if (s >= n) return undefined
  let power = s
  // 65537 is 2 to the 16 and one.
  for (let bits = exponent; bits > 1; bits >>= 1) power = (power * power) % n
  return fromHex(((power * s) % n).toString(16).padStart(2 * modulus.length, '0'))
}

/**
 * EMSA-PSS-VERIFY (§9.1.2) for a modulus whose top bit is set: the encoding has one bit less, in as many bytes. The
 * salt is whatever it says, everything else is compared as a whole.
 */
function isEncodingOf(encoded: Uint8Array, messageHash: Uint8Array): boolean {
  const end = encoded.length - hashBytes - 1
  const [masked, hash] = [encoded.subarray(0, end), encoded.subarray(end, end + hashBytes)]
  if (encoded.at(-1) !== 0xbc || (masked[0] ?? 0) >= 0x80) return false
  const mask = maskOf(hash, end)
  const block = masked.map((byte, i) => byte ^ (mask[i] ?? 0))
  block.set([(block[0] ?? 0) & 0x7f])
  const salt = block.subarray(end - saltBytes)
  const expected = new Uint8Array(end)
  expected[end - saltBytes - 1] = 0x01
  expected.set(salt, end - saltBytes)
  const trial = sha384(concatBytes(new Uint8Array(8), messageHash, salt))
  return equalBytes(block, expected) && equalBytes(trial, hash)
}

/** MGF1 with SHA-384 (§B.2.1). */
function maskOf(seed: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let counter = 0; counter * hashBytes < length; counter++) {
    // The longest mask here has ten blocks: one byte of the counter is enough.
    blocks.push(sha384(concatBytes(seed, Uint8Array.of(0, 0, 0, counter))))
  }
  return concatBytes(...blocks).subarray(0, length)
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`)
