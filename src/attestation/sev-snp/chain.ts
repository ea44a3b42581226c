/** From a VCEK or VLEK through AMD's intermediate authority to a pinned root. */
import { equalBytes } from '../../base/bytes.ts'
import { type Timestamp, timestamp } from '../../base/time.ts'
import type { ListIssuer } from '../revocation-list.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import { type Certificate, type ValidChain, verifyChain } from '../x509.ts'
import { authorityName, type KnownAuthority, knownAuthority } from './authorities.ts'
import type { Brought } from './brought.ts'
import type { EndorsementKey } from './endorsement-key.ts'
import { amdName, type Product } from './products.ts'

/** A chain that holds. */
export interface Vouched extends ValidChain {
  /** The intermediate authority. */
  readonly authority: { readonly commonName: string; readonly serial: string }
  /** Who may revoke it. */
  readonly root: ListIssuer
}

interface Request {
  readonly product: Product
  readonly anchors: readonly Uint8Array[]
  readonly now: Timestamp | null
}

/** AMD's leaves do not state the use of their keys. */
const leafUsage = 'if-stated'
/** Authorities that are tried for one leaf: every try costs a signature. */
const triesMax = 4

/**
 * Validates the chain above `key`: under the authority that the program knows, if its root is among the anchors, or under one that
 * was brought along. Names bind the product: a root of one product certifies authorities of no other.
 *
 * Codes: those of `verifyChain`. `undefined`: there is no authority at hand.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for a key that is not understood.
 */
export function verifyEndorsementKey(
  key: EndorsementKey,
  { authorities }: Brought,
  request: Request,
): Vouched | Refusal | undefined {
  const { product, anchors } = request
  const commonName = authorityName(product, key.kind)
  const root = amdName(`ARK-${product}`)
  const [subject, leaf] = [amdName(commonName), key.certificate]
  if (!equalBytes(leaf.issuer, subject)) return invalid('another authority is named', 0)
  const known = knownAuthority(product, key.kind, anchors)
  const tries = [
    ...(known === undefined ? [] : [() => underKnown(leaf, known, request)]),
    ...authorities
      .filter(each => equalBytes(each.subject, subject) && equalBytes(each.issuer, root))
      .map(each => () => underBrought(leaf, each, request)),
  ]
  let refusal: Refusal | undefined
  for (const attempt of tries.slice(0, triesMax)) {
    const vouched = attempt()
    if (isRefusal(vouched)) refusal ??= vouched
    else {
      const { serial, rootKey, ...valid } = vouched
      return {
        ...valid,
        authority: { commonName, serial },
        root: { name: root, publicKey: rootKey },
      }
    }
  }
  return refusal
}

type Attempt = (ValidChain & { readonly serial: string; readonly rootKey: Uint8Array }) | Refusal

/** The authority itself is pinned, so the leaf is the chain. */
function underKnown(leaf: Certificate, known: KnownAuthority, { now }: Request): Attempt {
  const { serial, rootKey, notBefore, notAfter } = known
  const at = now ?? leaf.notBefore
  const facts = { certificate: 1, now: iso(at) }
  if (at < notBefore) {
    return { code: 'EVIDENCE_NOT_YET_VALID', facts: { ...facts, notBefore: iso(notBefore) } }
  }
  if (at > notAfter)
    return { code: 'EVIDENCE_EXPIRED', facts: { ...facts, notAfter: iso(notAfter) } }
  const valid = verifyChain({ chain: [leaf], anchors: [known.publicKey], now, leafUsage })
  if (isRefusal(valid)) {
    return valid.code === 'UNKNOWN_ANCHOR' ? invalid('a signature is wrong', 0) : valid
  }
  return {
    ...{ serial, rootKey, leafKey: valid.leafKey },
    expiresAt: timestamp(Math.min(valid.expiresAt, notAfter)),
    issuedAt: timestamp(Math.max(valid.issuedAt, notBefore)),
  }
}

/** Each root alone, because lists are believed under the one that vouches. */
function underBrought(leaf: Certificate, authority: Certificate, request: Request): Attempt {
  const { anchors, now } = request
  for (const rootKey of anchors) {
    const valid = verifyChain({ chain: [leaf, authority], anchors: [rootKey], now, leafUsage })
    if (!isRefusal(valid)) return { ...valid, serial: authority.serial, rootKey }
    if (valid.code !== 'UNKNOWN_ANCHOR') return valid
  }
  const facts = { reason: 'no pinned key signed the chain', anchors: anchors.length }
  return { code: 'UNKNOWN_ANCHOR', facts }
}

function invalid(reason: string, certificate: number): Refusal {
  return { code: 'CHAIN_INVALID', facts: { reason, certificate } }
}

const iso = (at: Timestamp): string => new Date(at).toISOString()
