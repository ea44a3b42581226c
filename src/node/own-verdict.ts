/** What this node's own evidence is worth under the manifest in force: asked at the start and whenever that changes. */
import type { Refusal, TrustedVerdict } from '../attestation/verdict.ts'
import { digestOf } from '../base/ids.ts'
import { after, milliseconds } from '../base/time.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Evidence } from '../wire/evidence.ts'
import type { NodeAdmission } from './admission.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

/** A node and what it shows of itself. */
export interface Own {
  readonly identity: Identity
  readonly evidence: Evidence
  readonly manifests: ManifestKeeper
}

/** Why the manifest in force does not admit this node now; `undefined` if it does. */
export function ownRefusal(admission: NodeAdmission, own: Own): Refusal | undefined {
  const verdict = admission.appraiseEvidence(own.identity.keys, own.evidence)
  if (verdict.kind === 'trusted') return undefined
  if (verdict.kind === 'undetermined') return { code: 'UNDETERMINED', facts: {} }
  return { code: verdict.code, facts: verdict.facts }
}

/**
 * The verdict that this node goes by. Refused, it goes on: the network may know a newer manifest that admits
 * it. Until then every member refuses it, and it may not found.
 */
export function ownVerdict(
  admission: NodeAdmission,
  own: Own,
): { readonly verdict: TrustedVerdict; readonly refusal: Refusal | undefined } {
  const { identity, evidence, manifests } = own
  const verdict = admission.appraiseEvidence(identity.keys, evidence)
  if (verdict.kind === 'trusted') return { verdict, refusal: undefined }
  const { manifest } = manifests.current
  return {
    refusal: ownRefusal(admission, own),
    verdict: {
      kind: 'trusted',
      platform: evidence.platform,
      instance: digestOf(sha256(identity.keys.identity)),
      owner: null,
      measurement: 'not-admitted',
      registers: {},
      tcb: 'unknown',
      expiresAt: after(admission.now(), milliseconds(manifest.join.evidenceAgeMs)),
      testnet: manifest.founding.testnet,
    },
  }
}
