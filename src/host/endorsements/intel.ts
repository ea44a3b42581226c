/**
 * Intel's provisioning certification service, version 4, and caches that answer like it (Intel SGX and TDX Provisioning
 * Certification Service API; Intel SGX PCCS).
 */
import { parseSigned } from '../../attestation/dcap/json.ts'
import { parseEnclaveIdentity, parseTcbInfo } from '../../attestation/dcap/tcb-info.ts'
import type { Endorsement } from '../../attestation/endorsements.ts'
import { certificatesOfPem } from '../../attestation/pem.ts'
import { parseRevocationList } from '../../attestation/revocation-list.ts'
import { type Certificate, parseCertificate } from '../../attestation/x509.ts'
import { isSignedBy, parseEcKey } from '../../attestation/x509-keys.ts'
import { fromHex, fromUtf8, utf8 } from '../../base/bytes.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import {
  bad,
  type DocumentRequest,
  type Endorser,
  type EndorserAnswer,
  type KeptDocument,
  only,
} from './endorser.ts'

/** Intel's own service, for everybody and without a key for these documents. */
export const intelBase = 'https://api.trustedservices.intel.com'
/** Intel keeps the list of its root elsewhere; a PCCS has it among the others. */
const intelRootList = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

export interface IntelOptions {
  /** Without a path: `https://host:port`. */
  readonly base: string
  /** SubjectPublicKeyInfo of every root that may stand above a document. */
  readonly anchors: readonly Uint8Array[]
}

const json = ['application/json']
const list = [
  'application/pkix-crl',
  'application/octet-stream',
  'application/x-pem-file',
  'text/plain',
]
/** Versions of the PCCS call the same chain by two names. */
const tcbChain = ['tcb-info-issuer-chain', 'sgx-tcb-info-issuer-chain']
const identityChain = ['sgx-enclave-identity-issuer-chain', 'enclave-identity-issuer-chain']
const listChain = ['sgx-pck-crl-issuer-chain']
/** A chain has two certificates of 1 KiB. */
const chainLengthMax = 16_384

/** Names: `tcb-info <tee> <fmspc>`, `qe-identity <tee>`, `certificates tcb-signing`, `crl root`, `crl platform`, `crl processor`. */
export function intelEndorser({ base, anchors }: IntelOptions): Endorser {
  const at = (path: string): string => `${base}/${path}`
  const rows: readonly (readonly [RegExp, (...parts: string[]) => DocumentRequest])[] = [
    [
      /^tcb-info (sgx|tdx) ([0-9a-f]{12})$/,
      (_, tee, fmspc = '') => ({
        url: at(`${tee}/certification/v4/tcb?fmspc=${fmspc}`),
        contentTypes: json,
        provesItself: true,
        itemsOf: answer => [body('tcb-info', answer), chainOf(answer, tcbChain)],
        read: items => readSigned(items, { kind: 'tcb-info', tee, fmspc, anchors }),
      }),
    ],
    [
      /^qe-identity (sgx|tdx)$/,
      (_, tee) => identityRequest(at(`${tee}/certification/v4/qe/identity`), tee, anchors),
    ],
    [
      /^certificates tcb-signing$/,
      () => identityRequest(at('sgx/certification/v4/qe/identity'), 'sgx', anchors),
    ],
    [
      /^crl (platform|processor)$/,
      (_, authority) => ({
        url: at(`sgx/certification/v4/pckcrl?ca=${authority}&encoding=der`),
        contentTypes: list,
        provesItself: true,
        itemsOf: answer => [
          { kind: 'crl', bytes: derOf(answer.bytes) },
          chainOf(answer, listChain),
        ],
        read: items => readList(items, [...authoritiesIn(items, anchors)]),
      }),
    ],
    [
      /^crl root$/,
      () => ({
        url: base === intelBase ? intelRootList : at('sgx/certification/v4/rootcacrl'),
        contentTypes: list,
        provesItself: true,
        itemsOf: answer => [{ kind: 'crl', bytes: derOf(answer.bytes) }],
        read: items => readList(items, anchors),
      }),
    ],
  ]
  return {
    name: new URL(base).host,
    request: document => {
      for (const [pattern, make] of rows) {
        const parts = pattern.exec(document)
        if (parts !== null) return make(...parts)
      }
      return undefined
    },
  }
}

