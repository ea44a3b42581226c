/** What the handshake asks: this node's evidence, the policy in force, the removal set. Quick and without I/O. */

import { type Appraisal, clampNow } from '../attestation/appraisal.ts'
import { appraise } from '../attestation/appraise.ts'
import type { VerdictCache } from '../attestation/cache.ts'
import { type Endorsements, endorsementsDigest } from '../attestation/endorsements.ts'
import { type Attested, attestForEver, isNamedBy } from '../attestation/lasting.ts'
import type { Refusal, Verdict, VerdictBasis } from '../attestation/verdict.ts'
import { BoundedMap } from '../base/bounded-map.ts'
import { type Digest, type NetworkId, type NodeId, nodeIdOfKey } from '../base/ids.ts'
import { between, type Clock, type Duration, type Timestamp, timestamp } from '../base/time.ts'
import type { Admission } from '../host/net/port.ts'
import type { Attester } from '../host/tee/port.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import { type Evidence, evidenceDigest, keyReportData, type NodeKeys } from '../wire/evidence.ts'
import type { BanList } from './ban-list.ts'
import type { Counts } from './counts.ts'
import type { Endorsed } from './endorsed.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import type { Spans } from './vitals.ts'

/** Evidence of others kept by digest, so that a peer that dials again need not send it: 8 KiB each at most. */
const knownEvidenceMax = 1_024

export interface AdmissionPorts {
  readonly identity: Identity
  /** The newest about this node's keys. */
  readonly evidence: () => Evidence
  readonly manifests: ManifestKeeper
  readonly cache: VerdictCache
  readonly attester: Attester
  readonly endorsed: Endorsed
  readonly bans: Pick<BanList, 'barred'>
  readonly clock: Clock
  readonly counts: Counts
  readonly spans: Pick<Spans, 'appraisals'>
  readonly membership: () => Pick<MembershipQueries, 'barred' | 'admissible'>
  /** The latest time that something authenticated has shown; the host's clock cannot hide that it passed. */
  readonly authenticatedTime: () => Timestamp
}

export class NodeAdmission implements Admission {
  readonly #ports: AdmissionPorts
  /** When the newest certificate under trusted evidence was issued: true time is not before it. */
  #latestIssue: Timestamp = timestamp(0)
  readonly #known = new BoundedMap<Digest, Evidence>(knownEvidenceMax)

  constructor(ports: AdmissionPorts) {
    this.#ports = ports
  }

  get network(): NetworkId {
    return this.#ports.manifests.network
  }

  self(): ReturnType<Admission['self']> {
    const { identity, evidence, manifests } = this.#ports
    return { keys: identity.keys, evidence: evidence(), manifest: manifests.current.mark }
  }

  manifestSteps(above: number): readonly Uint8Array[] {
    return this.#ports.manifests.steps(above)
  }

  considerManifest(envelopes: readonly Uint8Array[]): Refusal | undefined {
    const considered = this.#ports.manifests.consider(envelopes)
    return considered.kind === 'refused' ? considered : undefined
  }

  knownEvidence(digest: Digest): Evidence | undefined {
    return this.#known.get(digest)
  }

