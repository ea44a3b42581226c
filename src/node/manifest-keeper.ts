import {
  compareManifests,
  type ManifestMark,
  markOf,
  networkIdOf,
  type ParsedManifest,
} from '../attestation/manifest.ts'
import {
  encodeEnvelope,
  type ManifestEnvelope,
  parseEnvelope,
  verifyEnvelope,
} from '../attestation/manifest-approval.ts'
import { type Policy, policyOf } from '../attestation/policy.ts'
import type { Refusal } from '../attestation/verdict.ts'
import { UsageError } from '../base/errors.ts'
import type { NetworkId } from '../base/ids.ts'
import { milliseconds } from '../base/time.ts'
import type { ManifestFacts } from '../protocol/membership/types.ts'

/** Everything that follows from the manifest in force, computed once. */
export interface ManifestInForce {
  readonly manifest: ParsedManifest
  readonly mark: ManifestMark
  readonly policy: Policy
  /** Canonical bytes of the envelope, as peers exchange it. */
  readonly envelope: Uint8Array
}

/** Holds the manifest in force and lets only an approved successor of the same network replace it. */
export class ManifestKeeper {
  readonly network: NetworkId
  #inForce: ManifestInForce
  readonly #changed: () => void

  /** @throws {UsageError} with the code of the first thing wrong with the envelope. */
  constructor(envelope: Uint8Array, listeners: { readonly changed: () => void }) {
    const parsed = parseEnvelope(envelope)
    if ('code' in parsed) throw badManifest(parsed)
    const refusal = verifyEnvelope(parsed, { kind: 'founding', founding: parsed.manifest.founding })
    if (refusal !== undefined) throw badManifest(refusal)
    this.network = networkIdOf(parsed.manifest.founding)
    this.#inForce = inForce(parsed)
    this.#changed = listeners.changed
  }

  get current(): ManifestInForce {
    return this.#inForce
  }

  /** Takes a peer's envelope into force if it is the higher one and approved, else says why not. */
  consider(envelope: Uint8Array): Refusal | undefined {
    const parsed = parseEnvelope(envelope)
    if ('code' in parsed) return parsed
    const { manifest, mark } = this.#inForce
    const comparison = compareManifests(mark, markOf(parsed.manifest))
    if (comparison === 'equal') return undefined
    const refusal = verifyEnvelope(parsed, { kind: 'predecessor', manifest })
    if (refusal !== undefined) return refusal
    this.#inForce = inForce(parsed)
    this.#changed()
    return undefined
  }

  /** What the membership machine takes from the manifest. */
  membershipFacts(): ManifestFacts {
    const { manifest, mark } = this.#inForce
    return {
      nonce: mark.nonce,
      hash: mark.hash,
      manifestSet: manifest.manifestSet,
      measurements: manifest.join.measurements.map(measurement => measurement.name),
      instanceLimits: {
        live: manifest.limits.liveIdentitiesPerInstance,
        newPerHour: manifest.limits.newIdentitiesPerHour,
      },
      evidenceAge: milliseconds(manifest.join.evidenceAgeMs),
    }
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

function badManifest(refusal: Refusal): UsageError {
  const reason = refusal.facts['reason']
  return new UsageError(refusal.code, `The manifest does not hold: ${reason ?? refusal.code}`, {
    next: 'Ask whoever runs the network for its manifest envelope, or make a testnet.',
  })
}
