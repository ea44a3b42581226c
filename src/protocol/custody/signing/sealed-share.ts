/**
 * A share on its way: sealed to the attested KEM key of one participant, for one ceremony and one pair of nodes.
 *
 * The sealing is drawn from a seed that travels inside. Whoever opened it can show share and seed, and everybody
 * seals them again and compares with what the dealer signed: so a bad share names its dealer, and a false complaint
 * its author.
 */
import { concatBytes, equalBytes } from '../../../base/bytes.ts'
import { Secret } from '../../../base/secret.ts'
import { scalarBytes } from '../../../crypto/frost-suite.ts'
import { framed, sha512 } from '../../../crypto/hash.ts'
import { unwrap, type Wrapped, wrapFrom } from '../../../crypto/wrap.ts'
import { custodyDomains } from '../../../wire/custody-domains.ts'
import type { OpenedShare } from '../../../wire/key-ceremony.ts'
import type { Subject } from './statements.ts'

/** Who deals to whom, in which ceremony. */
export interface SealedShareContext {
  readonly about: Subject
  /** Identity keys, 32 bytes each. */
  readonly dealer: Uint8Array
  readonly receiver: Uint8Array
}

/** Seals `opened` to `kemKey`; `undefined` if that is no KEM key. The same words always give the same bytes. */
export function sealShare(
  context: SealedShareContext,
  kemKey: Uint8Array,
  opened: OpenedShare,
): Wrapped | undefined {
  const words = framed(custodyDomains.sealedShareEntropy, opened.seed, opened.share)
  const entropy = sha512(words)
  words.fill(0)
  using secret = new Secret(concatBytes(opened.share, opened.seed))
  const wrapped = wrapFrom(entropy, kemKey, { secret, about: boundTo(context) })
  entropy.fill(0)
  return wrapped
}

/** What is in a sealed share, or `undefined` if it does not open. Not yet held against its sealing. */
export function openShare(
  context: SealedShareContext,
  body: Wrapped,
  ports: { decapsulate(ciphertext: Uint8Array): Secret | undefined },
): OpenedShare | undefined {
  using inside = unwrap(body, boundTo(context), ports)
  return inside?.use(bytes => ({
    share: bytes.slice(0, scalarBytes),
    seed: bytes.slice(scalarBytes),
  }))
}

/** Whether `opened` is what was sealed, by sealing it again. */
export function isWhatWasSealed(
  context: SealedShareContext,
  kemKey: Uint8Array,
  shown: { readonly body: Wrapped; readonly opened: OpenedShare },
): boolean {
  const again = sealShare(context, kemKey, shown.opened)
  if (again === undefined) return false
  return (
    equalBytes(again.encapsulation, shown.body.encapsulation) &&
    equalBytes(again.sealed, shown.body.sealed)
  )
}

function boundTo({ about, dealer, receiver }: SealedShareContext): Uint8Array {
  return framed(
    custodyDomains.sealedShare,
    about.network,
    about.subject,
    about.session,
    dealer,
    receiver,
  )
}