  appraiseKeys(keys: NodeKeys, evidence: Evidence): Verdict {
    const node = nodeIdOfKey(keys.identity)
    const verdict = this.#admissible(
      node,
      this.#timed(() => this.appraiseEvidence(keys, evidence)),
    )
    if (verdict.kind === 'trusted') this.#known.set(evidenceDigest(evidence), evidence)
    return this.#counted(evidence, verdict)
  }

  /** Key evidence against the policy alone: what membership asks about an identity that it judges itself. */
  appraiseEvidence(keys: NodeKeys, evidence: Evidence): Verdict {
    const expected = keyReportData(this.network, evidence.platform, keys)
    const { cache, clock, endorsed } = this.#ports
    const verdict = endorsed.judge(nodeIdOfKey(keys.identity), endorsements =>
      cache.appraise(this.#appraisal(evidence, expected, endorsements), clock.monotonic()),
    )
    if (verdict.kind === 'trusted') this.#latestIssue = laterOf(this.#latestIssue, verdict.issuedAt)
    return verdict
  }

  /** The verdict on key evidence by exactly this basis; `undefined` if its policy is not in force, or its endorsements are not at hand. */
  rerun(keys: NodeKeys, evidence: Evidence, basis: VerdictBasis): Verdict | undefined {
    const { policy } = this.#ports.manifests.current
    if (basis.policy !== policy.digest) return undefined
    const expectedReportData = keyReportData(this.network, evidence.platform, keys)
    let exact: Verdict | undefined
    this.#ports.endorsed.judge(nodeIdOfKey(keys.identity), endorsements => {
      const { at: now } = basis
      const verdict = appraise({ evidence, expectedReportData, endorsements, policy, now })
      if (endorsementsDigest(endorsements) === basis.endorsements) exact = verdict
      return verdict
    })
    return exact
  }

  /** Vendors' documents at hand under which evidence of this node was appraised. */
  endorsementsOf(node: NodeId): Endorsements {
    return this.#ports.endorsed.held(node)
  }

  /** What this evidence says for ever; see `attestForEver`. */
  attest(keys: NodeKeys, evidence: Evidence): Attested | Refusal {
    const { policy } = this.#ports.manifests.current
    return attestForEver({ network: this.network, policy }, keys, evidence)
  }

  isNamed(attested: Attested): boolean {
    return isNamedBy(this.#ports.manifests.current.policy, attested)
  }

  appraiseBinder(node: NodeId, evidence: Evidence, binder: Uint8Array): Verdict {
    const barred = this.barred(node)
    if (barred !== undefined) return this.#counted(evidence, { kind: 'refused', ...barred })
    // A quote over a binder is asked for once: remembering it would only push key evidence out.
    const verdict = this.#timed(() =>
      this.#ports.endorsed.judge(node, endorsements =>
        appraise(this.#appraisal(evidence, binder, endorsements)),
      ),
    )
    // A good quote of a machine that may not be the member's, or not be here, renews nothing.
    return this.#counted(evidence, this.#admissible(node, verdict))
  }

  /** The host's time, not before what is proved to have passed. */
  now(): Timestamp {
    const { clock, authenticatedTime } = this.#ports
    return clampNow(clock.wall(), [authenticatedTime(), this.#latestIssue])
  }

  /** How far the host's clock is behind a time that is proved to have passed; 0 if it is not. */
  clockBehind(): Duration {
    return between(this.#ports.clock.wall(), this.now())
  }

  barred(node: NodeId): Refusal | undefined {
    return this.#ports.membership().barred(node) ?? this.#ports.bans.barred(node)
  }

  sign(message: Uint8Array): Uint8Array {
    return this.#ports.identity.signing.sign(message)
  }

  quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence> {
    return this.#ports.attester.quote(reportData, signal)
  }

  #admissible(node: NodeId, verdict: Verdict): Verdict {
    if (verdict.kind !== 'trusted') return verdict
    const now = this.#ports.clock.monotonic()
    const { bans, membership } = this.#ports
    const refusal = bans.barred(verdict.instance) ?? membership().admissible(node, verdict, now)
    return refusal === undefined ? verdict : { kind: 'refused', ...refusal }
  }

  #timed(appraised: () => Verdict): Verdict {
    const { clock, spans } = this.#ports
    const began = clock.monotonic()
    const verdict = appraised()
    spans.appraisals.add(between(began, clock.monotonic()))
    return verdict
  }

  #counted(evidence: Evidence, verdict: Verdict): Verdict {
    this.#ports.counts.add('coterie_attestation_verifications_total', {
      tee: evidence.platform,
      verdict: verdict.kind,
      reason: verdict.kind === 'refused' ? verdict.code : '',
    })
    return verdict
  }

  #appraisal(
    evidence: Evidence,
    expectedReportData: Uint8Array,
    endorsements: Endorsements,
  ): Appraisal {
    const { policy } = this.#ports.manifests.current
    const now = this.now()
    return { evidence, expectedReportData, endorsements, policy, now }
  }
}

function laterOf(left: Timestamp, right: Timestamp | undefined): Timestamp {
  return right === undefined || right <= left ? left : right
}
