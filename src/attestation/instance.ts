/** Names of machines. */
import { utf8 } from '../base/bytes.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import type { PlatformName } from './platforms.ts'

/** Names a machine on a platform, from what its hardware calls itself. */
export function instanceOf(platform: PlatformName, chip: Uint8Array): Digest {
  return digestOf(sha256(framed(domains.instance, utf8(platform), chip)))
}
