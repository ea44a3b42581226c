/**
 * Endorsements as the files that vendors hand out. What a file holds is told by its content; its name speaks only for content
 * that is broken, so that a damaged list of revoked certificates stays one, for the verifier to refuse, and does not become no
 * list.
 */
import { base64 } from '@scure/base'
import { fromUtf8 } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import type { Endorsement, EndorsementKind } from './endorsements.ts'
import { parseCertificateTable } from './sev-snp/certificate-table.ts'
import { parseDer, tagInteger, tagVersion } from './x509-der.ts'

/** Values inside of the longest list of revoked certificates, as its parser has it. */
const valuesMax = 10_000

/**
 * What a file holds, by its content, or else by the last part of `path`: one document, or those of the certificate table of an
 * SEV-SNP host; nothing for a file that is no endorsement. Believes none of it. Never throws.
 */
export function endorsementsIn(path: string, bytes: Uint8Array): readonly Endorsement[] {
  const byContent = ofDer(bytes) ?? ofText(fromUtf8(bytes)?.trimStart() ?? '', bytes)
  if (byContent !== undefined) return [byContent]
  const table = ofTable(bytes)
  if (table !== undefined) return table
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  const kind = nameRows.find(([pattern]) => pattern.test(name))?.[1]
  return kind === undefined ? [] : [{ kind, bytes }]
}

const nameRows: readonly (readonly [RegExp, EndorsementKind])[] = [
  [/crl/, 'crl'],
  [/tcb[-_]?info/, 'tcb-info'],
  [/(qe|enclave)[-_]?identity/, 'qe-identity'],
  [/\.(pem|crt|cer|cert)$|vcek|vlek|chain/, 'certificates'],
]

/** A certificate begins with its version in a context tag, a list of revoked ones with a number (RFC 5280 §4.1, §5.1). */
function ofDer(bytes: Uint8Array): Endorsement | undefined {
  if (bytes[0] !== 0x30) return undefined
  const first = ifReadable(() => parseDer(bytes, valuesMax))?.parts[0]?.parts[0]?.tag
  if (first === tagVersion) return { kind: 'certificates', bytes }
  return first === tagInteger ? { kind: 'crl', bytes } : undefined
}

/** The certificates that an SEV-SNP host hands its guest, as configfs-tsm gives them (`auxblob`). */
function ofTable(bytes: Uint8Array): readonly Endorsement[] | undefined {
  const documents = ifReadable(() => parseCertificateTable(bytes))
  return documents?.map(document => ({
    kind: document.slot === 'crl' ? 'crl' : 'certificates',
    bytes: document.bytes,
  }))
}

function ofText(text: string, bytes: Uint8Array): Endorsement | undefined {
  if (text.startsWith('-----BEGIN CERTIFICATE-----')) return { kind: 'certificates', bytes }
  const list = /^-----BEGIN X509 CRL-----([\sA-Za-z0-9+/=]*)-----END X509 CRL-----\s*$/.exec(text)
  if (list !== null) return listOf(list[1] ?? '')
  if (!text.startsWith('{')) return undefined
  const document = jsonOf(text)
  if (typeof document !== 'object' || document === null) return undefined
  if (Object.hasOwn(document, 'tcbInfo')) return { kind: 'tcb-info', bytes }
  return Object.hasOwn(document, 'enclaveIdentity') ? { kind: 'qe-identity', bytes } : undefined
}

function listOf(body: string): Endorsement | undefined {
  try {
    return { kind: 'crl', bytes: base64.decode(body.replace(/\s/g, '')) }
  } catch {
    // @scure/base throws plain errors for text that is no base64: then the name decides.
    return undefined
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError for what is no JSON: then the name decides.
    return undefined
  }
}
