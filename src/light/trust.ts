/** Which manifest counts: the one that is pinned, or one that its manifest set approved after it. */
import { manifestHash, networkIdOf } from '../attestation/manifest.ts'
import type { ManifestEnvelope } from '../attestation/manifest-approval.ts'
import type { ParsedManifest } from '../attestation/manifest-document.ts'
import { followLineage, parseLineage } from '../attestation/manifest-lineage.ts'
import { type Policy, policyOf } from '../attestation/policy.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import type { Pin } from './link.ts'

/** Whom a light client believes. */
export interface Trust {
  readonly network: NetworkId
  readonly manifest: ParsedManifest
  readonly hash: Digest
  readonly policy: Policy
}

/**
 * What follows from a pin and the bytes of manifest envelopes or lineages, rising. Nothing depends on who handed the bytes over.
 *
 * Codes beside those of manifests: `NETWORK_NOT_PINNED`, `MANIFEST_NOT_PINNED` (neither the pinned one, nor one that follows from it),
 * `MANIFEST_ROLLED_BACK` (before one that was believed).
 */
export function trustOf(
  manifests: readonly Uint8Array[],
  pin: Pin,
  nonceMin: number,
): Trust | Refusal {
  const steps: ManifestEnvelope[] = []
  for (const bytes of manifests) {
    const read = parseLineage(bytes)
    if (isRefusal(read)) return read
    steps.push(...read)
  }
  const at = steps.findIndex(({ manifest }) => manifestHash(manifest) === pin.manifest)
  const pinned = steps[at]
  if (pinned === undefined) return { code: 'MANIFEST_NOT_PINNED', facts: { pinned: pin.manifest } }
  const { founding } = pinned.manifest
  const network = networkIdOf(founding)
  if (network !== pin.network) {
    return { code: 'NETWORK_NOT_PINNED', facts: { found: network, pinned: pin.network } }
  }
  const followed = followLineage(
    { head: pinned, approvedBy: pinned.manifest.manifestSet, ancestors: [] },
    steps.slice(at + 1),
  )
  if (isRefusal(followed)) return followed
  const { manifest } = followed.head
  if (manifest.nonce < nonceMin) {
    return { code: 'MANIFEST_ROLLED_BACK', facts: { found: manifest.nonce, known: nonceMin } }
  }
  return { network, manifest, hash: manifestHash(manifest), policy: policyOf(manifest) }
}
