/** One signature check by WebCrypto. It has the same predicates: for Ed25519 the equation without the cofactor (Web Cryptography API §26.4.2). */
import type { SignatureCheck } from './arithmetic.ts'
import type { PointSigned } from './ecdsa-algorithms.ts'
import { rsaPublicKey } from './rsa-key.ts'

type Subtle = Pick<SubtleCrypto, 'importKey' | 'verify'>

/** Bytes of r and of s. */
const numberBytes = { 'P-256': 32, 'P-384': 48 } as const

/**
 * Whether the signature holds, or `undefined` if this browser has no such algorithm. Never rejects. What is to be checked is read before
 * this returns.
 */
export async function verifyBy(
  subtle: Subtle,
  check: SignatureCheck,
): Promise<boolean | undefined> {
  const message = check.message.slice()
  const signature = signatureOf(check)
  try {
    const key = await keyOf(subtle, check)
    return await subtle.verify(schemeOf(check), key, signature, message)
  } catch (error) {
    // What is wrong with a key or a signature has other names, and is a no: nobody makes us believe that an algorithm is missing.
    return error instanceof Error && error.name === 'NotSupportedError' ? undefined : false
  }
}

function keyOf(subtle: Subtle, check: SignatureCheck): Promise<CryptoKey> {
  switch (check.kind) {
    case 'ed25519':
      return subtle.importKey('raw', check.publicKey.slice(), 'Ed25519', false, ['verify'])
    case 'ecdsa': {
      const algorithm = { name: 'ECDSA', namedCurve: check.curve }
      return subtle.importKey('raw', check.publicKey.slice(), algorithm, false, ['verify'])
    }
    case 'rsa-pss': {
      const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' }
      return subtle.importKey('spki', rsaPublicKey(check.modulus), algorithm, false, ['verify'])
    }
  }
}

function schemeOf(check: SignatureCheck): AlgorithmIdentifier | EcdsaParams | RsaPssParams {
  switch (check.kind) {
    case 'ed25519':
      return 'Ed25519'
    case 'ecdsa':
      return { name: 'ECDSA', hash: check.hash }
    case 'rsa-pss':
      return { name: 'RSA-PSS', saltLength: 48 }
  }
}

function signatureOf(check: SignatureCheck): Uint8Array<ArrayBuffer> {
  return check.kind === 'ecdsa' && check.format === 'der' ? rawOf(check) : check.signature.slice()
}

/** r and s of strict DER in the curve's length each, which is all that WebCrypto reads. */
function rawOf({ curve, signature }: PointSigned): Uint8Array<ArrayBuffer> {
  const length = numberBytes[curve]
  const raw = new Uint8Array(2 * length)
  let start = 2
  for (const end of [length, 2 * length]) {
    const next = start + 2 + (signature[start + 1] ?? 0)
    // The zero in front of a number whose top bit is set says only that it is positive.
    const number = signature.subarray(start + 2, next).subarray(-length)
    raw.set(number, end - number.length)
    start = next
  }
  return raw
}
