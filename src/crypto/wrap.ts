/** A secret sealed to the owner of an X-Wing key, about one thing: it opens for nobody else and about nothing else. */
import type { Random } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { open, seal } from './aead.ts'
import { deriveSecret } from './kdf.ts'
import { encapsulate } from './kem.ts'
import { kemBytes } from './kem-bytes.ts'

/** What travels. */
export interface Wrapped {
  /** X-Wing ciphertext, 1120 bytes. */
  readonly encapsulation: Uint8Array
  /** AES-256-GCM of the secret, 16 bytes longer than it. */
  readonly sealed: Uint8Array
}

const none = new Uint8Array(0)

/** Seals `secret` to `kemKey`. `about` is all that it is bound to, framed; `undefined` if that is no X-Wing key. */
export function wrapTo(
  kemKey: Uint8Array,
  secret: Secret,
  { about, random }: { readonly about: Uint8Array; readonly random: Random },
): Wrapped | undefined {
  return wrapFrom(random.bytes(kemBytes.entropy), kemKey, { secret, about })
}

/** The same out of `entropy`, 64 bytes that nobody can guess and that seal nothing else: they always give the same bytes. */
export function wrapFrom(
  entropy: Uint8Array,
  kemKey: Uint8Array,
  { secret, about }: { readonly secret: Secret; readonly about: Uint8Array },
): Wrapped | undefined {
  const encapsulated = encapsulate(kemKey, entropy)
  if (encapsulated === undefined) return undefined
  using shared = encapsulated.shared
  using key = deriveSecret(shared, { salt: none, info: about, length: 32 })
  const sealed = secret.use(bytes => seal(once(key), bytes))
  return { encapsulation: encapsulated.ciphertext, sealed }
}

/** The secret, owned by the caller, or `undefined` if it was sealed to another key, about something else, or changed. */
export function unwrap(
  { encapsulation, sealed }: Wrapped,
  about: Uint8Array,
  ports: { decapsulate(ciphertext: Uint8Array): Secret | undefined },
): Secret | undefined {
  const decapsulated = ports.decapsulate(encapsulation)
  if (decapsulated === undefined) return undefined
  using shared = decapsulated
  using key = deriveSecret(shared, { salt: none, info: about, length: 32 })
  const bytes = open(once(key), sealed)
  return bytes === undefined ? undefined : new Secret(bytes)
}

/** The key seals one message in its life, so the nonce is zero; all that is bound is in the key. */
function once(key: Secret) {
  return { key, nonce: new Uint8Array(12), aad: none }
}
