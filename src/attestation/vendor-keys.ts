/**
 * The keys of the vendors' roots, the same in every build: no manifest adds to them or takes one away, and a testnet uses none.
 *
 * Pinned are keys and not certificates: Intel's root exists in two certificates with one key, and test roots of its own
 * library bear the same name with other keys. `vendorAnchors` has their digests. Each stands beside the verifier of its platform, and is
 * loaded with it.
 */
import { intelRoots } from './dcap/root.ts'
import { nitroRoots } from './nitro/root.ts'
import type { PlatformName } from './platforms.ts'
import { amdRoots } from './sev-snp/roots.ts'

const keys: Readonly<Record<PlatformName, readonly Uint8Array[]>> = {
  nitro: nitroRoots,
  sgx: intelRoots,
  tdx: intelRoots,
  'sev-snp': amdRoots,
  simulated: [],
}

/** SubjectPublicKeyInfo, DER, of every root that vouches for real machines of `platform`; none for a simulated one. */
export function vendorKeysOf(platform: PlatformName): readonly Uint8Array[] {
  return keys[platform]
}
