import { verifyPss } from '#crypto/rsa'
import { type RsaSigned, rsaBytes } from './rsa-algorithms.ts'

/** Whether an RSASSA-PSS signature holds. Never throws: a malformed key or signature is `false`. */
export function verifyRsaPss(signed: RsaSigned): boolean {
  const { modulus, signature } = signed
  const isWhole = modulus.length === rsaBytes && signature.length === rsaBytes
  if (!isWhole || (modulus[0] ?? 0) < 0x80 || (modulus[rsaBytes - 1] ?? 0) % 2 === 0) return false
  return verifyPss(signed)
}
