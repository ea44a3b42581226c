import { utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { framed, sha256, sha512 } from '../crypto/hash.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { byteString, message, text } from './schema.ts'

/** Evidence as carried: which platform made it, and its own bytes. Nothing in it is believed yet. */
export interface Evidence {
  readonly platform: string
  readonly body: Uint8Array
}

export const evidenceCodec = message<Evidence>(
  'evidence',
  1,
  { platform: [1, text(32)], body: [2, byteString(1, limits.handshakeFrameBytesMax - 4096)] },
  { bytesMax: limits.handshakeFrameBytesMax, itemsMax: 64 },
)

/** The three public keys of a node, made in TEE memory at every boot. */
export interface NodeKeys {
  /** Ed25519 identity, 32 bytes: the node id. */
  readonly identity: Uint8Array
  /** X25519 static key of the Noise handshake, 32 bytes. */
  readonly noise: Uint8Array
  /** X-Wing encapsulation key, 1216 bytes. */
  readonly kem: Uint8Array
}

/** Evidence is named several times in each handshake, and it is never changed once it was made or read. */
const digests = new WeakMap<Evidence, Digest>()

/**
 * Names evidence in a handshake, a cache and a delegated result: SHA-256 of its canonical encoding. Computed
 * once for an object: whoever has other bytes makes another one.
 */
export function evidenceDigest(evidence: Evidence): Digest {
  const known = digests.get(evidence)
  if (known !== undefined) return known
  const digest = digestOf(sha256(evidenceCodec.encode(evidence)))
  digests.set(evidence, digest)
  return digest
}

/** The 64 bytes that key evidence must carry as report data: they commit to network, platform and the three keys. */
export function keyReportData(network: NetworkId, platform: string, keys: NodeKeys): Uint8Array {
  return sha512(
    framed(
      domains.keyEvidence,
      bytesOfDigest(network),
      utf8(platform),
      keys.identity,
      keys.noise,
      keys.kem,
    ),
  )
}
