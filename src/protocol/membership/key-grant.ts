/**
 * Announcing, wrapping and unwrapping epoch keys: the arithmetic of wire/epoch-key.ts.
 *
 * The wrapping key is HKDF of the X-Wing secret over everything that the grant is about: network, kind,
 * id, both nodes, the request's nonce, the removal set and the life left. A grant for another node, another
 * request or another key does not open, whatever the stream below it promised.
 */
import { equalBytes, uint64Bytes, utf8 } from '../../base/bytes.ts'
import {
  bytesOfDigest,
  digestOf,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
} from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import { framed } from '../../crypto/hash.ts'
import { verifySignature } from '../../crypto/sign.ts'
import { unwrap, wrapTo } from '../../crypto/wrap.ts'
import { domains } from '../../wire/domains.ts'
import {
  announcementMessage,
  epochKeyId,
  epochKeyLife,
  type KeyAnnouncement,
  type KeyGrant,
  type KeyRequest,
  type SignedAnnouncement,
} from '../../wire/epoch-key.ts'

/** Who hands which key to whom. */
export interface GrantContext {
  readonly network: NetworkId
  readonly server: NodeId
  readonly asker: NodeId
  readonly request: KeyRequest
}

/** A key to hand over. `key` is lent. */
export interface GrantedKey {
  readonly announcement: SignedAnnouncement
  readonly removalDigest: Uint8Array
  readonly lifeLeft: number | null
  readonly key: Secret
}

/** Whether an announcement is what a creator may say: the life of its kind, and its own signature. */
export function verifyAnnouncement(network: NetworkId, announced: SignedAnnouncement): boolean {
  const longest = epochKeyLife[announced.kind]
  const { life, creator, signature } = announced
  const isLifeAllowed =
    longest === null ? life === null : life !== null && life > 0 && life <= longest
  if (!isLifeAllowed) return false
  const message = announcementMessage(network, announced)
  return verifySignature({ publicKey: creator, message, signature })
}

/** Signs what this node says about a key that it made. */
export function signAnnouncement(
  ports: { sign(message: Uint8Array): Uint8Array },
  network: NetworkId,
  announced: KeyAnnouncement,
): SignedAnnouncement {
  return { ...announced, signature: ports.sign(announcementMessage(network, announced)) }
}

/**
 * Wraps a key for the owner of the attested `kemKey`; `undefined` if that is no KEM key. Evidence commits to
 * its bytes and not to their sense, so a broken enclave may have attested anything.
 */
export function grantKey(
  context: GrantContext,
  granted: GrantedKey,
  to: { readonly kemKey: Uint8Array; readonly random: Random },
): KeyGrant | undefined {
  const { announcement, removalDigest, lifeLeft } = granted
  const about = boundTo(context, granted)
  const wrapped = wrapTo(to.kemKey, granted.key, { about, random: to.random })
  if (wrapped === undefined) return undefined
  const { encapsulation, sealed: sealedKey } = wrapped
  return { announcement, removalDigest, lifeLeft, encapsulation, sealedKey }
}

/** Why a grant is not what was asked for. Every one is the server's fault. */
export type GrantFlaw =
  | 'GRANT_FOR_ANOTHER_KEY'
  | 'BAD_ANNOUNCEMENT'
  | 'GRANT_TOO_LONG'
  | 'GRANT_FORGED'

/** The key of a grant, owned by the caller, or what is wrong with it. */
export function openGrant(
  context: GrantContext,
  grant: KeyGrant,
  ports: { decapsulate(ciphertext: Uint8Array): Secret | undefined },
): { readonly kind: 'opened'; readonly key: Secret } | { kind: 'flawed'; code: GrantFlaw } {
  const { announcement, lifeLeft } = grant
  if (!equalBytes(announcement.id, context.request.id)) return flawed('GRANT_FOR_ANOTHER_KEY')
  if (!verifyAnnouncement(context.network, announcement)) return flawed('BAD_ANNOUNCEMENT')
  const { life } = announcement
  const isWithinLife = life === null ? lifeLeft === null : lifeLeft !== null && lifeLeft <= life
  if (!isWithinLife) return flawed('GRANT_TOO_LONG')
  const { encapsulation, sealedKey: sealed } = grant
  const key = unwrap({ encapsulation, sealed }, boundTo(context, grant), ports)
  if (key === undefined) return flawed('GRANT_FORGED')
  if (epochKeyId(announcement.kind, key) === digestOf(announcement.id)) {
    return { kind: 'opened', key }
  }
  key[Symbol.dispose]()
  return flawed('GRANT_FORGED')
}

const flawed = (code: GrantFlaw): { kind: 'flawed'; code: GrantFlaw } => ({ kind: 'flawed', code })

function boundTo(
  context: GrantContext,
  grant: Pick<KeyGrant, 'announcement' | 'removalDigest' | 'lifeLeft'>,
): Uint8Array {
  return framed(
    domains.epochKeyWrap,
    bytesOfDigest(context.network),
    utf8(grant.announcement.kind),
    grant.announcement.id,
    keyOfNodeId(context.server),
    keyOfNodeId(context.asker),
    context.request.nonce,
    grant.removalDigest,
    grant.lifeLeft === null ? utf8('endless') : uint64Bytes(grant.lifeLeft),
  )
}
