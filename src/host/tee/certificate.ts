/** Issues X.509 certificates for simulated hardware: elliptic-curve keys, ECDSA with the hash of the issuer's curve. */
import { type KeyObject, randomBytes, sign } from 'node:crypto'
import { oids } from '../../attestation/x509.ts'
import { concatBytes, fromHex, utf8 } from '../../base/bytes.ts'
import type { Timestamp } from '../../base/time.ts'

/** What a certificate shall say. */
export interface CertificateRequest {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly issuer: { readonly name: string; readonly privateKey: KeyObject }
  readonly notBefore: Timestamp
  readonly notAfter: Timestamp
  /** How many authorities may follow, for an authority; `null` for a leaf. */
  readonly pathLength: number | null
  readonly extensions?: readonly {
    /** Object identifier as hexadecimal of its DER content. */
    readonly oid: string
    readonly critical: boolean
    readonly value: Uint8Array
  }[]
}

const commonName = '550403'
const [sequence, setOf, integer, bitString, octetString] = [0x30, 0x31, 0x02, 0x03, 0x04]
const [boolean, oidTag, utf8String, generalizedTime] = [0x01, 0x06, 0x0c, 0x18]
const [versionTag, extensionsTag] = [0xa0, 0xa3]
/** Bits of KeyUsage with the count of unused bits in front: digitalSignature, keyCertSign. */
const usage = { leaf: Uint8Array.of(7, 0x80), authority: Uint8Array.of(2, 0x04) }

/** A certificate (RFC 5280 §4.1) as DER. */
export function issueCertificate(request: CertificateRequest): Uint8Array {
  const isP256 = request.issuer.privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1'
  const algorithm = der(sequence, oid(isP256 ? oids.ecdsaSha256 : oids.ecdsaSha384))
  const body = der(
    sequence,
    der(versionTag, der(integer, Uint8Array.of(2))),
    // The first byte makes the serial number positive and of fixed length.
    der(integer, Uint8Array.of(0x40), randomBytes(15)),
    algorithm,
    name(request.issuer.name),
    der(sequence, time(request.notBefore), time(request.notAfter)),
    name(request.subject),
    request.publicKey.export({ format: 'der', type: 'spki' }),
    der(extensionsTag, der(sequence, ...extensionsOf(request))),
  )
  const signature = sign(isP256 ? 'sha256' : 'sha384', body, request.issuer.privateKey)
  return der(sequence, body, algorithm, der(bitString, Uint8Array.of(0), signature))
}

function extensionsOf({ pathLength, extensions = [] }: CertificateRequest): Uint8Array[] {
  const constraints =
    pathLength === null
      ? der(sequence)
      : der(sequence, der(boolean, Uint8Array.of(0xff)), der(integer, Uint8Array.of(pathLength)))
  const keyUsage = der(bitString, pathLength === null ? usage.leaf : usage.authority)
  const all = [
    { oid: oids.basicConstraints, critical: true, value: constraints },
    { oid: oids.keyUsage, critical: true, value: keyUsage },
    ...extensions,
  ]
  return all.map(({ oid: id, critical, value }) => {
    const flag = critical ? der(boolean, Uint8Array.of(0xff)) : new Uint8Array()
    return der(sequence, oid(id), flag, der(octetString, value))
  })
}

/** One value of DER (X.690 §8.1, §10.1): tag, shortest length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const joined = concatBytes(...content)
  const { length } = joined
  if (length < 0x80) return concatBytes(Uint8Array.of(tag, length), joined)
  if (length < 0x100) return concatBytes(Uint8Array.of(tag, 0x81, length), joined)
  return concatBytes(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), joined)
}

function oid(hex: string): Uint8Array {
  return der(oidTag, fromHex(hex) ?? new Uint8Array())
}

function name(text: string): Uint8Array {
  const attribute = der(sequence, oid(commonName), der(utf8String, utf8(text)))
  return der(sequence, der(setOf, attribute))
}

/** Always GeneralizedTime, which has one reading for every year. */
function time(at: Timestamp): Uint8Array {
  const digits = new Date(at).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  return der(generalizedTime, utf8(`${digits}Z`))
}
