/**
 * Encryption to a P-256 point as qos does it (`qos_p256/SPEC.md`, "P256 HPKE", which is not RFC 9180): for holders whose keys live in its
 * tools.
 */
import { concatBytes, utf8 } from '../../base/bytes.ts'
import type { Random } from '../../base/random.ts'
import { Secret } from '../../base/secret.ts'
import { nonceBytes, open, seal } from '../../crypto/aead.ts'
import { macSecret512 } from '../../crypto/kdf.ts'
import { P256Key, pointBytes } from '../../crypto/p256.ts'

const label = utf8('qos_encryption_hmac_message')
/** Lengths of the points, which that scheme writes behind and not before them. */
const pointTail = Uint8Array.of(pointBytes)

/** Nonce 12, ephemeral point 65, then the ciphertext behind its length (u32, little-endian). `undefined` if `point` is not on the curve. */
export function sealToPoint(
  point: Uint8Array,
  secret: Secret,
  random: Random,
): Uint8Array | undefined {
  using ephemeral = P256Key.of(new Secret(random.bytes(32)))
  const parties = { sender: ephemeral?.publicKey ?? point, receiver: point }
  const shared = ephemeral?.agree(point)
  if (shared === undefined) return undefined
  using key = keyOf(shared, parties)
  const nonce = random.bytes(nonceBytes)
  const sealed = secret.use(bytes => seal({ key, nonce, aad: aadOf(parties) }, bytes))
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, sealed.length, true)
  return concatBytes(nonce, parties.sender, length, sealed)
}

/** The secret, owned by the caller, or `undefined` if it was sealed to another point or changed. */
export function openAtPoint(key: P256Key, envelope: Uint8Array): Secret | undefined {
  const head = nonceBytes + pointBytes + 4
  if (envelope.length < head) return undefined
  const nonce = envelope.slice(0, nonceBytes)
  const sender = envelope.slice(nonceBytes, nonceBytes + pointBytes)
  const length = new DataView(envelope.buffer, envelope.byteOffset).getUint32(head - 4, true)
  if (length !== envelope.length - head) return undefined
  const parties = { sender, receiver: key.publicKey }
  const shared = key.agree(sender)
  if (shared === undefined) return undefined
  using opening = keyOf(shared, parties)
  const context = { key: opening, nonce, aad: aadOf(parties) }
  const bytes = open(context, envelope.subarray(head))
  return bytes === undefined ? undefined : new Secret(bytes)
}

interface Parties {
  readonly sender: Uint8Array
  readonly receiver: Uint8Array
}

/** Takes the shared secret. */
function keyOf(shared: Secret, { sender, receiver }: Parties): Secret {
  using owned = shared
  using joined = owned.use(bytes => new Secret(concatBytes(sender, receiver, bytes)))
  using mac = macSecret512(joined, label)
  return mac.use(bytes => new Secret(bytes.slice(0, 32)))
}

function aadOf({ sender, receiver }: Parties): Uint8Array {
  return concatBytes(sender, pointTail, receiver, pointTail)
}
