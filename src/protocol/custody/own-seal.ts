/** What a node seals to the quorum for itself: nothing that a caller asks for opens it, and it opens nothing of theirs. */
import { concatBytes } from '../../base/bytes.ts'
import { bytesOfDigest, type NetworkId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import { nonceBytes, open, seal, tagBytes } from '../../crypto/aead.ts'
import { framed } from '../../crypto/hash.ts'
import type { QuorumKeys } from '../../crypto/quorum-keys.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'

/** Chance that makes each record a key of its own. */
const saltBytes = 32
/** By which a sealed record is longer than what is in it. */
export const ownSealBytes = saltBytes + tagBytes

/** Salt, ciphertext and tag. Opens for whoever holds this quorum key, in this network. */
export function sealForQuorum(
  keys: QuorumKeys,
  given: { readonly network: NetworkId; readonly plaintext: Uint8Array; readonly random: Random },
): Uint8Array {
  const salt = given.random.bytes(saltBytes)
  using key = keyOf(keys, given.network, salt)
  return concatBytes(salt, seal(context(keys, key), given.plaintext))
}

/** What `sealForQuorum` sealed; `undefined` for another key, another network, or any other bit. */
export function openForQuorum(
  keys: QuorumKeys,
  { network, sealed }: { readonly network: NetworkId; readonly sealed: Uint8Array },
): Uint8Array | undefined {
  if (sealed.length < ownSealBytes) return undefined
  const salt = sealed.subarray(0, saltBytes)
  using key = keyOf(keys, network, salt)
  return open(context(keys, key), sealed.subarray(saltBytes))
}

function keyOf(keys: QuorumKeys, network: NetworkId, salt: Uint8Array): Secret {
  const about = framed(custodyDomains.recoveryRecord, bytesOfDigest(network), salt)
  return keys.derive('checkpoint', about)
}

/** The key seals one message in its life, so the nonce may be zero. */
function context(keys: QuorumKeys, key: Secret) {
  const aad = framed(custodyDomains.recoveryRecord, keys.publicKey)
  return { key, nonce: new Uint8Array(nonceBytes), aad }
}
