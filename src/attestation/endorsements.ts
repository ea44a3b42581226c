/** Endorsements (RFC 9334): what vendors sign about hardware, brought along by anyone because it is signed. */
import { utf8 } from '../base/bytes.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'

/**
 * `certificates`: one of DER or several of PEM (AMD's VCEK, VLEK and authorities, Intel's TCB signing chain); `crl`: DER;
 * `tcb-info` and `qe-identity`: the bodies of Intel's provisioning certification service, JSON.
 */
export type EndorsementKind = 'certificates' | 'crl' | 'tcb-info' | 'qe-identity'

/** One document as received. Nothing in it is believed yet. */
export interface Endorsement {
  readonly kind: EndorsementKind
  readonly bytes: Uint8Array
}

/** Everything at hand, in any order; a verifier takes what fits and passes over the rest. The simulated platform needs none. */
export interface Endorsements {
  readonly items: readonly Endorsement[]
}

/** For evidence that brings all that it needs, as Nitro's does. */
export const noEndorsements: Endorsements = { items: [] }

/** Documents, and bytes of one document, that a verifier looks at. */
export const endorsementLimits = { itemsMax: 32, bytesMax: 256 * 1024 } as const

/** Asked for at every look into a cache, and a set is never changed once it was made. */
const digests = new WeakMap<Endorsements, Digest>()

/** Names a set of endorsements in caches and delegated results; computed once for an object. */
export function endorsementsDigest(endorsements: Endorsements): Digest {
  const known = digests.get(endorsements)
  if (known !== undefined) return known
  const parts = endorsements.items.flatMap(({ kind, bytes }) => [utf8(kind), bytes])
  const digest = digestOf(sha256(framed(domains.endorsements, ...parts)))
  digests.set(endorsements, digest)
  return digest
}

/** Documents of one kind, as many and as large as a verifier looks at. */
export function endorsementsOf({ items }: Endorsements, kind: EndorsementKind): Uint8Array[] {
  const { itemsMax, bytesMax } = endorsementLimits
  return items
    .slice(0, itemsMax)
    .filter(item => item.kind === kind && item.bytes.length <= bytesMax)
    .map(({ bytes }) => bytes)
}
