/** Questions about the arithmetic below attestation with the answer that is due: OpenSSL's own signatures, whole and spoilt. */
import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { toHex } from '../../src/base/bytes.ts'
import { edgeCases } from '../unit/crypto/ed25519-edge.ts'
import rfc8032 from '../vectors/rfc8032.json' with { type: 'json' }
import type { ArithmeticQuestion } from './page/arithmetic.ts'

/** A question, and what every correct program answers. */
export type ArithmeticCase = readonly [due: string, question: ArithmeticQuestion]

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** Bytes of every value. */
const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 151 + (i >> 8) * 7 + 13) & 0xff)
const turned = (bytes: Uint8Array, at: number): string => {
  const changed = Buffer.from(bytes)
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
  return hex(changed)
}

/** Lengths around the ends of blocks, where padding goes wrong. */
const lengths = [0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 255, 1000, 70_000]

export const hashCases: readonly ArithmeticCase[] = lengths.flatMap(length => {
  const bytes = noise(length)
  const data = hex(bytes)
  const hashes = (['sha256', 'sha384', 'sha512'] as const).map(
    (ask): ArithmeticCase => [createHash(ask).update(bytes).digest('hex'), { ask, data }],
  )
  const keyed = [0, 32, 64, 65, 200].map((keyLength): ArithmeticCase => {
    const key = noise(keyLength)
    const due = createHmac('sha256', key).update(bytes).digest('hex')
    return [due, { ask: 'hmac', key: hex(key), data }]
  })
  return [...hashes, ...keyed]
})

type EcdsaQuestion = Extract<ArithmeticQuestion, { ask: 'ecdsa' }>

/** Orders of the groups (FIPS 186-5, SP 800-186 §3.2.1). */
const orders = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384':
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
} as const
const suites = [
  ['P-256', 'SHA-256', 'prime256v1', 32],
  ['P-256', 'SHA-384', 'prime256v1', 32],
  ['P-384', 'SHA-384', 'secp384r1', 48],
  ['P-384', 'SHA-512', 'secp384r1', 48],
  ['P-384', 'SHA-256', 'secp384r1', 48],
] as const

export const ecdsaCases = (): readonly ArithmeticCase[] =>
  suites.flatMap(([curve, hash, namedCurve, size]) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    const other = generateKeyPairSync('ec', { namedCurve }).publicKey
    const message = noise(300)
    const named = hash.replace('-', '').toLowerCase()
    const der = sign(named, message, privateKey)
    const raw = sign(named, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const [r, s] = [raw.subarray(0, size), raw.subarray(size)]
    const number = (value: bigint): string => value.toString(16).padStart(2 * size, '0')
    const negative = orders[curve] - BigInt(`0x${hex(s)}`)
    const point = pointOf(publicKey, size)
    const whole: EcdsaQuestion = {
      ...{ ask: 'ecdsa', curve, hash, format: 'raw' },
      ...{ publicKey: hex(point), message: hex(message), signature: hex(raw) },
    }
    const spoilt: readonly Partial<EcdsaQuestion>[] = [
      { message: turned(message, 299) },
      ...[0, size - 1, size, 2 * size - 1].map(at => ({ signature: turned(raw, at) })),
      { signature: number(0n) + hex(s) },
      { signature: hex(r) + number(0n) },
      { signature: number(orders[curve]) + hex(s) },
      { signature: hex(r) + number(orders[curve]) },
      { signature: hex(s) + hex(r) },
      { signature: hex(raw).slice(2) },
      { signature: `${hex(raw)}00` },
      { publicKey: hex(pointOf(other, size)) },
      { publicKey: turned(point, 2 * size) },
      {
        publicKey: hex(
          Buffer.from([2 + (point.readUInt8(2 * size) & 1), ...point.subarray(1, 1 + size)]),
        ),
      },
      { publicKey: `04${'00'.repeat(2 * size)}` },
      { publicKey: '00' },
      { hash: hash === 'SHA-512' ? 'SHA-256' : 'SHA-512' },
      { format: 'der', signature: hex(raw) },
      { format: 'der', signature: `${hex(der)}00` },
      { format: 'der', signature: turned(der, 1) },
      { format: 'der', signature: `3081${hex(der).slice(2)}` },
      { format: 'der', signature: hex(der).slice(0, -2) },
      { format: 'raw', signature: hex(der) },
    ]
    return [
      ['valid', whole],
      ['valid', { ...whole, format: 'der', signature: hex(der) }],
      // Not unique by design (FIPS 186-5 §6.4.2): nothing is named by a signature.
      ['valid', { ...whole, signature: hex(r) + number(negative) }],
      ...spoilt.map((change): ArithmeticCase => ['invalid', { ...whole, ...change }]),
    ]
  })

function pointOf(key: KeyObject, size: number): Buffer {
  const spki = key.export({ format: 'der', type: 'spki' })
  return spki.subarray(spki.length - 2 * size - 1)
}

type RsaQuestion = Extract<ArithmeticQuestion, { ask: 'rsa' }>

export function rsaCases(): readonly ArithmeticCase[] {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 })
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')
  const message = noise(1000)
  const signed = (saltLength: number, hash = 'sha384'): Buffer =>
    sign(hash, message, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
  const signature = signed(48)
  const whole: RsaQuestion = {
    ...{ ask: 'rsa', modulus: hex(modulus) },
    ...{ message: hex(message), signature: hex(signature) },
  }
  const spoilt: readonly Partial<RsaQuestion>[] = [
    { message: turned(message, 0) },
    ...[0, 200, 511].map(at => ({ signature: turned(signature, at) })),
    ...[0, 32, 47, 49, 64].map(salt => ({ signature: hex(signed(salt)) })),
    { signature: hex(signed(48, 'sha256')) },
    { signature: hex(sign('sha384', message, privateKey)) },
    { signature: hex(modulus) },
    { signature: '00'.repeat(512) },
    { signature: `${'00'.repeat(511)}01` },
    { signature: hex(signature).slice(2) },
    { signature: unreduced(modulus, () => signed(48)) },
    ...[0, 100, 511].map(at => ({ modulus: turned(modulus, at) })),
    { modulus: hex(modulus).slice(2) },
    { modulus: '00'.repeat(512) },
    { modulus: 'ff'.repeat(512) },
  ]
  return [
    ['valid', whole],
    ['valid', { ...whole, signature: hex(signed(48)) }],
    ...spoilt.map((change): ArithmeticCase => ['invalid', { ...whole, ...change }]),
  ]
}

/** A signature of `next` plus the modulus, in as many bytes: whoever reduces it first would take it for that signature. */
function unreduced(modulus: Uint8Array, next: () => Uint8Array): string {
  for (;;) {
    const sum = (BigInt(`0x${hex(modulus)}`) + BigInt(`0x${hex(next())}`)).toString(16)
    // A third of them fit, more or less: each signature has a salt of its own.
    if (sum.length === 2 * modulus.length) return sum
  }
}

export const ed25519Cases: readonly ArithmeticCase[] = [
  ...rfc8032.vectors.map(
    ({ publicKey, message, signature }): ArithmeticCase => [
      'valid',
      { ask: 'ed25519', publicKey, message, signature },
    ],
  ),
  ...edgeCases.map(
    ({ holds, signed }): ArithmeticCase => [
      holds ? 'valid' : 'invalid',
      {
        ask: 'ed25519',
        publicKey: toHex(signed.publicKey),
        message: toHex(signed.message),
        signature: toHex(signed.signature),
      },
    ],
  ),
]
