/**
 * The public API of verification alone: pure, without a node, a clock or a network, for browsers as for Node. What is not named
 * here may change at any time.
 */
export { type Appraisal, clampNow } from './attestation/appraisal.ts'
export { appraise } from './attestation/appraise.ts'
export type { Check } from './attestation/checks.ts'
export type { Fields, FieldValue } from './attestation/claims.ts'
export { type EarClaims, earOf } from './attestation/ear.ts'
export { endorsementsIn } from './attestation/endorsement-documents.ts'
export {
  type Endorsement,
  type EndorsementKind,
  type Endorsements,
  endorsementLimits,
  noEndorsements,
} from './attestation/endorsements.ts'
export { inspect } from './attestation/inspect.ts'
export type { Inspection, InspectionRequest } from './attestation/inspection.ts'
export { parseManifest } from './attestation/manifest.ts'
export type { ParsedManifest } from './attestation/manifest-document.ts'
export { isPlatformName, type PlatformName, platformNames } from './attestation/platforms.ts'
export { type Policy, policyOf } from './attestation/policy.ts'
export {
  isRefusal,
  type Refusal,
  type TrustedVerdict,
  type Verdict,
} from './attestation/verdict.ts'
export type { Digest } from './base/ids.ts'
export { type Timestamp, timestamp } from './base/time.ts'
export type { Evidence } from './wire/evidence.ts'
