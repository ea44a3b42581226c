/** The Appraisal Policy for Evidence (RFC 9334) that a manifest implies. */

import { fromHex, utf8 } from '../base/bytes.ts'
import { InvariantError } from '../base/errors.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { type Duration, milliseconds, type Timestamp, timestamp } from '../base/time.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Owner, ParsedManifest, ReferenceMeasurement, TcbRule } from './manifest-document.ts'
import type { PlatformName } from './platforms.ts'

/** A reference measurement with its window as times. */
export interface PolicyMeasurement {
  readonly name: string
  readonly platform: PlatformName
  readonly registers: Readonly<Record<string, string>>
  readonly svnMin: number
  readonly validFrom: Timestamp
  readonly validUntil: Timestamp
}

/** A root that evidence of `platform` may chain to. */
export interface TrustAnchor {
  readonly platform: PlatformName
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
}

/** Everything that `appraise` asks a manifest. Made by `policyOf` only. */
export interface Policy {
  /** Names this policy in caches and delegated results. */
  readonly digest: Digest
  readonly testnet: boolean
  /** Anchors of a testnet's manifest. Empty without `testnet`, whatever a manifest says: vendors' are constants of the code. */
  readonly testAnchors: readonly TrustAnchor[]
  readonly measurements: readonly PolicyMeasurement[]
  readonly tcb: readonly TcbRule[]
  /** How long a verdict lasts at most. */
  readonly evidenceAge: Duration
  /** The only instances that may join, or empty for any. */
  readonly pins: ReadonlySet<string>
  /** Instance → key of its owner. */
  readonly owners: ReadonlyMap<string, string>
  /** How many delegated results stand for an appraisal of one's own; 0: none ever do. */
  readonly delegates: number
}

/** The policy of a manifest. Two manifests that differ only in what appraisal does not read have one policy digest. */
export function policyOf(manifest: ParsedManifest): Policy {
  const { founding, join } = manifest
  const anchors = founding.testnet ? founding.anchors : []
  const judged = { testnet: founding.testnet, anchors, join }
  return {
    digest: digestOf(sha256(framed(domains.policy, utf8(canonicalJson(judged))))),
    testnet: founding.testnet,
    testAnchors: anchors.map(({ platform, publicKey }) => ({
      platform,
      publicKey: bytesOf(publicKey),
    })),
    measurements: join.measurements.map(policyMeasurement),
    tcb: join.tcb,
    evidenceAge: milliseconds(join.evidenceAgeMs),
    pins: new Set(join.pins),
    owners: new Map(join.owners.flatMap(ownedInstances)),
    delegates: join.delegation?.k ?? 0,
  }
}

function policyMeasurement(measurement: ReferenceMeasurement): PolicyMeasurement {
  return {
    ...measurement,
    validFrom: timestamp(Date.parse(measurement.validFrom)),
    validUntil: timestamp(Date.parse(measurement.validUntil)),
  }
}

function ownedInstances(owner: Owner): [string, string][] {
  return owner.instances.map(instance => [instance, owner.key])
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new InvariantError('a parsed manifest spells keys in hexadecimal')
  return bytes
}
