/** How a genuine quote stands: whether Intel's own enclave made it, and what Intel says of the platform below it. */
import { toHex } from '../../base/bytes.ts'
import type { Timestamp } from '../../base/time.ts'
import type { Checks } from '../checks.ts'
import type { Verification, VerificationRequest } from '../claims.ts'
import type { TcbStatus } from '../manifest-document.ts'
import { isRefusal, type RefusalFacts } from '../verdict.ts'
import type { PckChain } from './chain.ts'
import { type Collateral, findCollateral } from './collateral.ts'
import { type EnclaveReport, isDebug, type Quote } from './quote.ts'
import type { Level, Tee } from './tcb-info.ts'
import { converge, enclaveLevelOf, isEnclave, moduleLevelOf, platformLevelOf } from './tcb-level.ts'

export interface Standing {
  readonly kind: 'standing'
  readonly status: TcbStatus
  readonly advisories: readonly string[]
  /** When Intel set the level. */
  readonly date: Timestamp | undefined
  /** The lesser number of the two documents that speak for the platform. */
  readonly evaluationNumber: number | undefined
  readonly expiresAt: Timestamp
  readonly issuedAt: Timestamp
}

export type Refused = Extract<Verification, { kind: 'refused' }>
type Undetermined = Extract<Verification, { kind: 'undetermined' }>

export const refused = (check: string, code: string, facts: RefusalFacts): Refused => ({
  ...{ kind: 'refused', check, refusal: { code, facts } },
})

/**
 * What holds whatever the time is. Without Intel's word of the day the quoting enclave is known by a constant: the PCE certifies the
 * key of any enclave that the host lets near it, and one that a host wrote would quote whatever it is told.
 *
 * Code: `QE_IDENTITY_MISMATCH`.
 */
export function lastingStanding(
  tee: Tee,
  { quotingEnclave }: Quote,
  { valid }: PckChain,
  checks: Checks,
): Standing | Refused {
  const known = quotingEnclaves[tee]
  const { mrSigner, productId } = quotingEnclave
  const isKnown = toHex(mrSigner) === known.mrSigner && productId === known.productId
  if (!isKnown || isDebug(quotingEnclave)) return anotherEnclave(quotingEnclave)
  checks.pass('qe-identity')
  const { expiresAt, issuedAt } = valid
  const level = { status: 'UpToDate', advisories: [] } as const
  const unknown = { date: undefined, evaluationNumber: undefined }
  return { kind: 'standing', ...level, ...unknown, expiresAt, issuedAt }
}

/** MRSIGNER and ISVPRODID of Intel's quoting enclaves, the same in every identity of them that was published. */
const quotingEnclaves = {
  sgx: {
    mrSigner: '8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff',
    productId: 1,
  },
  tdx: {
    mrSigner: 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5',
    productId: 2,
  },
} as const

/**
 * What holds at a time, by Intel's collateral of that time.
 *
 * Codes: `CERTIFICATE_REVOKED`, `QE_IDENTITY_MISMATCH`, `TCB_LEVEL_UNKNOWN`, `TDX_MODULE_MISMATCH`, `TCB_REVOKED`.
 */
export function standingAt(
  tee: Tee,
  quote: Quote,
  chain: PckChain,
  request: VerificationRequest & { readonly now: Timestamp },
): Standing | Refused | Undetermined {
  const { checks, endorsements, now, evaluationNumberMin = 0 } = request
  const { leaf, intermediate, rootKey, pck, authority } = chain
  const subject = { tee, leaf, intermediate, rootKey, pck, authority }
  const found = findCollateral({ ...subject, endorsements, now, evaluationNumberMin })
  if (found.kind === 'missing') {
    return { kind: 'undetermined', check: found.check, missing: found.missing }
  }
  if (found.kind === 'revoked') return refused(found.check, found.refusal.code, found.refusal.facts)
  const { tcbInfo, identity, expiresAt, issuedAt } = found
  checks.pass('revocation')
  checks.pass('tcb-signer')
  checks.pass('tcb-info', { found: `evaluation ${tcbInfo.evaluationNumber}` })
  if (!isEnclave(quote.quotingEnclave, identity)) return anotherEnclave(quote.quotingEnclave)
  checks.pass('qe-identity', { found: `evaluation ${identity.evaluationNumber}` })
  const level = levelOf(quote, chain, found, checks)
  if ('kind' in level) return level
  const { status, advisories, date } = level
  const listed = advisories.join(' ')
  if (status === 'Revoked') return refused('tcb-status', 'TCB_REVOKED', { advisories: listed })
  checks.pass('tcb-status', { found: status, ...(listed && { why: listed }) })
  const evaluationNumber = Math.min(tcbInfo.evaluationNumber, identity.evaluationNumber)
  return { kind: 'standing', status, advisories, date, evaluationNumber, expiresAt, issuedAt }
}

/** The levels of platform, TDX module and quoting enclave, and what they come to. */
function levelOf(
  { body, quotingEnclave }: Quote,
  { pck }: PckChain,
  { tcbInfo, identity }: Collateral,
  checks: Checks,
): Level | Refused {
  const td = body.kind === 'td' ? body.report : undefined
  const platform = platformLevelOf(tcbInfo, pck, td)
  if (isRefusal(platform)) return refused('platform-level', platform.code, platform.facts)
  checks.pass('platform-level', { found: platform.status })
  const module = td === undefined ? undefined : moduleLevelOf(tcbInfo, td)
  if (module !== undefined) {
    if (isRefusal(module)) return refused('tdx-module', module.code, module.facts)
    checks.pass('tdx-module', { found: module.status })
  }
  const enclave = enclaveLevelOf(identity, quotingEnclave)
  if (isRefusal(enclave)) return refused('qe-level', enclave.code, enclave.facts)
  checks.pass('qe-level', { found: enclave.status })
  return converge(platform, module === undefined ? [enclave] : [module, enclave])
}

const anotherEnclave = ({ mrSigner, productId }: EnclaveReport): Refused =>
  refused('qe-identity', 'QE_IDENTITY_MISMATCH', { mrSigner: toHex(mrSigner), productId })
