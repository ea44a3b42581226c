import {
  type ManifestMark,
  markOf,
  networkIdOf,
  type ParsedManifest,
} from '../attestation/manifest.ts'
import {
  encodeEnvelope,
  type ManifestEnvelope,
  parseEnvelope,
} from '../attestation/manifest-approval.ts'
import {
  ancestorsMax,
  encodeLineage,
  followLineage,
  type Lineage,
  openLineage,
  parseLineage,
  type Rival,
  rivalOf,
  stepsAbove,
} from '../attestation/manifest-lineage.ts'
import { type Policy, policyOf } from '../attestation/policy.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import { UsageError } from '../base/errors.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import { milliseconds, type Timestamp } from '../base/time.ts'
import type { ManifestFacts } from '../protocol/membership/types.ts'
import type { StateRules } from '../protocol/replica/types.ts'

/** Everything that follows from the manifest in force, computed once. */
export interface ManifestInForce {
  readonly manifest: ParsedManifest
  readonly mark: ManifestMark
  readonly policy: Policy
  /** Canonical bytes of the envelope, as peers exchange it. */
  readonly envelope: Uint8Array
}

/** What became of an envelope that was considered. */
export type Considered =
  | { readonly kind: 'taken' }
  | { readonly kind: 'known' }
  | ({ readonly kind: 'refused' } & Refusal)

export interface ManifestListeners {
  /** A higher manifest is in force. */
  readonly changed: () => void
  /** A second manifest of the nonce in force was seen, or more is known against its signers. */
  readonly contradicted: (rival: Rival) => void
}

/**
 * Holds the manifest in force and lets only an approved successor of the same network replace it: the nonce
 * only rises, and one nonce keeps the first hash that was believed under it.
 */
export class ManifestKeeper {
  readonly network: NetworkId
  #lineage: Lineage
  #inForce: ManifestInForce
  #rival: Rival | undefined
  readonly #listeners: ManifestListeners

  /**
   * `file` holds an envelope, or a lineage from the founding block on.
   *
   * @throws {UsageError} with the code of the first thing wrong with it.
   */
  constructor(file: Uint8Array, listeners: ManifestListeners) {
    const steps = parseLineage(file)
    if (isRefusal(steps)) throw badManifest(steps)
    const lineage = openLineage(steps)
    if (isRefusal(lineage)) throw badManifest(lineage)
    this.network = networkIdOf(lineage.head.manifest.founding)
    this.#lineage = lineage
    this.#inForce = inForce(lineage.head)
    this.#listeners = listeners
  }

  get current(): ManifestInForce {
    return this.#inForce
  }

  /** Another manifest of the nonce in force, if one was seen. */
  get rival(): Rival | undefined {
    return this.#rival
  }

  /** Whether the manifest set contradicted itself: nobody is admitted and no key is released until it decides anew. */
  get isContradicted(): boolean {
    return this.#rival?.isApproved === true
  }

