/** AMD's key distribution service (AMD 57230, VCEK Certificate and KDS Interface, chapter 4). */
import type { Endorsement } from '../../attestation/endorsements.ts'
import { certificatesIn } from '../../attestation/pem.ts'
import { parseRevocationList } from '../../attestation/revocation-list.ts'
import { type Certificate, parseCertificate } from '../../attestation/x509.ts'
import { isSignedBy } from '../../attestation/x509-keys.ts'
import { timestamp } from '../../base/time.ts'
import { bad, type DocumentRequest, type Endorser, type KeptDocument, only } from './endorser.ts'

export const amdBase = 'https://kdsintf.amd.com'

export interface AmdOptions {
  /** Without a path: `https://host:port`. */
  readonly base: string
  /** SubjectPublicKeyInfo of every root that may stand above a document. */
  readonly anchors: readonly Uint8Array[]
}

const certificate = [
  'application/x-x509-ca-cert',
  'application/pkix-cert',
  'application/octet-stream',
  'application/x-pem-file',
  'text/plain',
]
const list = ['application/pkix-crl', 'application/octet-stream', 'application/x-pkcs7-crl']

const products = 'Milan|Genoa|Turin'

interface Place {
  readonly of: 'key' | 'chain' | 'list'
  readonly name: RegExp
  /** Of what the name has in parentheses. */
  readonly path: (...parts: readonly string[]) => string
}

/** What is behind a name, and at which path of the service. */
const places: readonly Place[] = [
  {
    of: 'key',
    name: new RegExp(
      `^certificates vcek (${products}) ([0-9a-f]{16}|[0-9a-f]{128})((?: (?:fmc|bl|tee|snp|ucode)SPL=\\d{1,3}){4,5})$`,
    ),
    path: (product, chip, versions = '') =>
      `vcek/v1/${product}/${chip}?${versions.trim().replaceAll(' ', '&')}`,
  },
  {
    of: 'chain',
    name: new RegExp(`^certificates (v[cl]ek) (${products})$`),
    path: (kind, product) => `${kind}/v1/${product}/cert_chain`,
  },
  {
    of: 'list',
    name: new RegExp(`^crl (v[cl]ek) (${products})$`),
    path: (kind, product) => `${kind}/v1/${product}/crl`,
  },
]

/**
 * Names: `certificates vcek <product> <chip> blSPL=…` is the key of a chip, `certificates <vcek or vlek> <product>` the authorities
 * above keys, `crl <vcek or vlek> <product>`. The key of a provider, `certificates vlek <product> key`, is not among them: AMD gives it
 * to the provider alone, who hands it to its guests.
 */
export function amdEndorser({ base, anchors }: AmdOptions): Endorser {
  return {
    name: new URL(base).host,
    request: document => {
      for (const { of, name, path } of places) {
        const found = name.exec(document)
        if (found !== null) return requestOf(of, `${base}/${path(...found.slice(1))}`, anchors)
      }
      return undefined
    },
  }
}

function requestOf(of: Place['of'], url: string, anchors: readonly Uint8Array[]): DocumentRequest {
  if (of === 'list') {
    return {
      ...{ url, contentTypes: list, provesItself: true },
      itemsOf: ({ bytes }) => [{ kind: 'crl', bytes }],
      read: items => readList(items, anchors),
    }
  }
  return {
    // The authority of a key is looked at with the report, and a part of a chain would pass for the whole.
    ...{ url, contentTypes: certificate, provesItself: false },
    itemsOf: ({ bytes }) => [{ kind: 'certificates', bytes }],
    read: items => (of === 'chain' ? readChain(items, anchors) : readKey(items)),
  }
}

/** The authority of the keys, and the root that signed it. */
function readChain(items: readonly Endorsement[], anchors: readonly Uint8Array[]): KeptDocument {
  const chain = certificatesOf(items)
  const isVouchedFor = ({ signatureAlgorithm: algorithm, tbs: message, signature }: Certificate) =>
    anchors.some(anchor => isSignedBy(anchor, { algorithm, message, signature }))
  if (!chain.every(isVouchedFor)) throw bad('authorities that a pinned root signed')
  return kept(items, chain)
}

/** The key of a chip: whether its authority signed it is seen when it vouches for a report. */
function readKey(items: readonly Endorsement[]): KeptDocument {
  const chain = certificatesOf(items)
  if (chain.length !== 1 || chain[0]?.isAuthority !== false) throw bad('the certificate of one key')
  return kept(items, chain)
}

const certificatesOf = (items: readonly Endorsement[]): Certificate[] =>
  certificatesIn(only(items, 'certificates')).map(parseCertificate)

function kept(items: readonly Endorsement[], chain: readonly Certificate[]): KeptDocument {
  return {
    items,
    issuedAt: timestamp(Math.max(...chain.map(({ notBefore }) => notBefore))),
    endsAt: timestamp(Math.min(...chain.map(({ notAfter }) => notAfter))),
    evaluationNumber: 0,
  }
}

function readList(items: readonly Endorsement[], anchors: readonly Uint8Array[]): KeptDocument {
  const revoked = parseRevocationList(only(items, 'crl'))
  if (!anchors.some(anchor => isSignedBy(anchor, revoked))) {
    throw bad('a list that a pinned root signed')
  }
  return { items, issuedAt: revoked.thisUpdate, endsAt: revoked.nextUpdate, evaluationNumber: 0 }
}
