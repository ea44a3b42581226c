/**
 * What is brought along with a report: certificates and lists in the host's table behind it and among the endorsements. The table is
 * part of the evidence, so a document in it that cannot be read refuses; of the endorsements whatever does not fit is passed over.
 */
import { ifReadable } from '../../base/errors.ts'
import { type Endorsements, endorsementsOf } from '../endorsements.ts'
import { certificatesIn } from '../pem.ts'
import type { Refusal } from '../verdict.ts'
import { type Certificate, parseCertificate } from '../x509.ts'
import { bad } from '../x509-der.ts'
import { isSignedBy } from '../x509-keys.ts'
import { isPublished } from './authorities.ts'
import { parseCertificateTable, type TableDocument } from './certificate-table.ts'
import { type EndorsementKey, type KeyKind, readEndorsementKey } from './endorsement-key.ts'
import { reportBytes } from './report.ts'

/** Everything that may vouch for a report. Nothing in it is believed yet. */
export interface Brought {
  /** VCEKs and VLEKs, those of the table first. */
  readonly keys: readonly EndorsementKey[]
  /** Authorities, those of the table first. */
  readonly authorities: readonly Certificate[]
  /** What the table says to be lists of revoked certificates, then the endorsements. */
  readonly lists: readonly Uint8Array[]
  /** Authorities of the table that are none of those that AMD has published. */
  readonly unpublished: readonly Certificate[]
}

/** Certificates of endorsements that are read at all. */
const certificatesMax = 32

/** @throws {PeerFault} for a table that is not whole or holds what is no certificate in its place. */
export function broughtWith(body: Uint8Array, endorsements: Endorsements): Brought {
  const behind = body.subarray(reportBytes)
  const table = behind.length === 0 ? [] : parseCertificateTable(behind)
  const unpublished = table
    .filter(({ slot }) => slot === 'ark' || slot === 'ask')
    .map(onlyDer)
    .filter(der => !isPublished(der))
    .map(parseCertificate)
  const others = endorsementsOf(endorsements, 'certificates')
    .flatMap(readAll)
    .slice(0, certificatesMax)
  const keys = [
    ...table.flatMap(document => (isKeySlot(document.slot) ? [readKey(document)] : [])),
    ...others.flatMap(certificate => keyIn(certificate)),
  ]
  return {
    keys,
    authorities: [...unpublished, ...others.filter(each => each.isAuthority)],
    lists: [
      ...table.filter(({ slot }) => slot === 'crl').map(({ bytes }) => bytes),
      ...endorsementsOf(endorsements, 'crl'),
    ],
    unpublished,
  }
}

/** The refusal of a table with an authority that no pinned root has signed. @throws {PeerFault} for its key. */
export function brokenTable(
  { unpublished }: Brought,
  anchors: readonly Uint8Array[],
): Refusal | undefined {
  const isVouchedFor = ({ signatureAlgorithm: algorithm, tbs: message, signature }: Certificate) =>
    anchors.some(anchor => isSignedBy(anchor, { algorithm, message, signature }))
  if (unpublished.every(isVouchedFor)) return undefined
  const reason = 'no pinned key signed an authority in the certificate table'
  return { code: 'UNKNOWN_ANCHOR', facts: { reason, anchors: anchors.length } }
}

const isKeySlot = (slot: string): slot is KeyKind => slot === 'vcek' || slot === 'vlek'

function onlyDer({ bytes }: TableDocument): Uint8Array {
  const [der, ...more] = certificatesIn(bytes)
  if (der === undefined || more.length > 0) throw bad('one certificate')
  return der
}

function readKey(document: TableDocument): EndorsementKey {
  const key = readEndorsementKey(parseCertificate(onlyDer(document)))
  if (key?.kind !== document.slot) throw bad(document.slot.toUpperCase())
  return key
}

function keyIn(certificate: Certificate): EndorsementKey[] {
  const key = ifReadable(() => readEndorsementKey(certificate))
  return key === undefined ? [] : [key]
}

function readAll(bytes: Uint8Array): Certificate[] {
  return (ifReadable(() => certificatesIn(bytes)) ?? []).flatMap(der => {
    const certificate = ifReadable(() => parseCertificate(der))
    return certificate === undefined ? [] : [certificate]
  })
}
