/**
 * What others found, held against the policy of one's own. Nothing in a delegated result is believed that this node can tell by
 * itself: which software the manifest names, which machines are pinned, who owns them. What is left to the signers is that
 * a machine with a pinned root attested these keys, with what in its registers, and that its firmware would do.
 */
import type { Digest } from '../base/ids.ts'
import type { Timestamp } from '../base/time.ts'
import { isNamedBy } from './lasting.ts'
import { isPlatformName } from './platforms.ts'
import type { Policy } from './policy.ts'
import type { Refusal, TrustedVerdict } from './verdict.ts'

/** What signers say that they found. */
export interface Finding {
  readonly platform: string
  readonly instance: Digest
  /** In hexadecimal. */
  readonly registers: Readonly<Record<string, string>>
  readonly measurement: string
  readonly tcb: string
  readonly expiresAt: Timestamp
}

/**
 * The verdict that a finding stands for under `policy`, if the policy would trust it.
 *
 * Codes: `PLATFORM_NOT_SUPPORTED`, `MEASUREMENT_MISMATCH`, `INSTANCE_NOT_PINNED`.
 */
export function verdictOfFinding(policy: Policy, finding: Finding): TrustedVerdict | Refusal {
  const { platform, instance, registers, measurement: name } = finding
  if (!isPlatformName(platform)) return { code: 'PLATFORM_NOT_SUPPORTED', facts: {} }
  const measurements = policy.measurements.filter(measurement => measurement.name === name)
  if (!isNamedBy({ ...policy, measurements }, { platform, instance, registers })) {
    return { code: 'MEASUREMENT_MISMATCH', facts: { platform } }
  }
  if (policy.pins.size > 0 && !policy.pins.has(instance)) {
    return { code: 'INSTANCE_NOT_PINNED', facts: { instance } }
  }
  const owner = policy.owners.get(instance) ?? null
  return { kind: 'trusted', ...finding, owner, testnet: policy.testnet }
}

/** Whether a verdict says what a signer said that it found. */
export function agrees(verdict: TrustedVerdict, finding: Finding): boolean {
  return (
    isSameMachine(verdict, finding) &&
    verdict.measurement === finding.measurement &&
    verdict.tcb === finding.tcb &&
    verdict.expiresAt === finding.expiresAt
  )
}

/** Whether both speak of one machine with the same in its registers: the part that never changes. */
export function isSameMachine(
  left: Pick<Finding, 'platform' | 'instance' | 'registers'>,
  right: Pick<Finding, 'platform' | 'instance' | 'registers'>,
): boolean {
  const names = Object.keys(left.registers)
  return (
    left.platform === right.platform &&
    left.instance === right.instance &&
    names.length === Object.keys(right.registers).length &&
    names.every(name => left.registers[name] === right.registers[name])
  )
}
