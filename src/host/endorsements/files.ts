/**
 * Endorsements from files: single ones, or a folder of them as Intel's and AMD's services hand them out. What a file holds is
 * told by its content; its name speaks only for content that is broken, so that a damaged list of revoked certificates stays
 * one, for the verifier to refuse, and does not become no list.
 */
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { base64 } from '@scure/base'
import {
  type Endorsement,
  type EndorsementKind,
  type Endorsements,
  endorsementLimits,
} from '../../attestation/endorsements.ts'
import { parseCertificateTable } from '../../attestation/sev-snp/certificate-table.ts'
import { parseDer, tagInteger, tagVersion } from '../../attestation/x509-der.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { PeerFault, UsageError } from '../../base/errors.ts'
import { readAtMost } from '../bounded-read.ts'

/** What was read, and the files of folders that are no endorsement. */
export interface EndorsementFiles {
  readonly endorsements: Endorsements
  readonly passedOver: readonly string[]
}

/** Files of a folder that are looked at. */
const filesMax = 256
/** Values inside of the longest list of revoked certificates, as its parser has it. */
const valuesMax = 10_000

/**
 * Reads files and folders (not the folders inside of them) in their order.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `ENDORSEMENT_TOO_LARGE`, `ENDORSEMENTS_TOO_MANY`, and `ENDORSEMENT_NOT_RECOGNISED` for a
 * file that was named itself.
 */
export async function readEndorsementFiles(paths: readonly string[]): Promise<EndorsementFiles> {
  const items: Endorsement[] = []
  const passedOver: string[] = []
  for (const path of paths) {
    const inside = await filesInside(path)
    for (const file of inside ?? [path]) {
      const bytes = await readAtMost(file, endorsementLimits.bytesMax)
      const found = recognised(file, bytes)
      if (found.length > 0 && bytes.length > endorsementLimits.bytesMax) throw tooLarge(file)
      if (found.length > 0) items.push(...found)
      else if (inside !== undefined) passedOver.push(file)
      else throw notRecognised(file)
    }
  }
  if (items.length > endorsementLimits.itemsMax) throw tooMany(items.length)
  return { endorsements: { items }, passedOver }
}

/** The files of a folder in the order of their names; `undefined` for a file. */
async function filesInside(path: string): Promise<readonly string[] | undefined> {
  try {
    if (path === '-' || !(await stat(path)).isDirectory()) return undefined
    const entries = await readdir(path, { withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).map(({ name }) => join(path, name))
    return files.sort().slice(0, filesMax)
  } catch (cause) {
    throw new UsageError('FILE_UNREADABLE', `${path} cannot be read.`, {
      cause,
      next: 'Name an existing file or folder that you may read.',
    })
  }
}

/** What a file holds, by its content, or else by its name: one document, or those of a certificate table. */
export function recognised(path: string, bytes: Uint8Array): readonly Endorsement[] {
  const byContent = ofDer(bytes) ?? ofText(fromUtf8(bytes)?.trimStart() ?? '', bytes)
  if (byContent !== undefined) return [byContent]
  const table = ofTable(bytes)
  if (table !== undefined) return table
  const name = basename(path).toLowerCase()
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

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof PeerFault) return undefined
    throw error
  }
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

function tooLarge(path: string): UsageError {
  const { bytesMax } = endorsementLimits
  return new UsageError('ENDORSEMENT_TOO_LARGE', `${path} has more than ${bytesMax} bytes.`, {
    next: 'Give it as the vendor hands it out; no document of theirs is that long.',
  })
}

function notRecognised(path: string): UsageError {
  return new UsageError(
    'ENDORSEMENT_NOT_RECOGNISED',
    `${path} is no certificate, list of revoked certificates, TCB info or QE identity.`,
    { next: 'Leave it out, or give it as the vendor hands it out: DER, PEM, or JSON unchanged.' },
  )
}

function tooMany(count: number): UsageError {
  const { itemsMax } = endorsementLimits
  return new UsageError(
    'ENDORSEMENTS_TOO_MANY',
    `${count} endorsements were given; at most ${itemsMax} are looked at.`,
    { next: 'Give only those of the machine that made the evidence.' },
  )
}
