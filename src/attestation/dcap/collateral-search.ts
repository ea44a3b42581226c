/**
 * Looks through endorsements, which anybody may have put together, for the documents of Intel that hold now.
 *
 * What was read once and found signed is kept, by the digest of its bytes and of the key above it: machines of one model share it,
 * and reading it costs more than a quote. Only a holder of Intel's keys can put something there. Dates, and which document is in
 * force, are asked each time.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import { equalBytes } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import type { Timestamp } from '../../base/time.ts'
import { isCertain } from '../../crypto/arithmetic.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { framedHashHex } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { type Endorsements, endorsementsOf } from '../endorsements.ts'
import { certificatesIn } from '../pem.ts'
import {
  brokenList,
  type ListIssuer,
  type RevocationList,
  readRevocationList,
} from '../revocation-list.ts'
import { isRefusal } from '../verdict.ts'
import { type Certificate, outOfDate, parseCertificate, verifyChain } from '../x509.ts'
import { parseEcKey } from '../x509-keys.ts'
import { parseSigned } from './json.ts'
import { commonNameOf } from './pck.ts'
import {
  type EnclaveIdentity,
  parseEnclaveIdentity,
  parseTcbInfo,
  type TcbInfo,
} from './tcb-info.ts'

/** How far a document came before it would not do. */
const stages = { foreign: 0, unreadable: 1, unsigned: 2, notOfNow: 3 } as const
type Stage = keyof typeof stages

/** What was found, or why nothing was: the reason of the document that came furthest. */
export class Search<T> {
  best: T | undefined
  #why = 'absent'
  #stage = -1

  get why(): string {
    return this.#why
  }