function identityRequest(
  url: string,
  tee: string | undefined,
  anchors: readonly Uint8Array[],
): DocumentRequest {
  return {
    url,
    contentTypes: json,
    provesItself: true,
    itemsOf: answer => [body('qe-identity', answer), chainOf(answer, identityChain)],
    read: items => readSigned(items, { kind: 'qe-identity', tee, fmspc: undefined, anchors }),
  }
}

const body = (kind: Endorsement['kind'], { bytes }: EndorserAnswer): Endorsement => ({
  kind,
  bytes,
})

/** The chain that signed an answer comes in a header of it, as PEM in the encoding of URLs. */
function chainOf(answer: EndorserAnswer, names: readonly string[]): Endorsement {
  const text = names.map(name => answer.header(name)).find(value => value !== undefined) ?? ''
  if (text === '' || text.length > chainLengthMax) throw bad('a chain of the issuer in a header')
  return { kind: 'certificates', bytes: utf8(percentDecoded(text)) }
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // URIError, for what is no such encoding.
    throw bad('a header in the encoding of URLs')
  }
}

/** A PCCS spells lists in hexadecimal. */
function derOf(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x30 && bytes[1] !== undefined && bytes[1] >= 0x80) return bytes
  const der = fromHex((fromUtf8(bytes) ?? '').trim())
  if (der === undefined || der.length === 0) throw bad('a list in DER')
  return der
}

interface Expected {
  readonly kind: 'tcb-info' | 'qe-identity'
  readonly tee: string | undefined
  readonly fmspc: string | undefined
  readonly anchors: readonly Uint8Array[]
}

function readSigned(items: readonly Endorsement[], expected: Expected): KeptDocument {
  const bytes = only(items, expected.kind)
  const isInfo = expected.kind === 'tcb-info'
  const { text, message, signature } = parseSigned(bytes, isInfo ? 'tcbInfo' : 'enclaveIdentity')
  const said = isInfo ? parseTcbInfo(text) : { ...parseEnclaveIdentity(text), fmspc: undefined }
  if (said.tee !== expected.tee || said.fmspc !== expected.fmspc) throw bad('what was asked for')
  const isSigned = signersIn(items, expected.anchors).some(({ publicKey }) =>
    verifyEcdsa({
      ...{ curve: 'P-256', publicKey: parseEcKey(publicKey).point, message },
      ...{ signature, format: 'raw' },
    }),
  )
  if (!isSigned) throw bad('a signature under a pinned root')
  const { issuedAt, nextUpdate: endsAt, evaluationNumber } = said
  return { items, issuedAt, endsAt, evaluationNumber }
}

/** Leaves of the chain that a pinned root signed. */
function signersIn(items: readonly Endorsement[], anchors: readonly Uint8Array[]): Certificate[] {
  return vouchedFor(items, anchors).filter(({ isAuthority }) => !isAuthority)
}

/** Keys of authorities that a pinned root signed: those below it issue lists of their own. */
function authoritiesIn(
  items: readonly Endorsement[],
  anchors: readonly Uint8Array[],
): Uint8Array[] {
  return vouchedFor(items, anchors)
    .filter(({ isAuthority }) => isAuthority)
    .map(({ publicKey }) => publicKey)
}

function vouchedFor(items: readonly Endorsement[], anchors: readonly Uint8Array[]): Certificate[] {
  return certificatesOfPem(only(items, 'certificates'))
    .map(parseCertificate)
    .filter(({ signatureAlgorithm: algorithm, tbs: message, signature }) =>
      anchors.some(anchor => isSignedBy(anchor, { algorithm, message, signature })),
    )
}

function readList(items: readonly Endorsement[], issuers: readonly Uint8Array[]): KeptDocument {
  const revoked = parseRevocationList(only(items, 'crl'))
  if (!issuers.some(issuer => isSignedBy(issuer, revoked))) {
    throw bad('a list that its issuer signed, under a pinned root')
  }
  return { items, issuedAt: revoked.thisUpdate, endsAt: revoked.nextUpdate, evaluationNumber: 0 }
}
