/**
 * Reports of SEV-SNP guests with everything behind them, under a root of our own: complete, or broken in one place. Names and forms
 * are those of AMD; only the keys are not.
 */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { amdName, type Product, type Tcb } from '../../src/attestation/sev-snp/products.ts'
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts'
import { after, days, type Timestamp } from '../../src/base/time.ts'
import { sha384 } from '../../src/crypto/hash.ts'
import { toPem } from '../../src/host/tee/pem.ts'
import { bits, der, extension, hexBytes, ia5, integer, sequence, time, truth } from './der.ts'

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const made: Pair[] = []
/** One of two RSA keys of 4096 bits. To make one takes seconds, so there are no more of them in a process. */
function rsaPair(which: 0 | 1): Pair {
  made[which] ??= generateKeyPairSync('rsa', { modulusLength: 4096 })
  return made[which]
}

/** A root of one product with its two intermediate authorities, and the key of a chip. */
export interface SnpAuthority {
  readonly product: Product
  /** SubjectPublicKeyInfo of the root, DER. */
  readonly rootKey: Uint8Array
  /** As manifests name it. */
  readonly anchor: string
  /** Certificates, DER. */
  readonly ark: Uint8Array
  readonly ask: Uint8Array
  readonly asvk: Uint8Array
  readonly at: Timestamp
  readonly root: Pair
  readonly issuer: Pair
  readonly chip: Pair
}

/** Serial numbers of the authorities. */
export const snpSerials = { ark: '0a0000', ask: '0a0001', asvk: '0a0101' } as const

export interface SnpAuthorityRequest {
  readonly product?: Product
  /** Whether root and issuer change their keys: another root, in no time. */
  readonly isOther?: boolean
  readonly notAfter?: Timestamp
}

/** Valid for a year around `at`. */
export function makeSnpAuthority(at: Timestamp, request: SnpAuthorityRequest = {}): SnpAuthority {
  const { product = 'Milan', isOther = false } = request
  const [root, issuer] = isOther ? [rsaPair(1), rsaPair(0)] : [rsaPair(0), rsaPair(1)]
  const window = {
    notBefore: after(at, days(-365)),
    notAfter: request.notAfter ?? after(at, days(365)),
  }
  const name = `ARK-${product}`
  const certify = (subject: string, serial: string, key: Pair, pathLength: string | null) =>
    snpCertificate({
      ...{ ...window, subject, serial, issuerName: name, issuerKey: root.privateKey },
      publicKey: key.publicKey,
      extensions: authorityExtensions(pathLength),
    })
  const rootKey = spki(root.publicKey)
  return {
    ...{ product, rootKey, anchor: toHex(rootKey), at, root, issuer },
    ark: certify(name, snpSerials.ark, root, null),
    ask: certify(`SEV-${product}`, snpSerials.ask, issuer, '00'),
    asvk: certify(`SEV-VLEK-${product}`, snpSerials.asvk, issuer, '00'),
    chip: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
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
  /** Each as DER. */
  readonly extensions: readonly Uint8Array[]
}

/** RSASSA-PSS, SHA-384, 48 bytes of salt, as AMD spells it today (RFC 4055 §3.1). */
const algorithm = hexBytes(
  '304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
)

/** A certificate, signed with RSASSA-PSS. */
export function snpCertificate(form: CertificateForm): Uint8Array {
  const body = sequence(
    der(0xa0, integer('02')),
    integer(form.serial),
    algorithm,
    amdName(form.issuerName),
    sequence(time(form.notBefore), time(form.notAfter)),
    amdName(form.subject),
    spki(form.publicKey),
    der(0xa3, sequence(...form.extensions)),
  )
  return sequence(body, algorithm, bits(signPss(body, form.issuerKey)))
}

function signPss(body: Uint8Array, key: KeyObject): Uint8Array {
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return new Uint8Array(sign('sha384', body, { key, padding, saltLength: 48 }))
}

/** How authorities say that they are some; `pathLength` in hexadecimal. */
export function authorityExtensions(pathLength: string | null): Uint8Array[] {
  const limit = pathLength === null ? [] : [integer(pathLength)]
  return [
    extension('551d13', sequence(truth, ...limit), true),
    extension('551d0f', hexBytes('03020106'), true),
  ]
}

const spki = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }))

/** Versions of firmware that are good enough everywhere in the tests. */
export const goodTcb: Tcb = { fmc: 0, bootloader: 4, tee: 1, snp: 24, microcode: 219 }

/** What the chip's certificate says, where it is not what the report says. */
export interface LeafRequest {
  readonly tcb?: Tcb
  readonly hardwareId?: Uint8Array
  readonly providerId?: string
  readonly productName?: string
  readonly issuerName?: string
  readonly issuerKey?: KeyObject
  readonly notBefore?: Timestamp
  readonly notAfter?: Timestamp
  /** Last change to the extensions, by their object identifiers. */
  readonly extensions?: (
    extensions: Readonly<Record<string, Uint8Array>>,
  ) => Readonly<Record<string, Uint8Array>>
}

