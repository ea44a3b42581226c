/** What is asked of the arithmetic below attestation in a browser, and again in Node. Bytes are in hexadecimal. */
import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { open, seal } from '../../../src/crypto/aead.ts'
import { verifyEcdsa } from '../../../src/crypto/ecdsa.ts'
import type { EcdsaCurve, EcdsaHash } from '../../../src/crypto/ecdsa-algorithms.ts'
import { hmacSha256, sha256, sha384, sha512 } from '../../../src/crypto/hash.ts'
import { verifyRsaPss } from '../../../src/crypto/rsa.ts'
import { verifySignature } from '../../../src/crypto/sign.ts'

interface Signed {
  readonly message: string
  readonly signature: string
}

interface Bound {
  readonly key: string
  readonly nonce: string
  readonly aad: string
}

export type ArithmeticQuestion =
  | { readonly ask: 'sha256' | 'sha384' | 'sha512'; readonly data: string }
  | { readonly ask: 'hmac'; readonly key: string; readonly data: string }
  | ({
      readonly ask: 'ecdsa'
      readonly curve: EcdsaCurve
      readonly hash: EcdsaHash
      readonly publicKey: string
      readonly format: 'raw' | 'der'
    } & Signed)
  | ({ readonly ask: 'rsa'; readonly modulus: string } & Signed)
  | ({ readonly ask: 'ed25519'; readonly publicKey: string } & Signed)
  | ({ readonly ask: 'seal'; readonly plaintext: string } & Bound)
  | ({ readonly ask: 'open'; readonly sealed: string } & Bound)

const hashes = { sha256, sha384, sha512 } as const

/** The result in hexadecimal, `valid` or `invalid`. */
export function answerArithmetic(question: ArithmeticQuestion): string {
  switch (question.ask) {
    case 'sha256':
    case 'sha384':
    case 'sha512':
      return toHex(hashes[question.ask](bytesOf(question.data)))
    case 'hmac':
      return toHex(hmacSha256(bytesOf(question.key), bytesOf(question.data)))
    case 'ecdsa': {
      const { curve, hash, format } = question
      const publicKey = bytesOf(question.publicKey)
      return judged(verifyEcdsa({ curve, hash, format, publicKey, ...signedOf(question) }))
    }
    case 'rsa':
      return judged(verifyRsaPss({ modulus: bytesOf(question.modulus), ...signedOf(question) }))
    case 'ed25519': {
      const publicKey = bytesOf(question.publicKey)
      return judged(verifySignature({ publicKey, ...signedOf(question) }))
    }
    case 'seal':
      return toHex(seal(contextOf(question), bytesOf(question.plaintext)))
    case 'open': {
      const opened = open(contextOf(question), bytesOf(question.sealed))
      return opened === undefined ? judged(false) : toHex(opened)
    }
  }
}

const judged = (holds: boolean): string => (holds ? 'valid' : 'invalid')

function signedOf({ message, signature }: Signed) {
  return { message: bytesOf(message), signature: bytesOf(signature) }
}

function contextOf({ key, nonce, aad }: Bound) {
  return { key: new Secret(bytesOf(key)), nonce: bytesOf(nonce), aad: bytesOf(aad) }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error('a question spells bytes in hexadecimal')
  return bytes
}