  miss(stage: Stage, why: string): void {
    if (stages[stage] < this.#stage) return
    this.#stage = stages[stage]
    this.#why = why
  }

  /** Runs `read`; bytes that it cannot read are a miss. */
  reading<R>(read: () => R): R | undefined {
    return ifReadable(read, ({ code }) => this.miss('unreadable', code))
  }
}

/** A document and the certificate of whoever signed it. */
export interface SignedBy<T> {
  readonly document: T
  readonly signer: Certificate
}

const keptMax = 128
const keptSigners = new BoundedMap<string, readonly Certificate[]>(keptMax)
const keptTcbInfo = new BoundedMap<string, TcbInfo>(keptMax)
const keptIdentities = new BoundedMap<string, EnclaveIdentity>(keptMax)

/** `key` is the one that vouches. */
const nameOf = (bytes: Uint8Array, key: Uint8Array): string =>
  framedHashHex(domains.collateral, key, bytes)

/** A list at hand, or the code of why nobody can read it. */
type ReadList = RevocationList | string

/** All lists at hand, each read once: every issuer looks for its own among all of them. */
export function listsIn(endorsements: Endorsements): readonly ReadList[] {
  return endorsementsOf(endorsements, 'crl').map(bytes => {
    let why = ''
    const list = ifReadable(
      () => readRevocationList(bytes),
      ({ code }) => {
        why = code
      },
    )
    return list ?? why
  })
}

/** The youngest list of revoked certificates that `issuer` signed and that is of now. */
export function findList(
  lists: readonly ReadList[],
  issuer: ListIssuer,
  now: Timestamp,
): Search<RevocationList> {
  const search = new Search<RevocationList>()
  for (const list of lists) {
    if (typeof list === 'string') {
      search.miss('unreadable', list)
      continue
    }
    const broken = brokenList(list, issuer, now)
    if (broken !== undefined) {
      search.miss(listStages[broken.code] ?? 'notOfNow', broken.code)
      continue
    }
    if (list.thisUpdate > (search.best?.thisUpdate ?? Number.NEGATIVE_INFINITY)) search.best = list
  }
  return search
}

const listStages: Readonly<Record<string, Stage>> = {
  CRL_FOREIGN: 'foreign',
  CRL_SIGNATURE_INVALID: 'unsigned',
}

/** Intel's name for whoever signs collateral: its root also signs authorities, and may sign other things one day. */
const signerName = 'Intel SGX TCB Signing'

/** Everybody whom the root lets sign collateral now. */
export function findSigners(
  endorsements: Endorsements,
  rootKey: Uint8Array,
  now: Timestamp,
): Search<readonly Certificate[]> {
  const search = new Search<readonly Certificate[]>()
  const signers: Certificate[] = []
  for (const bytes of endorsementsOf(endorsements, 'certificates')) {
    for (const signer of signersIn(bytes, rootKey, search)) {
      const broken = outOfDate([signer], now)
      if (broken !== undefined) search.miss('notOfNow', broken.code)
      else if (!signers.some(({ tbs }) => equalBytes(tbs, signer.tbs))) signers.push(signer)
    }
  }
  if (signers.length > 0) search.best = signers
  return search
}

function signersIn(
  bytes: Uint8Array,
  rootKey: Uint8Array,
  search: Search<readonly Certificate[]>,
): readonly Certificate[] {
  const name = nameOf(bytes, rootKey)
  const kept = keptSigners.get(name)
  if (kept !== undefined) return kept
  const certificates =
    search.reading(() => certificatesIn(bytes.slice()).map(parseCertificate)) ?? []
  const isSigner = search.reading(() => certificates.map(isNamedSigner)) ?? []
  // Whatever stands beside a signer must be above it, or its bytes could be changed at will.
  const above = certificates.filter((_, i) => !isSigner[i])
  const signers = certificates.filter((certificate, i) => {
    if (!isSigner[i]) return false
    const chain = [certificate, ...above]
    const valid = verifyChain({ chain, anchors: [rootKey], now: null })
    if (isRefusal(valid)) search.miss('unsigned', valid.code)
    return !isRefusal(valid)
  })
  if (signers.length > 0 && isCertain()) keptSigners.set(name, signers)
  return signers
}

const isNamedSigner = ({ subject, isAuthority }: Certificate): boolean =>
  !isAuthority && commonNameOf(subject) === signerName

/** What tells documents of one kind apart. */
interface Kind<T> {
  readonly endorsement: 'tcb-info' | 'qe-identity'
  readonly member: 'tcbInfo' | 'enclaveIdentity'
  readonly parse: (text: string) => T
  readonly kept: BoundedMap<string, T>
}

export const tcbInfoKind: Kind<TcbInfo> = {
  endorsement: 'tcb-info',
  member: 'tcbInfo',
  parse: parseTcbInfo,
  kept: keptTcbInfo,
}

export const identityKind: Kind<EnclaveIdentity> = {
  endorsement: 'qe-identity',
  member: 'enclaveIdentity',
  parse: parseEnclaveIdentity,
  kept: keptIdentities,
}

export interface DocumentRequest<T> {
  readonly endorsements: Endorsements
  readonly signers: readonly Certificate[]
  readonly now: Timestamp
  /** Documents with a lower number are not of now. */
  readonly evaluationNumberMin: number
  readonly fits: (document: T) => boolean
}

/** The document with the highest evaluation number, and of several the youngest, that is signed, fits and is of now. */
export function findDocument<T extends TcbInfo | EnclaveIdentity>(
  kind: Kind<T>,
  { endorsements, signers, now, evaluationNumberMin, fits }: DocumentRequest<T>,
): Search<SignedBy<T>> {
  const search = new Search<SignedBy<T>>()
  for (const bytes of endorsementsOf(endorsements, kind.endorsement)) {
    const found = search.reading(() => signedBy(kind, bytes, signers))
    if (found === undefined) continue
    if (found === 'unsigned') {
      const why = signers.length > 0 ? 'COLLATERAL_SIGNATURE_INVALID' : 'COLLATERAL_SIGNER_MISSING'
      search.miss('unsigned', why)
    } else if (!fits(found.document)) search.miss('foreign', 'COLLATERAL_FOREIGN')
    else {
      const broken = brokenDates(found.document, now, evaluationNumberMin)
      if (broken !== undefined) search.miss('notOfNow', broken)
      else if (isNewer(found.document, search.best?.document)) search.best = found
    }
  }
  return search
}

/** The signature is asked before the text is read as JSON: only Intel's own is. */
function signedBy<T>(
  { member, parse, kept }: Kind<T>,
  bytes: Uint8Array,
  signers: readonly Certificate[],
): SignedBy<T> | 'unsigned' {
  const named = signers.map(signer => ({ signer, name: nameOf(bytes, signer.publicKey) }))
  for (const { signer, name } of named) {
    const document = kept.get(name)
    if (document !== undefined) return { document, signer }
  }
  const { text, message, signature } = parseSigned(bytes, member)
  for (const { signer, name } of named) {
    const { curve, point } = parseEcKey(signer.publicKey)
    if (curve !== 'P-256') continue
    if (!verifyEcdsa({ curve, publicKey: point, message, signature, format: 'raw' })) continue
    const document = parse(text)
    if (isCertain()) kept.set(name, document)
    return { document, signer }
  }
  return 'unsigned'
}

function brokenDates(
  { issuedAt, nextUpdate, evaluationNumber }: TcbInfo | EnclaveIdentity,
  now: Timestamp,
  evaluationNumberMin: number,
): string | undefined {
  if (now < issuedAt) return 'COLLATERAL_NOT_YET_VALID'
  if (now > nextUpdate) return 'COLLATERAL_EXPIRED'
  return evaluationNumber < evaluationNumberMin ? 'COLLATERAL_SUPERSEDED' : undefined
}

function isNewer(
  document: TcbInfo | EnclaveIdentity,
  than: TcbInfo | EnclaveIdentity | undefined,
): boolean {
  if (than === undefined) return true
  const difference = document.evaluationNumber - than.evaluationNumber
  return difference === 0 ? document.issuedAt > than.issuedAt : difference > 0
}
