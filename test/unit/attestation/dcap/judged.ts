/** Quotes of the forge and what the verifiers say to them. */
import { type Check, Checks } from '../../../../src/attestation/checks.ts'
import type {
  Claims,
  Verification,
  VerificationRequest,
} from '../../../../src/attestation/claims.ts'
import { sgxAppraiser, tdxAppraiser } from '../../../../src/attestation/dcap/verify.ts'
import { verifyWith } from '../../../../src/attestation/verifiers.ts'
import { epoch } from '../../../fixtures/network.ts'
import { dcapQuote, makeDcapAuthority, type QuoteRequest } from '../../../forge/dcap.ts'
import {
  type CollateralRequest,
  dcapCollateral,
  dcapEndorsements,
} from '../../../forge/dcap-collateral.ts'

export const authority = makeDcapAuthority(epoch)
export type Tee = 'sgx' | 'tdx'

export interface Asked {
  readonly quote?: QuoteRequest
  readonly collateral?: CollateralRequest
  /** Last changes to what the verifier is asked. */
  readonly request?: Partial<VerificationRequest>
}

export interface Answered {
  readonly verification: Verification
  readonly passed: readonly Check[]
}

/** Verifies a quote: genuine, current and of `authority`, but for what is changed. */
export function ask(tee: Tee, { quote = {}, collateral = {}, request = {} }: Asked = {}): Answered {
  const form = tee === 'sgx' ? 'v3' : 'v4'
  const checks = new Checks()
  const asked = {
    body: dcapQuote(authority, { form, ...quote }),
    anchors: [authority.rootKey],
    endorsements: dcapEndorsements(dcapCollateral(authority, { tee, ...collateral })),
    now: epoch,
    checks,
    ...request,
  }
  const verification = verifyWith(tee === 'sgx' ? sgxAppraiser : tdxAppraiser, asked)
  return { verification, passed: checks.passed }
}

/** The code of the refusal, what is missing, or the status. */
export function answerOf({ verification }: Answered): string {
  switch (verification.kind) {
    case 'claims':
      return verification.claims.tcb.status
    case 'refused':
      return verification.refusal.code
    case 'undetermined':
      return verification.missing.join(', ')
  }
}

export function claimsOf({ verification }: Answered): Claims {
  if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
  return verification.claims
}
