/**
 * Attestation documents of Nitro enclaves under a root of our own: complete, or broken in one place. Each option stands for one
 * thing that AWS's module decides.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts'
import { after, days, hours, minutes, type Timestamp } from '../../src/base/time.ts'
import { sha384 } from '../../src/crypto/hash.ts'
import { type CertificateRequest, issueCertificate } from '../../src/host/tee/certificate.ts'
import * as cbor from './cbor.ts'

interface Holder {
  readonly name: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** A root with its authorities, and the module that signs under them. */
export interface NitroAuthority {
  /** SubjectPublicKeyInfo of the root, DER, hexadecimal: as manifests name it. */
  readonly anchor: string
  /** Where the dates of its documents begin, unless said. */
  readonly at: Timestamp
  /** DER, the root first. */
  readonly cabundle: readonly Uint8Array[]
  readonly issuer: Holder
  readonly module: Holder
}

/** As long a bundle as AWS's has `authorities` 3; 1 unless said. */
export function makeNitroAuthority(at: Timestamp, authorities = 1): NitroAuthority {
  const root = holder('aws.nitro-enclaves')
  const window = { notBefore: after(at, days(-365)), notAfter: after(at, days(365)) }
  const certify = (subject: Holder, issuer: Holder, pathLength: number): Uint8Array =>
    issueCertificate({
      ...window,
      ...{ subject: subject.name, publicKey: subject.publicKey, issuer, pathLength },
    })
  const cabundle = [certify(root, root, authorities)]
  let issuer = root
  for (let left = authorities; left > 0; left--) {
    const next = holder(`${left}.aws.nitro-enclaves`)
    cabundle.push(certify(next, issuer, left - 1))
    issuer = next
  }
  const anchor = toHex(root.publicKey.export({ format: 'der', type: 'spki' }))
  return { anchor, at, cabundle, issuer, module: holder('module') }
}

export interface NitroRequest {
  readonly userData?: Uint8Array | null
  readonly nonce?: Uint8Array | null
  readonly publicKey?: Uint8Array | null
  /** Id of the parent instance, in `module_id` and PCR4. */
  readonly instance?: string
  /** Over the defaults, which are 0 to 4, and 8; `null` leaves one out. */
  readonly pcrs?: Readonly<Record<number, Uint8Array | null>>
  readonly timestamp?: Timestamp
  /** What the module's certificate says. */
  readonly leaf?: Partial<CertificateRequest>
  /** Whether the payload's map comes without its length, as newer modules write it. */
  readonly isOpen?: boolean
  readonly isTagged?: boolean
  /** Last changes to what is signed: the fields, the certificates, the header; all as written. */
  readonly fields?: (fields: readonly cbor.Entry[]) => readonly cbor.Entry[]
  readonly cabundle?: (bundle: readonly Uint8Array[]) => readonly Uint8Array[]
  readonly payload?: (payload: Uint8Array) => Uint8Array
  readonly protectedHeader?: Uint8Array
  /** Last change to what is not: protected header, unprotected header, payload, signature. */
  readonly parts?: (parts: readonly cbor.Written[]) => readonly cbor.Written[]
  /** Who signs; the module unless said. */
  readonly signer?: KeyObject
}

/** The register that measures an image of this name. */
export const nitroImage = (name: string): Uint8Array => sha384(utf8(name))

/** What a module would measure of this instance. */
const pcr4Of = (instance: string): Uint8Array =>
  sha384(concatBytes(new Uint8Array(48), utf8(instance)))

const es384 = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)

/** One document, signed. */
export function nitroDocument(authority: NitroAuthority, request: NitroRequest = {}): Uint8Array {
  const fields = fieldsOf(authority, request)
  const changed = request.fields?.(fields) ?? fields
  const written = request.isOpen ? cbor.openMap(changed) : cbor.map(changed)
  const payload = cbor.bytes(request.payload?.(written) ?? written)
  const header = cbor.bytes(request.protectedHeader ?? es384)
  const message = cbor.list([
    cbor.text('Signature1'),
    header,
    cbor.bytes(new Uint8Array()),
    payload,
  ])
  const key = request.signer ?? authority.module.privateKey
  const signature = sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' })
  const parts = [header, cbor.map([]), payload, cbor.bytes(signature)]
  const envelope = cbor.list(request.parts?.(parts) ?? parts)
  return request.isTagged ? concatBytes(Uint8Array.of(0xd2), envelope) : envelope
}

/** The nine fields in the order of AWS's module. */
function fieldsOf(authority: NitroAuthority, request: NitroRequest): readonly cbor.Entry[] {
  const { instance = 'i-0123456789abcdef0' } = request
  const pcrs = {
    ...{ 0: nitroImage('coterie-test'), 1: nitroImage('kernel'), 2: nitroImage('application') },
    ...{ 3: new Uint8Array(48), 4: pcr4Of(instance), 8: new Uint8Array(48) },
    ...request.pcrs,
  }
  const entries = Object.entries(pcrs).flatMap(([index, value]): cbor.Entry[] =>
    value === null ? [] : [[cbor.number(Number(index)), cbor.bytes(value)]],
  )
  const option = (value: Uint8Array | null | undefined): Uint8Array =>
    value === undefined || value === null ? cbor.nothing : cbor.bytes(value)
  const bundle = request.cabundle?.(authority.cabundle) ?? authority.cabundle
  const fields = {
    module_id: cbor.text(`${instance}-enc0123456789abcdef`),
    digest: cbor.text('SHA384'),
    // Modules count whole milliseconds, and virtual time stands between two of them now and then.
    timestamp: cbor.number(Math.floor(request.timestamp ?? authority.at)),
    pcrs: cbor.map(entries),
    certificate: cbor.bytes(leafOf(authority, request)),
    cabundle: cbor.list(bundle.map(cbor.bytes)),
    public_key: option(request.publicKey),
    user_data: option(request.userData),
    nonce: option(request.nonce),
  }
  return Object.entries(fields).map(([name, value]) => [cbor.text(name), value])
}

/** Lives for three hours, as AWS's do. */
function leafOf({ at, issuer, module }: NitroAuthority, { leaf }: NitroRequest): Uint8Array {
  return issueCertificate({
    ...{ subject: module.name, publicKey: module.publicKey, issuer, pathLength: null },
    ...{ notBefore: after(at, minutes(-10)), notAfter: after(at, hours(3)) },
    ...leaf,
  })
}

function holder(name: string): Holder {
  return { name, ...generateKeyPairSync('ec', { namedCurve: 'secp384r1' }) }
}
