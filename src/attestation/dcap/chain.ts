/** The certificates above a quote: PCK, its authority, Intel's root. */
import { BoundedMap } from '../../base/bounded-map.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { Timestamp } from '../../base/time.ts'
import { isCertain } from '../../crypto/arithmetic.ts'
import { framedHashHex } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { certificatesOfPem } from '../pem.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import {
  type Certificate,
  outOfDate,
  parseCertificate,
  type ValidChain,
  verifyChain,
} from '../x509.ts'
import { type Pck, type PckAuthority, parsePck, pckAuthorityOf } from './pck.ts'

/** A chain that a pinned root vouches for. */
export interface PckChain {
  readonly kind: 'pck-chain'
  readonly leaf: Certificate
  readonly intermediate: Certificate
  readonly root: Certificate
  /** SubjectPublicKeyInfo. */
  readonly rootKey: Uint8Array
  readonly pck: Pck
  readonly authority: PckAuthority
  readonly valid: ValidChain
}

/**
 * Chains found valid, by the digest of their text and of the root: the machines of a network show theirs again and again. Nobody
 * without a certificate of Intel's can put one here, and dates are asked each time.
 */
const keptChains = new BoundedMap<string, PckChain>(512)

/**
 * The chain in `pem`, leaf first and the other two in either order, up to a root whose key is pinned. Intel's root exists in two certificates with one key, so
 * either may end the chain; it must sign itself like any other certificate, or its bytes could be changed at will.
 *
 * Codes: those of `verifyChain`. @throws {PeerFault} `BAD_PEM` or `BAD_CERTIFICATE`.
 */
export function verifyPckChain(
  pem: Uint8Array,
  anchors: readonly Uint8Array[],
  now: Timestamp | null,
): PckChain | Refusal {
  const name = framedHashHex(domains.pckChain, pem)
  const kept = keptChains.get(name)
  const isKnown = kept !== undefined && anchors.some(key => equalBytes(key, kept.rootKey))
  const found = isKnown ? kept : verifyAnew(pem.slice(), anchors)
  if (isRefusal(found)) return found
  if (isCertain()) keptChains.set(name, found)
  const refused =
    now === null ? undefined : outOfDate([found.leaf, found.intermediate, found.root], now)
  return refused ?? found
}

function verifyAnew(pem: Uint8Array, anchors: readonly Uint8Array[]): PckChain | Refusal {
  const [leaf, ...above] = certificatesOfPem(pem).map(parseCertificate)
  const root = above.find(isSelfIssued)
  const intermediate = above.find(certificate => certificate !== root)
  if (!leaf || !intermediate || !root || above.length !== 2) {
    const facts = { reason: 'not a PCK, its authority and a root', certificate: above.length }
    return { code: 'CHAIN_INVALID', facts }
  }
  const rootKey = anchors.find(key => equalBytes(key, root.publicKey))
  if (rootKey === undefined) {
    const facts = { reason: 'the root has another key', anchors: anchors.length }
    return { code: 'UNKNOWN_ANCHOR', facts }
  }
  const valid = verifyChain({ chain: [leaf, intermediate, root], anchors: [rootKey], now: null })
  if (isRefusal(valid)) return valid
  const [pck, authority] = [parsePck(leaf), pckAuthorityOf(leaf)]
  return { kind: 'pck-chain', leaf, intermediate, root, rootKey, pck, authority, valid }
}

const isSelfIssued = ({ issuer, subject }: Certificate): boolean => equalBytes(issuer, subject)
