/** RSASSA-PSS verification by the arithmetic at hand. */
import { holds } from './arithmetic.ts'
import type { RsaSigned } from './rsa-algorithms.ts'

/** `modulus` and `signature` have 512 bytes. */
export function verifyPss(signed: RsaSigned): boolean {
  return holds({ kind: 'rsa-pss', ...signed })
}
