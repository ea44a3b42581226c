/**
 * Quotes of SGX enclaves and trust domains with everything behind them, under a root of our own: complete, or broken in one place.
 * Names and forms are those of Intel; only the keys are not. What Intel says about the machine is in `dcap-collateral.ts`.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts'
import { after, days, type Timestamp } from '../../src/base/time.ts'
import { sha256, sha384 } from '../../src/crypto/hash.ts'
import { toPem } from '../../src/host/tee/pem.ts'
import {
  bits,
  der,
  extension,
  hexBytes,
  integer,
  octets,
  oid,
  sequence,
  time,
  truth,
} from './der.ts'

export interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export const makePair = (): Pair => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

/** A root, what stands below it, and the key of one machine. */
export interface DcapAuthority {
  readonly at: Timestamp
  /** SubjectPublicKeyInfo of the root, DER, and as manifests name it. */
  readonly rootKey: Uint8Array
  readonly anchor: string
  readonly root: Pair
  readonly issuer: Pair
  readonly signer: Pair
  readonly pck: Pair
  readonly attestation: Pair
  /** DER. */
  readonly rootCertificate: Uint8Array
  readonly issuerCertificate: Uint8Array
  readonly signerCertificate: Uint8Array
}

export const dcapSerials = { root: '0a01', issuer: '0a02', signer: '0a03', pck: '0a04' } as const
export const dcapNames = {
  root: 'Intel SGX Root CA',
  issuer: 'Intel SGX PCK Platform CA',
  signer: 'Intel SGX TCB Signing',
  pck: 'Intel SGX PCK Certificate',
} as const

/** Valid for a year around `at`. */
export function makeDcapAuthority(at: Timestamp): DcapAuthority {
  const [root, issuer, signer] = [makePair(), makePair(), makePair()]
  const window = { notBefore: after(at, days(-365)), notAfter: after(at, days(365)) }
  const certify = (name: 'root' | 'issuer' | 'signer', key: Pair, pathLength: string | null) =>
    dcapCertificate({
      ...{ ...window, subject: dcapNames[name], serial: dcapSerials[name], pathLength },
      ...{ issuerName: dcapNames.root, issuerKey: root.privateKey, publicKey: key.publicKey },
    })
  const rootKey = spki(root.publicKey)
  return {
    ...{ at, rootKey, anchor: toHex(rootKey), root, issuer, signer },
    ...{ pck: makePair(), attestation: makePair() },
    rootCertificate: certify('root', root, '01'),
    issuerCertificate: certify('issuer', issuer, '00'),
    signerCertificate: certify('signer', signer, null),
  }
}

export interface CertificateForm {
  readonly subject: string
  readonly serial: string
  readonly issuerName: string
  readonly issuerKey: KeyObject
  readonly publicKey: KeyObject
  readonly notBefore: Timestamp
  readonly notAfter: Timestamp
  /** `null` for a leaf. */
  readonly pathLength: string | null
  /** Each as DER. */
  readonly extensions?: readonly Uint8Array[]
}

/** ecdsa-with-SHA256. */
export const algorithm = sequence(oid('2a8648ce3d040302'))

/** A certificate, signed on P-256. */
export function dcapCertificate(form: CertificateForm): Uint8Array {
  const { pathLength, extensions = [] } = form
  const constraints = pathLength === null ? [] : [truth, integer(pathLength)]
  const body = sequence(
    der(0xa0, integer('02')),
    integer(form.serial),
    algorithm,
    commonName(form.issuerName),
    sequence(time(form.notBefore), time(form.notAfter)),
    commonName(form.subject),
    spki(form.publicKey),
    der(
      0xa3,
      sequence(
        extension('551d0f', hexBytes(pathLength === null ? '030206c0' : '03020106'), true),
        extension('551d13', sequence(...constraints), true),
        ...extensions,
      ),
    ),
  )
  return sequence(body, algorithm, bits(signDer(body, form.issuerKey)))
}

export const commonName = (text: string): Uint8Array =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, utf8(text)))))

export const signDer = (body: Uint8Array, key: KeyObject): Uint8Array =>
  new Uint8Array(sign('sha256', body, key))

/** r and s. */
export const signRaw = (body: Uint8Array, key: KeyObject): Uint8Array =>
  new Uint8Array(sign('sha256', body, { key, dsaEncoding: 'ieee-p1363' }))

const spki = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }))

