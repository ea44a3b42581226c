/**
 * A share on its way: sealed to the attested KEM key of one participant, for one ceremony and one pair of nodes.
 *
 * The sealing is drawn from a seed that travels inside. Whoever opened it can show share and seed, and everybody
 * seals them again and compares with what the dealer signed: so a bad share names its dealer, and a false complaint
 * its author.
 */
import { concatBytes, equalBytes } from '../../../base/bytes.ts'
import { Secret } from '../../../base/secret.ts'
import { nonceBytes, open, seal } from '../../../crypto/aead.ts'
import { scalarBytes } from '../../../crypto/frost-suite.ts'
import { framed, sha512 } from '../../../crypto/hash.ts'
import { deriveSecret } from '../../../crypto/kdf.ts'
import { encapsulate } from '../../../crypto/kem.ts'
import { domains } from '../../../wire/domains.ts'
import type { DealtShareBody, OpenedShare } from '../../../wire/key-ceremony.ts'
import type { Subject } from './statements.ts'

/** Who deals to whom, in which ceremony. */
export interface SealedShareContext {
  readonly about: Subject
  /** Identity keys, 32 bytes each. */
  readonly dealer: Uint8Array
  readonly receiver: Uint8Array
}

type Sealed = Pick<DealtShareBody, 'encapsulation' | 'sealed'>

/** Seals `opened` to `kemKey`; `undefined` if that is no KEM key. The same words always give the same bytes. */
export function sealShare(
  context: SealedShareContext,
  kemKey: Uint8Array,
  opened: OpenedShare,
): Sealed | undefined {
  const entropy = sha512(framed(domains.sealedShareEntropy, opened.seed, opened.share))
  const made = encapsulate(kemKey, entropy)
  entropy.fill(0)
  if (made === undefined) return undefined
  using shared = made.shared
  using key = sealingKey(context, shared)
  using inside = new Secret(concatBytes(opened.share, opened.seed))
  const sealed = inside.use(bytes => seal(sealContext(key), bytes))
  return { encapsulation: made.ciphertext, sealed }
}

/** What is in a sealed share, or `undefined` if it does not open. Not yet held against its sealing. */
export function openShare(
  context: SealedShareContext,
  body: Sealed,
  ports: { decapsulate(ciphertext: Uint8Array): Secret | undefined },
): OpenedShare | undefined {
  const decapsulated = ports.decapsulate(body.encapsulation)
  if (decapsulated === undefined) return undefined
  using shared = decapsulated
  using key = sealingKey(context, shared)
  const bytes = open(sealContext(key), body.sealed)
  if (bytes === undefined) return undefined
  const opened = { share: bytes.slice(0, scalarBytes), seed: bytes.slice(scalarBytes) }
  bytes.fill(0)
  return opened
}

/** Whether `opened` is what was sealed, by sealing it again. */
export function isWhatWasSealed(
  context: SealedShareContext,
  kemKey: Uint8Array,
  shown: { readonly body: Sealed; readonly opened: OpenedShare },
): boolean {
  const again = sealShare(context, kemKey, shown.opened)
  if (again === undefined) return false
  return (
    equalBytes(again.encapsulation, shown.body.encapsulation) &&
    equalBytes(again.sealed, shown.body.sealed)
  )
}

function sealingKey({ about, dealer, receiver }: SealedShareContext, shared: Secret): Secret {
  const info = framed(
    domains.sealedShare,
    about.network,
    about.subject,
    about.session,
    dealer,
    receiver,
  )
  return deriveSecret(shared, { salt: about.subject, info, length: 32 })
}

/** A sealing key seals one message in its life, so the nonce is zero; all that is bound is in the key. */
function sealContext(key: Secret) {
  return { key, nonce: new Uint8Array(nonceBytes), aad: new Uint8Array(0) }
}
