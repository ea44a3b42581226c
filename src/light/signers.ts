/** Whose word a checkpoint is: evidence of nodes, appraised by this client itself, each once. */
import { appraiseWith } from '../attestation/appraisal.ts'
import type { AppraiserOf } from '../attestation/claims.ts'
import type { Endorsements } from '../attestation/endorsements.ts'
import type { TrustedVerdict } from '../attestation/verdict.ts'
import { equalBytes } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import type { Digest } from '../base/ids.ts'
import type { Timestamp } from '../base/time.ts'
import { evidenceDigest, keyReportData } from '../wire/evidence.ts'
import { type ServedEvidence, servedEvidenceCodec } from '../wire/light-answers.ts'
import { verifyPossession } from '../wire/member-record.ts'
import type { Trust } from './trust.ts'

/** What nodes served of evidence, by its digest, and what this client thinks of it. */
export class Signers {
  /** Of the platforms that this look may meet. */
  readonly appraiserOf: AppraiserOf
  readonly #trust: Trust
  readonly #at: Timestamp
  readonly #extra: Endorsements
  readonly #served = new Map<Digest, ServedEvidence>()
  readonly #verdicts = new Map<Digest, TrustedVerdict | undefined>()

  /** `extra` are endorsements that the client has of its own. What cannot be read is passed over: nothing then rests on it. */
  constructor(
    trust: Trust,
    given: {
      readonly appraiserOf: AppraiserOf
      readonly at: Timestamp
      readonly evidence: readonly Uint8Array[]
      readonly extra: Endorsements
    },
  ) {
    this.#trust = trust
    this.appraiserOf = given.appraiserOf
    this.#at = given.at
    this.#extra = given.extra
    for (const bytes of given.evidence) {
      const served = readEvidence(bytes)
      if (served !== undefined) this.#served.set(evidenceDigest(served.record.evidence), served)
    }
  }

  /** Vendors' documents about the evidence of this digest, from whoever had any. */
  endorsementsOf(evidence: Digest): Endorsements {
    const served = this.#served.get(evidence)?.endorsements ?? []
    return served.length === 0 ? this.#extra : { items: [...this.#extra.items, ...served] }
  }

  /** The verdict on the node with this identity key, if its evidence was served and is trusted. */
  verdictOn(identity: Uint8Array, evidence: Digest): TrustedVerdict | undefined {
    const served = this.#served.get(evidence)
    if (served === undefined || !equalBytes(served.record.keys.identity, identity)) return undefined
    if (!this.#verdicts.has(evidence)) this.#verdicts.set(evidence, this.#appraise(served))
    return this.#verdicts.get(evidence)
  }

  #appraise({ record }: ServedEvidence): TrustedVerdict | undefined {
    const { network, policy } = this.#trust
    if (!verifyPossession(network, record)) return undefined
    const verdict = appraiseWith(this.appraiserOf, {
      evidence: record.evidence,
      expectedReportData: keyReportData(network, record.evidence.platform, record.keys),
      endorsements: this.endorsementsOf(evidenceDigest(record.evidence)),
      policy,
      now: this.#at,
    })
    return verdict.kind === 'trusted' ? verdict : undefined
  }
}

/** Evidence as served, or `undefined` for bytes that are none. */
export function readEvidence(bytes: Uint8Array): ServedEvidence | undefined {
  return ifReadable(() => servedEvidenceCodec.decode(bytes))
}
