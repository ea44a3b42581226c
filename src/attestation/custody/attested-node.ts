/**
 * Whether a share may go to a node: its keys are those of a TEE that runs admitted software, and that same TEE says which quorum key it
 * made, or under which custody manifest it runs.
 */
import { type Digest, digestOf, type NetworkId, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Timestamp } from '../../base/time.ts'
import type { BootAttestation } from '../../wire/custody.ts'
import { type Evidence, keyReportData } from '../../wire/evidence.ts'
import { verifyPossession } from '../../wire/member-record.ts'
import { appraise } from '../appraise.ts'
import type { Endorsements } from '../endorsements.ts'
import type { Policy } from '../policy.ts'
import type { Refusal, TrustedVerdict } from '../verdict.ts'
import { custodyManifestHash } from './custody-manifest.ts'
import {
  bootReportData,
  type GenesisOutput,
  genesisOutputHash,
  genesisReportData,
} from './genesis-output.ts'
import type { AttestedNode } from './transfers.ts'

/** What evidence is held against. */
export interface AppraisalBasis {
  readonly network: NetworkId
  readonly policy: Policy
  readonly endorsements: Endorsements
  readonly now: Timestamp
}

/** A node that may be sent a share, and why. */
export interface BelievedNode extends AttestedNode {
  readonly verdict: TrustedVerdict
}

/**
 * The node that made this output, or why it is not believed: `MANIFEST_MISMATCH`, `POSSESSION_INVALID`, `ANOTHER_MACHINE`,
 * `ENDORSEMENTS_MISSING`, and the codes of `appraise`; evidence about another output is `REPORT_DATA_MISMATCH`.
 */
export function believeGenesis(
  output: GenesisOutput,
  attestation: BootAttestation,
  basis: AppraisalBasis,
): BelievedNode | Refusal {
  const hash = genesisOutputHash(output)
  const reportData = (platform: string, node: NodeId) => genesisReportData(platform, node, hash)
  return believe(attestation, { manifest: custodyManifestHash(output.manifest), reportData }, basis)
}

/** The node that runs under this custody manifest, or why it is not believed: codes as of `believeGenesis`. */
export function believeBoot(
  manifest: Digest,
  attestation: BootAttestation,
  basis: AppraisalBasis,
): BelievedNode | Refusal {
  const reportData = (platform: string, node: NodeId) => bootReportData(platform, node, manifest)
  return believe(attestation, { manifest, reportData }, basis)
}

interface Expected {
  readonly manifest: Digest
  readonly reportData: (platform: string, node: NodeId) => Uint8Array
}

function believe(
  { record, manifest, evidence }: BootAttestation,
  expected: Expected,
  basis: AppraisalBasis,
): BelievedNode | Refusal {
  const found = digestOf(manifest)
  if (found !== expected.manifest) {
    return { code: 'MANIFEST_MISMATCH', facts: { found, expected: expected.manifest } }
  }
  const node = nodeIdOfKey(record.keys.identity)
  if (!verifyPossession(basis.network, record)) {
    return { code: 'POSSESSION_INVALID', facts: { node } }
  }
  const keyData = keyReportData(basis.network, record.evidence.platform, record.keys)
  const ofKeys = trusted(record.evidence, keyData, basis)
  if ('code' in ofKeys) return ofKeys
  const verdict = trusted(evidence, expected.reportData(evidence.platform, node), basis)
  if ('code' in verdict) return verdict
  if (verdict.instance !== ofKeys.instance) {
    const facts = { keys: ofKeys.instance, statement: verdict.instance }
    return { code: 'ANOTHER_MACHINE', facts }
  }
  return { node, kemKey: record.keys.kem, verdict }
}

function trusted(
  evidence: Evidence,
  expectedReportData: Uint8Array,
  { policy, endorsements, now }: AppraisalBasis,
): TrustedVerdict | Refusal {
  const verdict = appraise({ evidence, expectedReportData, policy, endorsements, now })
  switch (verdict.kind) {
    case 'trusted':
      return verdict
    case 'refused':
      return { code: verdict.code, facts: verdict.facts }
    case 'undetermined':
      return { code: 'ENDORSEMENTS_MISSING', facts: { missing: verdict.missing.join(', ') } }
  }
}
