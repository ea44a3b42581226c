/**
 * What a platform's TCB is worth, found as Intel's quote verification library finds it (TcbLevelCheck, TdxModuleCheck and
 * QuoteVerifier of SGX-TDX-DCAP-QuoteVerificationLibrary).
 */
import { equalBytes } from '../../base/bytes.ts'
import { timestamp } from '../../base/time.ts'
import type { Refusal } from '../verdict.ts'
import type { Pck } from './pck.ts'
import type { EnclaveReport, TdReport } from './quote.ts'
import type {
  EnclaveIdentity,
  IntelStatus,
  Level,
  ModuleIdentity,
  SvnLevel,
  TcbInfo,
} from './tcb-info.ts'

/**
 * The level of the platform: the first, in Intel's order, of which every part is reached.
 *
 * Code: `TCB_LEVEL_UNKNOWN`.
 */
export function platformLevelOf(
  info: TcbInfo,
  pck: Pck,
  td: TdReport | undefined,
): Level | Refusal {
  // From the second generation on the first two numbers are the module's own, which has an identity and levels of its own.
  const start = (td?.tcbSvn[1] ?? 0) > 0 ? 2 : 0
  const found = info.levels.find(
    level =>
      level.components.every((least, i) => (pck.components[i] ?? 0) >= least) &&
      pck.pceSvn >= level.pceSvn &&
      (td === undefined ||
        level.tdxComponents.every((least, i) => i < start || (td.tcbSvn[i] ?? 0) >= least)),
  )
  return found ?? unknownLevel('platform')
}

/**
 * The level of the TDX module that started the guest. One of the first generation has none of its own: its versions are parts of
 * the platform's level.
 *
 * Codes: `TDX_MODULE_MISMATCH`, `TCB_LEVEL_UNKNOWN`.
 */
export function moduleLevelOf(info: TcbInfo, td: TdReport): Level | Refusal | undefined {
  const [svn = 0, generation = 0] = td.tcbSvn
  const name = `TDX_${generation.toString(16).padStart(2, '0').toUpperCase()}`
  const identity = generation > 0 ? info.modules.get(name) : info.module
  if (identity === undefined) {
    return { code: 'TDX_MODULE_MISMATCH', facts: { module: name, reason: 'unknown to Intel' } }
  }
  if (!isModule(td, identity)) {
    const facts = { module: name, reason: 'another signer or other attributes' }
    return { code: 'TDX_MODULE_MISMATCH', facts }
  }
  if (generation === 0) return undefined
  return levelOfSvn(identity.levels, svn) ?? unknownLevel('module')
}

/** The level of the quoting enclave. Code: `TCB_LEVEL_UNKNOWN`. */
export function enclaveLevelOf(
  { levels }: EnclaveIdentity,
  { svn }: EnclaveReport,
): Level | Refusal {
  return levelOfSvn(levels, svn) ?? unknownLevel('quoting enclave')
}

/** Whether a quoting enclave is the one that Intel describes; its version is another question. */
export function isEnclave(report: EnclaveReport, identity: EnclaveIdentity): boolean {
  const { miscSelect, miscSelectMask, attributes, attributesMask, mrSigner, productId } = identity
  return (
    equalBytes(report.mrSigner, mrSigner) &&
    report.productId === productId &&
    equalBytes(masked(report.miscSelect, miscSelectMask), miscSelect) &&
    equalBytes(masked(report.attributes, attributesMask), attributes)
  )
}

/**
 * One status for a platform whose module and quoting enclave have levels too: what is not up to date there makes the whole out of
 * date, and what is revoked anywhere revokes it. Advisories are those of all, sorted; the date is the earliest of what is behind.
 */
export function converge(platform: Level, others: readonly Level[]): Level {
  const levels = [platform, ...others]
  const advisories = [...new Set(levels.flatMap(level => level.advisories))].sort()
  const behind = levels.filter(({ status }) => status !== 'UpToDate')
  const date = timestamp(Math.min(...(behind.length > 0 ? behind : levels).map(each => each.date)))
  if (levels.some(({ status }) => status === 'Revoked')) {
    return { status: 'Revoked', advisories, date }
  }
  const isOutOfDate = others.some(({ status }) => status !== 'UpToDate')
  const status = isOutOfDate ? outOfDate[platform.status] : platform.status
  return { status, advisories, date }
}

const outOfDate: Readonly<Record<IntelStatus, IntelStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
}

const levelOfSvn = (levels: readonly SvnLevel[], svn: number): Level | undefined =>
  levels.find(level => svn >= level.svn)

function isModule(td: TdReport, { mrSigner, attributes, attributesMask }: ModuleIdentity): boolean {
  return (
    equalBytes(td.mrSignerSeam, mrSigner) &&
    equalBytes(masked(td.seamAttributes, attributesMask), attributes)
  )
}

const masked = (bytes: Uint8Array, mask: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => byte & (mask[i] ?? 0))

const unknownLevel = (part: string): Refusal => ({
  code: 'TCB_LEVEL_UNKNOWN',
  facts: { part, reason: 'older than every level that Intel describes' },
})
