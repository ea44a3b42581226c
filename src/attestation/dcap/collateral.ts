/**
 * What Intel says now about a platform: two lists of revoked certificates, TCB info, the identity of the quoting enclave, and who
 * signs the last two. All of it is required: whoever brings a quote also brings these, and would leave out, damage or age the one
 * that speaks against it.
 */
import { type Timestamp, timestamp } from '../../base/time.ts'
import type { Endorsements } from '../endorsements.ts'
import type { RevocationList } from '../revocation-list.ts'
import type { Refusal } from '../verdict.ts'
import type { Certificate } from '../x509.ts'
import {
  findDocument,
  findList,
  findSigners,
  identityKind,
  listsIn,
  type Search,
  type SignedBy,
  tcbInfoKind,
} from './collateral-search.ts'
import type { Pck, PckAuthority } from './pck.ts'
import type { EnclaveIdentity, TcbInfo, Tee } from './tcb-info.ts'

export interface CollateralRequest {
  readonly tee: Tee
  readonly pck: Pck
  readonly authority: PckAuthority
  /** The certificate of the PCK and the one above it, vouched for by the root. */
  readonly leaf: Certificate
  readonly intermediate: Certificate
  /** SubjectPublicKeyInfo of the root, pinned. */
  readonly rootKey: Uint8Array
  readonly endorsements: Endorsements
  readonly now: Timestamp
  readonly evaluationNumberMin: number
}

/** What is in force at a time. */
export interface Collateral {
  readonly kind: 'collateral'
  readonly tcbInfo: TcbInfo
  readonly identity: EnclaveIdentity
  /** The first end of validity of all of it. */
  readonly expiresAt: Timestamp
  /** The latest date of issue of all of it. */
  readonly issuedAt: Timestamp
}

/** What to fetch, and the check that needs the first of it. */
export interface Missing {
  readonly kind: 'missing'
  readonly check: CollateralCheck
  readonly missing: readonly string[]
}

export type CollateralCheck = 'revocation' | 'tcb-signer' | 'tcb-info' | 'qe-identity'

/** A certificate that Intel took back, and the check that found it. */
export interface Revoked {
  readonly kind: 'revoked'
  readonly check: CollateralCheck
  readonly refusal: Refusal
}

/**
 * Collateral, or a certificate that is revoked, or what to fetch: `crl root`, `crl platform`, `crl processor`,
 * `certificates tcb-signing`, `tcb-info tdx 90c06f000000`, `qe-identity tdx`, each with why nothing at hand would do, as in
 * `crl root: CRL_EXPIRED`; `absent` if nothing of the kind is there.
 *
 * Codes: `CERTIFICATE_REVOKED`. Reasons: `BAD_CERTIFICATE`, `BAD_PEM`, `BAD_COLLATERAL`, those of `brokenList` and `verifyChain`,
 * and `COLLATERAL_` with `FOREIGN`, `SIGNATURE_INVALID`, `NOT_YET_VALID`, `EXPIRED` or `SUPERSEDED`.
 */
export function findCollateral(request: CollateralRequest): Collateral | Revoked | Missing {
  const { tee, pck, authority, leaf, intermediate, rootKey, endorsements, now } = request
  const rootIssuer = { name: intermediate.issuer, publicKey: rootKey }
  const pckIssuer = { name: intermediate.subject, publicKey: intermediate.publicKey }
  const lists = listsIn(endorsements)
  const rootList = findList(lists, rootIssuer, now)
  const pckList = findList(lists, pckIssuer, now)
  if (pckList.best?.revoked.has(leaf.serial)) return revoked('revocation', 'PCK', leaf)
  const isRevoked = ({ serial }: Certificate): boolean =>
    rootList.best?.revoked.has(serial) === true
  if (isRevoked(intermediate)) return revoked('revocation', 'PCK authority', intermediate)
  const found = findSigners(endorsements, rootKey, now)
  const signers = (found.best ?? []).filter(signer => !isRevoked(signer))
  const [withdrawn] = (found.best ?? []).filter(isRevoked)
  if (withdrawn !== undefined && signers.length === 0) {
    return revoked('tcb-signer', 'TCB signer', withdrawn)
  }
  const asked = { endorsements, signers, now, evaluationNumberMin: request.evaluationNumberMin }
  const tcbInfo = findDocument(tcbInfoKind, {
    ...asked,
    fits: info => info.tee === tee && info.fmspc === pck.fmspc && info.pceId === pck.pceId,
  })
  const identity = findDocument(identityKind, { ...asked, fits: each => each.tee === tee })
  const inUse = [rootList.best, pckList.best].filter(list => list !== undefined)
  if (inUse.length === 2 && found.best !== undefined && tcbInfo.best && identity.best) {
    return inForce(inUse, tcbInfo.best, identity.best)
  }
  return missingOf([
    ['revocation', 'crl root', rootList],
    ['revocation', `crl ${authority}`, pckList],
    ['tcb-signer', 'certificates tcb-signing', found],
    ['tcb-info', `tcb-info ${tee} ${pck.fmspc}`, tcbInfo],
    ['qe-identity', `qe-identity ${tee}`, identity],
  ])
}

const revoked = (
  check: CollateralCheck,
  certificate: string,
  { serial }: Certificate,
): Revoked => ({
  kind: 'revoked',
  check,
  refusal: { code: 'CERTIFICATE_REVOKED', facts: { certificate, serial } },
})

function missingOf(
  searches: readonly (readonly [CollateralCheck, string, Search<unknown>])[],
): Missing {
  const missing = searches.filter(([, , { best }]) => best === undefined)
  const named = missing.map(([, name, { why }]) => `${name}: ${why}`)
  return { kind: 'missing', check: missing[0]?.[0] ?? 'revocation', missing: named }
}

function inForce(
  lists: readonly RevocationList[],
  tcbInfo: SignedBy<TcbInfo>,
  identity: SignedBy<EnclaveIdentity>,
): Collateral {
  const signed = [tcbInfo, identity]
  const ends = [
    ...lists.map(list => list.nextUpdate),
    ...signed.flatMap(({ document, signer }) => [document.nextUpdate, signer.notAfter]),
  ]
  const beginnings = [
    ...lists.map(list => list.thisUpdate),
    ...signed.flatMap(({ document, signer }) => [document.issuedAt, signer.notBefore]),
  ]
  return {
    kind: 'collateral',
    tcbInfo: tcbInfo.document,
    identity: identity.document,
    expiresAt: timestamp(Math.min(...ends)),
    issuedAt: timestamp(Math.max(...beginnings)),
  }
}
