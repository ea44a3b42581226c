/** The portable arithmetic of what vendors sign with answers as it is asked. */
import { assert } from '../base/errors.ts'
import { type Arithmetic, type SignatureCheck, withArithmetic } from './arithmetic.ts'
import { verifyOnCurve } from './portable-ecdsa.ts'
import { verifyRsa } from './portable-rsa.ts'

const vendors: Arithmetic = { holds, isCertain: true }

export function atOnce<T>(run: () => T): T {
  return withArithmetic(vendors, run)
}

function holds(check: SignatureCheck): boolean {
  assert(check.kind !== 'ed25519', 'no vendor signs with Ed25519')
  return check.kind === 'ecdsa' ? verifyOnCurve(check) : verifyRsa(check)
}