const point = (key: KeyObject): Uint8Array => spki(key).slice(-64)

/** What Intel certifies about a machine. */
export interface PckForm {
  readonly fmspc: string
  readonly pceId: string
  readonly components: readonly number[]
  readonly pceSvn: number
  readonly ppid: string
  /** Machines of one package have none. */
  readonly platformInstance: string | undefined
}

export const components = (first: number): number[] => [first, ...Array<number>(15).fill(2)]

export const goodPck: PckForm = {
  fmspc: '00c0ffee0000',
  pceId: '0000',
  components: components(5),
  pceSvn: 13,
  ppid: '11'.repeat(16),
  platformInstance: '22'.repeat(16),
}

const arc = '2a864886f84d010d01'
const below = (path: string, value: Uint8Array): Uint8Array => sequence(oid(arc + path), value)
const number = (value: number): Uint8Array =>
  integer(value.toString(16).padStart(value > 0xff ? 4 : 2, '0'))

/** Fields of the SGX extension, in Intel's order, each as DER. */
export function pckFields(form: PckForm): Uint8Array[] {
  const svns = form.components.map((svn, i) =>
    below(`02${(i + 1).toString(16).padStart(2, '0')}`, number(svn)),
  )
  const { platformInstance } = form
  return [
    below('01', octets(hexBytes(form.ppid))),
    below(
      '02',
      sequence(
        ...svns,
        below('0211', number(form.pceSvn)),
        below('0212', octets(Uint8Array.from(form.components))),
      ),
    ),
    below('03', octets(hexBytes(form.pceId))),
    below('04', octets(hexBytes(form.fmspc))),
    below('05', der(0x0a, Uint8Array.of(1))),
    ...(platformInstance === undefined
      ? []
      : [
          below('06', octets(hexBytes(platformInstance))),
          below('07', sequence(below('0701', truth))),
        ]),
  ]
}

export interface LeafRequest {
  readonly pck?: Partial<PckForm>
  /** Last change to the fields of the extension. */
  readonly fields?: (fields: Uint8Array[]) => Uint8Array[]
  readonly issuerName?: string
  readonly issuerKey?: KeyObject
  readonly notBefore?: Timestamp
  readonly notAfter?: Timestamp
}

/** The certificate of the machine's key, DER. */
export function pckCertificate(authority: DcapAuthority, request: LeafRequest = {}): Uint8Array {
  const { at, issuer, pck } = authority
  const { fields = each => each } = request
  return dcapCertificate({
    subject: dcapNames.pck,
    serial: dcapSerials.pck,
    issuerName: request.issuerName ?? dcapNames.issuer,
    issuerKey: request.issuerKey ?? issuer.privateKey,
    publicKey: pck.publicKey,
    notBefore: request.notBefore ?? after(at, days(-30)),
    notAfter: request.notAfter ?? after(at, days(300)),
    pathLength: null,
    extensions: [extension(arc, sequence(...fields(pckFields({ ...goodPck, ...request.pck }))))],
  })
}

/** Versions of quotes, and of the report of a trust domain within. */
export type QuoteForm = 'v3' | 'v4' | 'v5' | 'v5-later'

export interface QuoteRequest {
  readonly form?: QuoteForm
  readonly reportData?: Uint8Array
  /** MRENCLAVE or MRTD are made from it, and the run-time registers of a trust domain. */
  readonly image?: string
  readonly leaf?: LeafRequest
  readonly authentication?: Uint8Array
  /** Last changes before somebody signs: header, report, report of the quoting enclave. */
  readonly header?: (header: Uint8Array) => void
  readonly report?: (report: Uint8Array) => void
  readonly quotingEnclave?: (report: Uint8Array) => void
  /** Another key than the one that the quoting enclave names. */
  readonly attestation?: Pair
  /** Last change to the certificates: PCK, its authority, root; DER. */
  readonly chain?: (chain: Uint8Array[]) => Uint8Array[]
  /** Last change to their text. */
  readonly pem?: (text: string) => string
  /** Type of the certification data. */
  readonly certificationType?: number
}

/** The measurements of an image of this name. */
export const enclaveImage = (name: string): Uint8Array => sha256(utf8(name))
export const domainImage = (name: string): Uint8Array => sha384(utf8(name))

/** What Intel says of its quoting enclaves. */
export const quotingEnclaves = {
  sgx: {
    mrSigner: '8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff',
    productId: 1,
  },
  tdx: {
    mrSigner: 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5',
    productId: 2,
  },
} as const

