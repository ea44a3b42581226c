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

/** What the manifest in force says of this node. */
export interface OwnVerdict {
  readonly verdict: TrustedVerdict
  /** Why it does not admit this node now; `undefined` if it does. */
  readonly refusal: Refusal | undefined
}

/**
 * The verdict that this node goes by. Refused, it goes on: the network may know a newer manifest that admits
 * it. Until then every member refuses it, and it may not found. Its machine is the one that its hardware names, whatever the
 * manifest says of the software: quorums and quotas count it under that name from the start.
 */
export function ownVerdict(admission: NodeAdmission, own: Own): OwnVerdict {
  const { identity, evidence, manifests } = own
  const verdict = admission.appraiseEvidence(identity.keys, evidence)
  if (verdict.kind === 'trusted') return { verdict, refusal: undefined }
  const { manifest } = manifests.current
  const attested = admission.attest(identity.keys, evidence)
  return {
    refusal:
      verdict.kind === 'refused'
        ? { code: verdict.code, facts: verdict.facts }
        : { code: 'UNDETERMINED', facts: {} },
    verdict: {
      kind: 'trusted',
      platform: evidence.platform,
      // Evidence that proves nothing names no machine: then one of its own, which nobody shares.
      instance: 'code' in attested ? digestOf(sha256(identity.keys.identity)) : attested.instance,
      owner: null,
      measurement: 'not-admitted',
      registers: {},
      tcb: 'unknown',
      expiresAt: after(admission.now(), milliseconds(manifest.join.evidenceAgeMs)),
      testnet: manifest.founding.testnet,
    },
  }
}
