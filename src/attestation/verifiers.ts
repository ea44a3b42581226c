/** The verifiers of the platforms, behind one call. */
import { PeerFault } from '../base/errors.ts'
import type { PlatformAppraiser, Verification, VerificationRequest } from './claims.ts'
import { sgxAppraiser, tdxAppraiser } from './dcap/verify.ts'
import { nitroAppraiser } from './nitro/verify.ts'
import type { PlatformName } from './platforms.ts'
import type { Policy } from './policy.ts'
import { sevSnpAppraiser } from './sev-snp/verify.ts'
import { simulatedAppraiser } from './simulated/verify.ts'
import { vendorKeysOf } from './vendor-keys.ts'

/** Platforms whose evidence can be appraised. What is not here is `PLATFORM_NOT_SUPPORTED`. */
const appraisers: ReadonlyMap<PlatformName, PlatformAppraiser> = new Map([
  ['nitro', nitroAppraiser],
  ['sev-snp', sevSnpAppraiser],
  ['sgx', sgxAppraiser],
  ['tdx', tdxAppraiser],
  ['simulated', simulatedAppraiser],
])

export function appraiserOf(platform: PlatformName): PlatformAppraiser | undefined {
  return appraisers.get(platform)
}

/** The roots that a network believes for `platform`: constants of the code, or of the founding block of a testnet. */
export function anchorsOf(platform: PlatformName, policy: Policy): readonly Uint8Array[] {
  if (!policy.testnet) return vendorKeysOf(platform)
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
