/** Endorsements (RFC 9334): what vendors sign about hardware, brought along by anyone because it is signed. */
import { type Digest, digestOf } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'

/** Certificates, revocation lists and TCB information at hand, as received. The simulated platform needs none. */
export interface Endorsements {
  readonly items: readonly Uint8Array[]
}

export const noEndorsements: Endorsements = { items: [] }

/** Names a set of endorsements in caches and delegated results. */
export function endorsementsDigest(endorsements: Endorsements): Digest {
  return digestOf(sha256(framed(domains.endorsements, ...endorsements.items)))
}