/** The security version of a quoting enclave that is up to date. */
export const goodEnclaveSvn = 8

/** One quote, signed, with its chain. */
export function dcapQuote(authority: DcapAuthority, request: QuoteRequest = {}): Uint8Array {
  const { form = 'v3', authentication = Uint8Array.from({ length: 32 }, (_, i) => i) } = request
  const { attestation } = authority
  const signed = concatBytes(headerOf(request), bodyOf(request))
  const named = point((request.attestation ?? attestation).publicKey)
  const enclave = enclaveReport(form === 'v3' ? 'sgx' : 'tdx')
  enclave.set(sha256(concatBytes(point(attestation.publicKey), authentication)), 320)
  request.quotingEnclave?.(enclave)
  const text = utf8(`${pemOf(authority, request)}\0`)
  const certification = concatBytes(
    ...[enclave, signRaw(enclave, authority.pck.privateKey)],
    ...[le(2, authentication.length), authentication],
    ...[le(2, request.certificationType ?? 5), le(4, text.length), text],
  )
  const wrapped =
    form === 'v3'
      ? certification
      : concatBytes(le(2, 6), le(4, certification.length), certification)
  const signature = signRaw(signed, (request.attestation ?? attestation).privateKey)
  const signatureData = concatBytes(signature, named, wrapped)
  return concatBytes(signed, le(4, signatureData.length), signatureData)
}

function pemOf(authority: DcapAuthority, { leaf, chain, pem }: QuoteRequest): string {
  const { issuerCertificate, rootCertificate } = authority
  const certificates = [pckCertificate(authority, leaf), issuerCertificate, rootCertificate]
  const text = pemText(chain?.(certificates) ?? certificates)
  return pem?.(text) ?? text
}

export const pemText = (certificates: readonly Uint8Array[]): string =>
  certificates.map(each => toPem('CERTIFICATE', each)).join('')

/** A whole number, little-endian. */
export const le = (count: number, value: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (value / 0x100 ** i) & 0xff)

function headerOf({ form = 'v3', header }: QuoteRequest): Uint8Array {
  const bytes = new Uint8Array(48)
  bytes.set(le(2, Number(form.slice(1, 2))))
  bytes.set(le(2, 2), 2)
  bytes.set(le(4, form === 'v3' ? 0 : 0x81), 4)
  bytes.set(hexBytes('939a7233f79c4ca9940a0db3957f0607'), 12)
  header?.(bytes)
  return bytes
}

function bodyOf(request: QuoteRequest): Uint8Array {
  const { form = 'v3', image = 'coterie-test', reportData = new Uint8Array(64) } = request
  const report = form === 'v3' ? enclaveReport('sgx') : domainReport(form, image)
  if (form === 'v3') {
    report.set(enclaveImage(image), 64)
    report.set(sha256(utf8('signer')), 128)
    report.set(le(2, 0x0102), 256)
    report.set(le(2, 1), 258)
  }
  report.set(reportData, form === 'v3' ? 320 : 520)
  request.report?.(report)
  if (form === 'v3' || form === 'v4') return report
  return concatBytes(le(2, form === 'v5' ? 2 : 3), le(4, report.length), report)
}

function enclaveReport(tee: 'sgx' | 'tdx'): Uint8Array {
  const report = new Uint8Array(384)
  const { mrSigner, productId } = quotingEnclaves[tee]
  report.set(hexBytes('1500000000000000e7'), 48)
  report.set(sha256(utf8('quoting enclave')), 64)
  report.set(hexBytes(mrSigner), 128)
  report.set(le(2, productId), 256)
  report.set(le(2, goodEnclaveSvn), 258)
  return report
}

/** TEE_TCB_SVN: version 5 of a module of generation 1, and the microcode below it. */
export const goodTdxSvn = [5, 1, 3] as const

function domainReport(form: QuoteForm, image: string): Uint8Array {
  const report = new Uint8Array(form === 'v5-later' ? 648 : 584)
  report.set(goodTdxSvn)
  report.set(domainImage('module'), 16)
  // SEPT_VE_DISABLE.
  report[123] = 0x10
  report.set(domainImage(image), 136)
  for (const i of [0, 1, 2, 3]) report.set(domainImage(`${image} ${i}`), 328 + 48 * i)
  if (form === 'v5-later') report.set(goodTdxSvn, 584)
  return report
}