  /** The manifest in force with all that a new node needs to check it, as a file. */
  file(): Uint8Array {
    return encodeLineage(this.#lineage)
  }

  /** Envelopes that lead whoever holds `above` to the manifest in force, in order. */
  steps(above: number): readonly Uint8Array[] {
    return stepsAbove(this.#lineage, above).map(encodeEnvelope)
  }

  /** What leads from `above` to the manifest of this hash: the one in force, or proof that it has a rival. */
  stepsTo(hash: Digest, above: number): readonly Uint8Array[] {
    if (hash === this.#inForce.mark.hash) return this.steps(above)
    return hash === this.#rival?.hash ? [encodeEnvelope(this.#rival.envelope)] : []
  }

  /** A file from this node's own door. */
  considerFile(file: Uint8Array): Considered {
    const steps = parseLineage(file)
    return isRefusal(steps) ? refused(steps) : this.#consider(steps)
  }

  /** Envelopes of a peer, in order, the last one being what it says is in force. */
  consider(envelopes: readonly Uint8Array[]): Considered {
    const steps: ManifestEnvelope[] = []
    for (const bytes of envelopes.slice(0, ancestorsMax + 1)) {
      const parsed = parseEnvelope(bytes)
      if (isRefusal(parsed)) return refused(parsed)
      steps.push(parsed)
    }
    return this.#consider(steps)
  }

  /** What the replica takes from the manifest. */
  stateRules(): StateRules {
    const { write, api, limits, liveness } = this.#inForce.manifest
    return {
      maxDrift: milliseconds(liveness.maxDriftMs),
      write,
      publicPrefixes: api.publicPrefixes,
      quota: {
        instance: { entries: limits.stateEntriesPerInstance, bytes: limits.stateBytesPerInstance },
        departed: { entries: limits.departedEntries, bytes: limits.departedBytes },
      },
    }
  }

  /** What the membership machine takes from the manifest at a time that is proved to have come. */
  membershipFacts(now: Timestamp): ManifestFacts {
    const { manifest, mark, policy } = this.#inForce
    const ended = manifest.join.measurements.filter(
      ({ validUntil }) => Date.parse(validUntil) <= now,
    )
    return {
      nonce: mark.nonce,
      hash: mark.hash,
      rival: this.#rival?.isApproved === true ? this.#rival.hash : null,
      manifestSet: manifest.manifestSet,
      measurements: manifest.join.measurements.map(measurement => measurement.name),
      endedMeasurements: ended.map(({ name }) => name).toSorted(),
      instanceLimits: {
        live: manifest.limits.liveIdentitiesPerInstance,
        newPerHour: manifest.limits.newIdentitiesPerHour,
      },
      evidenceAge: milliseconds(manifest.join.evidenceAgeMs),
      delegation: policy.delegates === 0 ? null : { k: policy.delegates, policy: policy.digest },
    }
  }

  #consider(steps: readonly ManifestEnvelope[]): Considered {
    const head = steps.at(-1)
    if (head === undefined) return refused(noEnvelope)
    const { mark } = this.#inForce
    const theirs = markOf(head.manifest)
    if (theirs.hash === mark.hash) return { kind: 'known' }
    if (theirs.nonce === mark.nonce) return this.#contradict(head)
    if (theirs.nonce < mark.nonce) return refused(notHigher(theirs.nonce, mark.nonce))
    const followed = followLineage(this.#lineage, steps)
    if (isRefusal(followed)) return refused(followed)
    this.#lineage = followed
    this.#inForce = inForce(followed.head)
    this.#rival = undefined
    this.#listeners.changed()
    return { kind: 'taken' }
  }

  /** Keeps the manifest in force, and whatever is proved against the manifest set. */
  #contradict(other: ManifestEnvelope): Considered {
    const rival = rivalOf(this.#lineage, other)
    if (rival === undefined)
      return refused(notHigher(other.manifest.nonce, this.#inForce.mark.nonce))
    const isProof = rival.isApproved || rival.signers.length > 0
    const isNews =
      this.#rival === undefined ||
      (rival.isApproved && !this.#rival.isApproved) ||
      (!this.isContradicted && rival.signers.length > this.#rival.signers.length)
    if (isProof && isNews) {
      this.#rival = rival
      this.#listeners.contradicted(rival)
    }
    return refused(rival.isApproved ? equivocation(rival, this.#inForce.mark) : unapproved(rival))
  }
}

function inForce(envelope: ManifestEnvelope): ManifestInForce {
  const { manifest } = envelope
  return {
    manifest,
    mark: markOf(manifest),
    policy: policyOf(manifest),
    envelope: encodeEnvelope(envelope),
  }
}

const refused = ({ code, facts }: Refusal): Considered => ({ kind: 'refused', code, facts })

const noEnvelope: Refusal = {
  code: 'MANIFEST_MISSING',
  facts: { reason: 'No manifest envelope was given.' },
}

function notHigher(found: number, inForce: number): Refusal {
  const reason = `The nonce must rise above ${inForce}.`
  return { code: 'NONCE_NOT_HIGHER', facts: { reason, found, inForce } }
}

function equivocation({ nonce, hash }: Rival, mark: ManifestMark): Refusal {
  const reason = `The manifest set approved two manifests with the nonce ${nonce}.`
  return {
    code: 'MANIFEST_EQUIVOCATION',
    facts: { reason, nonce, found: hash, inForce: mark.hash },
  }
}

function unapproved({ nonce, hash, signers }: Rival): Refusal {
  const reason = `Another manifest of the nonce ${nonce} is in force, and this one lacks approvals.`
  return { code: 'NONCE_TAKEN', facts: { reason, nonce, found: hash, signedTwice: signers.length } }
}

function badManifest(refusal: Refusal): UsageError {
  const reason = refusal.facts['reason']
  return new UsageError(refusal.code, `The manifest does not hold: ${reason ?? refusal.code}`, {
    next: 'Ask whoever runs the network for its manifest envelope, or make a testnet.',
  })
}
