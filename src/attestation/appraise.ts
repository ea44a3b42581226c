/** The door to trust, with every platform behind it. */
import { atOnce } from '../crypto/at-once.ts'
import { type Appraisal, appraiseWith } from './appraisal.ts'
import type { Verdict } from './verdict.ts'
import { appraiserOf } from './verifiers.ts'

/**
 * Holds evidence against a policy at a time: the only door to trust. Pure, and nothing that a peer sends
 * makes it throw.
 *
 * Order: size, platform, form, chain, dates, signature, debug, TCB, measurement, report data, pins; the
 * first thing wrong is the answer.
 *
 * Codes of every platform: `EVIDENCE_TOO_LARGE`, `PLATFORM_NOT_SUPPORTED`, `SIMULATED_NOT_TRUSTED`, `PLATFORM_NOT_ALLOWED`,
 * `EVIDENCE_MALFORMED`, `INSTANCE_MISMATCH`, `CHAIN_INVALID`, `UNKNOWN_ANCHOR`, `EVIDENCE_NOT_YET_VALID`,
 * `EVIDENCE_EXPIRED`, `SIGNATURE_INVALID`, `DEBUG_ENABLED`, `TCB_NOT_ALLOWED`, `ADVISORY_NOT_ALLOWED`,
 * `PRIVILEGE_LEVEL_NOT_ALLOWED`, `MEASUREMENT_MISMATCH`, `SVN_TOO_LOW`, `MEASUREMENT_NOT_YET_VALID`,
 * `MEASUREMENT_EXPIRED`, `REPORT_DATA_MISMATCH`, `INSTANCE_NOT_PINNED`.
 *
 * Of SGX, TDX and SEV-SNP: `CERTIFICATE_REVOKED`. Of SGX and TDX: `QUOTE_NOT_SUPPORTED`, `ATTESTATION_KEY_MISMATCH`,
 * `QE_IDENTITY_MISMATCH`, `TCB_LEVEL_UNKNOWN`, `TCB_REVOKED`, `TDX_MODULE_MISMATCH`, `TD_ATTRIBUTES_NOT_ALLOWED`,
 * `SERVICE_TD_BOUND`. Of SEV-SNP: `REPORT_NOT_SUPPORTED`, `PRODUCT_NOT_SUPPORTED`, `PRODUCT_MISMATCH`,
 * `CERTIFICATE_TCB_MISMATCH`, `MIGRATION_ALLOWED`.
 *
 * @throws {InvariantError} if the caller expects report data of other than 64 bytes.
 */
export function appraise(appraisal: Appraisal): Verdict {
  return atOnce(() => appraiseWith(appraiserOf, appraisal))
}
