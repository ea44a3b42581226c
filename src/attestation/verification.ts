/** What every platform's verifier is handed, and what becomes of bytes that are no evidence. */
import { PeerFault } from '../base/errors.ts'
import type { PlatformAppraiser, Verification, VerificationRequest } from './claims.ts'
import type { PlatformName } from './platforms.ts'
import type { Policy } from './policy.ts'

/** The roots that a network believes for `platform`: constants of the code, or of the founding block of a testnet. */
export function anchorsOf(
  platform: PlatformName,
  { roots }: PlatformAppraiser,
  policy: Policy,
): readonly Uint8Array[] {
  if (!policy.testnet) return roots
  return policy.testAnchors
    .filter(anchor => anchor.platform === platform)
    .map(anchor => anchor.publicKey)
}

/** Runs a verifier; bytes that are no evidence are a refusal. */
export function verifyWith(
  { verify, checks }: PlatformAppraiser,
  request: VerificationRequest,
): Verification {
  try {
    return verify(request)
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    const facts = { reason: error.code }
    const passed = new Set(request.checks.passed.map(({ id }) => id))
    const check = checks.find(id => !passed.has(id)) ?? 'form'
    return { kind: 'refused', check, refusal: { code: 'EVIDENCE_MALFORMED', facts } }
  }
}