export interface SnpRequest {
  readonly kind?: 'vcek' | 'vlek'
  readonly version?: number
  readonly svn?: number
  readonly vmpl?: number
  readonly policy?: bigint
  readonly reportData?: Uint8Array
  readonly measurement?: Uint8Array
  readonly hostData?: Uint8Array
  readonly chipId?: Uint8Array
  readonly tcb?: Tcb
  readonly committedTcb?: Tcb
  readonly launchTcb?: Tcb
  /** Family, model, stepping. */
  readonly cpu?: readonly [number, number, number]
  readonly leaf?: LeafRequest
  /** Last change before the chip signs. */
  readonly report?: (report: Uint8Array) => void
  /** Change after it has. */
  readonly signed?: (report: Uint8Array) => void
  /** What the host puts into its table, in order; nothing: no table. The key and its authorities unless said. */
  readonly table?: readonly (readonly [slot: SnpSlot, bytes: Uint8Array])[]
}

/** A report and what is beside it. */
export interface SnpEvidence {
  /** Report and table. */
  readonly body: Uint8Array
  readonly report: Uint8Array
  /** The VCEK or VLEK, DER. */
  readonly certificate: Uint8Array
}

/** The register that measures an image of this name. */
export const snpImage = (name: string): Uint8Array => sha384(utf8(name))

const cpus: Readonly<Record<Product, readonly [number, number, number]>> = {
  ...{ Milan: [0x19, 0x01, 1], Genoa: [0x19, 0x11, 1], Turin: [0x1a, 0x02, 1] },
}

/** One report, signed, with its certificate. */
export function snpEvidence(authority: SnpAuthority, request: SnpRequest = {}): SnpEvidence {
  const report = reportOf(authority, request)
  request.report?.(report)
  signReport(report, authority.chip.privateKey)
  request.signed?.(report)
  const certificate = leafOf(authority, request)
  const { kind = 'vcek' } = request
  const table = request.table ?? [
    ['ark', authority.ark],
    ['ask', kind === 'vcek' ? authority.ask : authority.asvk],
    [kind, certificate],
  ]
  const behind = table.length === 0 ? new Uint8Array() : snpTable(table)
  return { body: concatBytes(report, behind), report, certificate }
}

/** SMT allowed, and the bit that is always one. */
export const plainPolicy = 0x30000n

function reportOf({ product }: SnpAuthority, request: SnpRequest): Uint8Array {
  const report = new Uint8Array(1184)
  const view = new DataView(report.buffer)
  const { version = 3, kind = 'vcek', tcb = goodTcb } = request
  view.setUint32(0x00, version, true)
  view.setUint32(0x04, request.svn ?? 1, true)
  view.setBigUint64(0x08, request.policy ?? plainPolicy, true)
  view.setUint32(0x30, request.vmpl ?? 0, true)
  view.setUint32(0x34, 1, true)
  view.setUint32(0x48, kind === 'vcek' ? 0 : 1 << 2, true)
  report.set(request.reportData ?? new Uint8Array(64), 0x50)
  report.set(request.measurement ?? snpImage('coterie-test'), 0x90)
  report.set(request.hostData ?? new Uint8Array(32), 0xc0)
  report.set(tcbBytes(product, tcb), 0x38)
  report.set(tcbBytes(product, tcb), 0x180)
  if (version > 2) report.set(request.cpu ?? cpus[product], 0x188)
  report.set(request.chipId ?? chipOf(product, kind), 0x1a0)
  report.set(tcbBytes(product, request.committedTcb ?? tcb), 0x1e0)
  report.set([29, 55, 1, 0, 29, 55, 1], 0x1e8)
  report.set(tcbBytes(product, request.launchTcb ?? tcb), 0x1f0)
  return report
}

/** As the ABI lays them out; written down here once more, so that a mistake there does not hide. */
function tcbBytes(product: Product, tcb: Tcb): Uint8Array {
  const { fmc = 0, bootloader = 0, tee = 0, snp = 0, microcode = 0 } = tcb
  return product === 'Turin'
    ? Uint8Array.of(fmc, bootloader, tee, snp, 0, 0, 0, microcode)
    : Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode)
}

/** Turin's chips have ids of eight bytes; under a lease the host may hide the id. */
function chipOf(product: Product, kind: 'vcek' | 'vlek'): Uint8Array {
  const id = new Uint8Array(64)
  if (kind === 'vcek') id.set(sha384(utf8('chip')).subarray(0, product === 'Turin' ? 8 : 48))
  return id
}

