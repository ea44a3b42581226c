/** Verifiers of platforms, loaded when evidence of them is met: a page pays for those that its network stands on. */
import type { AppraiserOf, PlatformAppraiser } from '../attestation/claims.ts'
import { isPlatformName, type PlatformName } from '../attestation/platforms.ts'

const loads: Readonly<Record<PlatformName, () => Promise<PlatformAppraiser>>> = {
  nitro: async () => (await import('../attestation/nitro/verify.ts')).nitroAppraiser,
  sgx: async () => (await import('../attestation/dcap/verify.ts')).sgxAppraiser,
  tdx: async () => (await import('../attestation/dcap/verify.ts')).tdxAppraiser,
  'sev-snp': async () => (await import('../attestation/sev-snp/verify.ts')).sevSnpAppraiser,
  simulated: async () => (await import('../attestation/simulated/verify.ts')).simulatedAppraiser,
}

/** The appraisers of those of `names` that are platforms. */
export async function loadAppraisers(names: readonly string[]): Promise<AppraiserOf> {
  const platforms = [...new Set(names)].filter(isPlatformName)
  const loaded = await Promise.all(
    platforms.map(async platform => [platform, await loads[platform]()] as const),
  )
  const appraisers = new Map(loaded)
  return platform => appraisers.get(platform)
}
