import { verifyPss } from '#crypto/rsa'
import type { RsaSigned } from './rsa-algorithms.ts'

/** Bytes of modulus and signature: the keys of AMD's roots and authorities all have 4096 bits. */
export const rsaBytes = 512

/** Whether an RSASSA-PSS signature holds. Never throws: a malformed key or signature is `false`. */
export function verifyRsaPss(signed: RsaSigned): boolean {
  const { modulus, signature } = signed
  const isWhole = modulus.length === rsaBytes && signature.length === rsaBytes
  if (!isWhole || (modulus[0] ?? 0) < 0x80 || (modulus[rsaBytes - 1] ?? 0) % 2 === 0) return false
  return verifyPss(signed)
}