/** Signs bytes 0 to 0x29f: r and s, little-endian, each in 72 bytes. */
export function signReport(report: Uint8Array, key: KeyObject): void {
  const message = report.subarray(0, 0x2a0)
  const signature = new Uint8Array(sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' }))
  report.set(signature.slice(0, 48).reverse(), 0x2a0)
  report.set(signature.slice(48).reverse(), 0x2a0 + 72)
}

const arc = '2b060104019c7801'

function leafOf(authority: SnpAuthority, request: SnpRequest): Uint8Array {
  const { product, at, issuer, chip } = authority
  const { kind = 'vcek', leaf = {} } = request
  const tcb = leaf.tcb ?? request.tcb ?? goodTcb
  const version = (component: string): Uint8Array =>
    integer((tcb[component] ?? 0).toString(16).padStart(2, '0'))
  const id =
    leaf.hardwareId ??
    (request.chipId ?? chipOf(product, kind)).slice(0, product === 'Turin' ? 8 : 64)
  const all = {
    [`${arc}01`]: integer('00'),
    [`${arc}02`]: ia5(
      leaf.productName ?? (product === 'Milan' && kind === 'vcek' ? 'Milan-B0' : product),
    ),
    [`${arc}0301`]: version('bootloader'),
    [`${arc}0302`]: version('tee'),
    [`${arc}0304`]: integer('00'),
    [`${arc}0303`]: version('snp'),
    [`${arc}0308`]: version('microcode'),
    ...(product === 'Turin' && { [`${arc}0309`]: version('fmc') }),
    ...(kind === 'vcek'
      ? { [`${arc}04`]: id }
      : { [`${arc}05`]: ia5(leaf.providerId ?? 'CN=cc.example') }),
  }
  const extensions = Object.entries(leaf.extensions?.(all) ?? all)
  return snpCertificate({
    subject: kind === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK',
    serial: '00',
    issuerName: leaf.issuerName ?? (kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`),
    issuerKey: leaf.issuerKey ?? issuer.privateKey,
    publicKey: chip.publicKey,
    notBefore: leaf.notBefore ?? after(at, days(-30)),
    notAfter: leaf.notAfter ?? after(at, days(300)),
    extensions: extensions.map(([id, value]) => extension(id, value)),
  })
}

/** GUIDs of the table of certificates, as they stand in it. */
const guids = {
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  vcek: '63da758de6644564adc5f4b93be8accd',
  vlek: 'a8074bc2a25a483eaae639c045a0b8a1',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
  strange: 'ecae0c0f950243b2afa20ae2e0d565b6',
} as const
export type SnpSlot = keyof typeof guids

/** A table with its documents one after the other, `gap` zero bytes before each. */
export function snpTable(
  documents: readonly (readonly [slot: SnpSlot, bytes: Uint8Array])[],
  gap = 0,
): Uint8Array {
  let offset = 24 * (documents.length + 1)
  const entries = documents.map(([slot, bytes]) => {
    const entry = new Uint8Array(24)
    entry.set(hexBytes(guids[slot]))
    new DataView(entry.buffer).setUint32(16, offset + gap, true)
    new DataView(entry.buffer).setUint32(20, bytes.length, true)
    offset += gap + bytes.length
    return entry
  })
  const behind = documents.flatMap(([, bytes]) => [new Uint8Array(gap), bytes])
  return concatBytes(...entries, new Uint8Array(24), ...behind)
}

/** A certificate as some hosts put it into their table. */
export const asPem = (certificate: Uint8Array): Uint8Array =>
  utf8(toPem('CERTIFICATE', certificate))

export interface CrlRequest {
  readonly revoked?: readonly string[]
  readonly thisUpdate?: Timestamp
  readonly nextUpdate?: Timestamp
  readonly issuerName?: string
  readonly key?: KeyObject
  /** Extensions of the list, each as DER. */
  readonly extensions?: readonly Uint8Array[]
  /** Extensions of every entry. */
  readonly entryExtensions?: readonly Uint8Array[]
  readonly version?: string
}

/** The root's list of revoked certificates; by default of today, for a month, and empty. */
export function snpCrl(authority: SnpAuthority, request: CrlRequest = {}): Uint8Array {
  const { at, product, root } = authority
  const { revoked = [], entryExtensions } = request
  const entries = revoked.map(serial =>
    sequence(
      integer(serial),
      time(after(at, days(-5))),
      ...(entryExtensions ? [sequence(...entryExtensions)] : []),
    ),
  )
  // Number of the list.
  const extensions = request.extensions ?? [extension('551d14', integer('01'))]
  const body = sequence(
    integer(request.version ?? '01'),
    algorithm,
    amdName(request.issuerName ?? `ARK-${product}`),
    time(request.thisUpdate ?? after(at, days(-1))),
    time(request.nextUpdate ?? after(at, days(30))),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    der(0xa0, sequence(...extensions)),
  )
  return sequence(body, algorithm, bits(signPss(body, request.key ?? root.privateKey)))
}
