/**
 * The key that a node takes sealed calls under, for an hour: the *subkey*. The identity key signs it, and evidence vouches for the identity
 * key, so whoever hands the offer out adds nothing.
 */
import { equalBytes, uint64Bytes } from '../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { hours, type Timestamp } from '../base/time.ts'
import { framed, framedHash } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { fixedBytes, message, uint } from './schema.ts'

/** For how long a subkey is offered. */
export const subkeyLife = hours(1)

export interface ChannelOffer {
  /** Identity key of the node, 32 bytes. */
  readonly node: Uint8Array
  /** X-Wing public key, 1216 bytes. */
  readonly subkey: Uint8Array
  /** Milliseconds of the group clock. */
  readonly from: number
  readonly until: number
  /** Ed25519 of the identity key over `offerMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

export const channelOfferCodec = message<ChannelOffer>(
  'channel-offer',
  1,
  {
    node: [1, fixedBytes(32)],
    subkey: [2, fixedBytes(kemBytes.publicKey)],
    from: [3, uint()],
    until: [4, uint()],
    signature: [5, fixedBytes(64)],
  },
  { bytesMax: 2_048, itemsMax: 16 },
)

/** What a node signs to offer a subkey. */
export function offerMessage(
  network: NetworkId,
  { node, subkey, from, until }: Omit<ChannelOffer, 'signature'>,
): Uint8Array {
  return framed(
    domains.channelOffer,
    bytesOfDigest(network),
    node,
    subkey,
    uint64Bytes(from),
    uint64Bytes(until),
  )
}

/** By which calls name the subkey that they are sealed to. */
export function subkeyDigest(subkey: Uint8Array): Digest {
  return digestOf(framedHash(domains.channelSubkey, subkey))
}

/** Why an offer is not to be used. */
export type OfferRefusalCode =
  /** Of another node, or not signed by this one for this network. */
  | 'OFFER_FORGED'
  /** Its hour has not begun, is over, or is none. */
  | 'OFFER_EXPIRED'

/** What a client must know of the node before it looks at its offer. */
export interface OfferContext {
  readonly network: NetworkId
  /** Identity key that genuine evidence named, 32 bytes. */
  readonly node: Uint8Array
  readonly now: Timestamp
  /** How far the clocks of client and network may be apart, in milliseconds. */
  readonly skew: number
}

/** Why this offer is not to be used; `undefined` for a good one. Cheapest first. */
export function offerRefusal(
  offer: ChannelOffer,
  { network, node, now, skew }: OfferContext,
): OfferRefusalCode | undefined {
  const { from, until, signature } = offer
  const isHour = until - from === subkeyLife
  if (!isHour || now < from - skew || now > until + skew) return 'OFFER_EXPIRED'
  if (!equalBytes(offer.node, node)) return 'OFFER_FORGED'
  const message = offerMessage(network, offer)
  return verifySignature({ publicKey: node, message, signature }) ? undefined : 'OFFER_FORGED'
}
