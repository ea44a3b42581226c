/** The verifiers of the platforms, behind one call. */
import type { PlatformAppraiser } from './claims.ts'
import { sgxAppraiser, tdxAppraiser } from './dcap/verify.ts'
import { nitroAppraiser } from './nitro/verify.ts'
import type { PlatformName } from './platforms.ts'
import { sevSnpAppraiser } from './sev-snp/verify.ts'
import { simulatedAppraiser } from './simulated/verify.ts'

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
