/** Arithmetic that runs everywhere and answers at once: noble's, and our own for RSA. */
import type { Arithmetic, SignatureCheck } from './arithmetic.ts'
import { verifyOnCurve } from './portable-ecdsa.ts'
import { verifyEd25519 } from './portable-ed25519.ts'
import { verifyRsa } from './portable-rsa.ts'

export const portable: Arithmetic = { holds, isCertain: true }

function holds(check: SignatureCheck): boolean {
  switch (check.kind) {
    case 'ed25519':
      return verifyEd25519(check)
    case 'ecdsa':
      return verifyOnCurve(check)
    case 'rsa-pss':
      return verifyRsa(check)
  }
}
