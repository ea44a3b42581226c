/** What an admission rests on, for the record: digests of what was judged and by what, nothing that says how to get in. */
import type { TrustedVerdict } from '../attestation/verdict.ts'
import type { NodeId } from '../base/ids.ts'
import type { Timestamp } from '../base/time.ts'
import { type Evidence, evidenceDigest } from '../wire/evidence.ts'
import type { NodeEvent } from './handle.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

/** The last moment of ECMAScript, milliseconds. */
const dateMax = 8_640_000_000_000_000

export interface Admitted {
  readonly node: NodeId
  readonly verdict: TrustedVerdict
  readonly evidence: Evidence
  /** When the verdict ends unless the node steps up. */
  readonly until: Timestamp
  /** Whether it rests on delegated results of others. */
  readonly isVouched: boolean
}

export function admissionFacts(
  { node, verdict, evidence, until, isVouched }: Admitted,
  { policy, mark }: Pick<ManifestKeeper['current'], 'policy' | 'mark'>,
): NodeEvent['facts'] {
  const { instance, owner, platform, measurement, testnet } = verdict
  return {
    ...{ node, instance, owner, platform, measurement, testnet, isVouched },
    evidence: evidenceDigest(evidence),
    policy: policy.digest,
    manifest: mark.hash,
    // Monotonic time may be turned into a date that there is none of.
    until: new Date(Math.min(Math.max(0, until), dateMax)).toISOString(),
  }
}
