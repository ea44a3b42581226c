/**
 * What evidence says for ever: the part of an appraisal that every node answers alike, whenever it asks and whatever
 * manifest is in force.
 *
 * A verdict depends on the time and the manifest, so two nodes may differ about it for a while. What is kept in a set that all
 * must hold alike cannot hang on that. Only the following is asked here: the chain, up to a root that never changes (a constant
 * of the code, or an anchor of the founding block), valid at its own date; the signature; the keys; and that the machine hid its
 * memory. Debug mode is refused for ever: its host holds every key.
 */
import { equalConstantTime, toHex } from '../base/bytes.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import { type Evidence, keyReportData, type NodeKeys } from '../wire/evidence.ts'
import { Checks } from './checks.ts'
import { noEndorsements } from './endorsements.ts'
import { instanceOf } from './instance.ts'
import { isPlatformName, type PlatformName } from './platforms.ts'
import type { Policy } from './policy.ts'
import type { Refusal } from './verdict.ts'
import { anchorsOf, verifyWith } from './verification.ts'
import { appraiserOf } from './verifiers.ts'

/** What once ran under some keys. */
export interface Attested {
  readonly platform: PlatformName
  readonly instance: Digest
  /** In hexadecimal, by the names of the platform table. */
  readonly registers: Readonly<Record<string, string>>
}

/**
 * Whether a machine with a pinned root ever attested these keys in this network, and which. Of `policy` only what the
 * founding block fixes is read.
 *
 * Codes: `PLATFORM_NOT_SUPPORTED`, `SIMULATED_NOT_TRUSTED`, `EVIDENCE_UNDETERMINED`, `DEBUG_ENABLED`,
 * `REPORT_DATA_MISMATCH`, and those of the platform's verifier.
 */
export function attestForEver(
  { network, policy }: { readonly network: NetworkId; readonly policy: Policy },
  keys: NodeKeys,
  evidence: Evidence,
): Attested | Refusal {
  const { platform, body } = evidence
  if (!isPlatformName(platform)) return { code: 'PLATFORM_NOT_SUPPORTED', facts: {} }
  const facts = { platform }
  if (platform === 'simulated' && !policy.testnet) return { code: 'SIMULATED_NOT_TRUSTED', facts }
  const appraiser = appraiserOf(platform)
  if (appraiser === undefined) return { code: 'PLATFORM_NOT_SUPPORTED', facts }
  const anchors = anchorsOf(platform, appraiser, policy)
  const checks = new Checks()
  const request = { body, anchors, endorsements: noEndorsements, now: null, checks }
  const verification = verifyWith(appraiser, request)
  if (verification.kind === 'refused') return verification.refusal
  if (verification.kind === 'undetermined') return { code: 'EVIDENCE_UNDETERMINED', facts }
  const { claims } = verification
  if (claims.debug) return { code: 'DEBUG_ENABLED', facts }
  if (!equalConstantTime(claims.reportData, keyReportData(network, platform, keys))) {
    return { code: 'REPORT_DATA_MISMATCH', facts }
  }
  const registers = Object.entries(claims.registers).map(([name, value]) => [name, toHex(value)])
  const instance = instanceOf(platform, claims.instance)
  return { platform, instance, registers: Object.fromEntries(registers) }
}

/** Whether the manifest behind `policy` names what ran there; its dates and versions are not asked. */
export function isNamedBy(policy: Policy, { platform, registers }: Attested): boolean {
  return policy.measurements.some(
    measurement =>
      measurement.platform === platform &&
      Object.entries(measurement.registers).every(([name, value]) => registers[name] === value),
  )
}
