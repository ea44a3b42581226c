/** The verifiers of the platforms, behind one call. */
import { PeerFault } from '../base/errors.ts'
import type { PlatformVerifier, Verification, VerificationRequest } from './claims.ts'
import type { PlatformName } from './platforms.ts'
import type { Policy } from './policy.ts'
import { verifySimulated } from './simulated/verify.ts'

/** Platforms whose evidence can be appraised. What is not here is `PLATFORM_NOT_SUPPORTED`. */
const verifiers: ReadonlyMap<PlatformName, PlatformVerifier> = new Map([
  ['simulated', verifySimulated],
])

export function verifierOf(platform: PlatformName): PlatformVerifier | undefined {
  return verifiers.get(platform)
}

/** The roots that a network believes for `platform`: constants of the code, or of the founding block of a testnet. */
export function anchorsOf(platform: PlatformName, policy: Policy): readonly Uint8Array[] {
  return policy.testAnchors
    .filter(anchor => anchor.platform === platform)
    .map(anchor => anchor.publicKey)
}

/** Runs a verifier; bytes that are no evidence are a refusal. */
export function verifyWith(verifier: PlatformVerifier, request: VerificationRequest): Verification {
  try {
    return verifier(request)
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    const facts = { reason: error.code }
    return { kind: 'refused', refusal: { code: 'EVIDENCE_MALFORMED', facts } }
  }
}
