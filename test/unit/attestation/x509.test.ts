import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { decode } from 'cborg'
import fc from 'fast-check'
import * as pkijs from 'pkijs'
import { expect, test } from 'vitest'
import { vendorAnchors } from '../../../src/attestation/platforms.ts'
import { isRefusal, type Refusal } from '../../../src/attestation/verdict.ts'
import {
  type Certificate,
  parseCertificate,
  type ValidChain,
  verifyChain,
} from '../../../src/attestation/x509.ts'
import { parseEcKey } from '../../../src/attestation/x509-keys.ts'
import { concatBytes, toHex } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { after, days, type Timestamp, timestamp } from '../../../src/base/time.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import { issueCertificate } from '../../../src/host/tee/certificate.ts'
import { epoch } from '../../fixtures/network.ts'
import { keyOf, type Link, link } from '../../fixtures/simulated.ts'

const root = link('root', null, { pathLength: 3 })
const authority = link('authority', root)
const leaf = link('leaf', authority, { pathLength: null })

function verify(
  chain: readonly Link[],
  change: { readonly anchors?: readonly Uint8Array[]; readonly now?: Timestamp } = {},
): ValidChain | Refusal {
  const certificates = chain.map(({ der }) => parseCertificate(der))
  return verifyChain({ chain: certificates, anchors: [keyOf(root)], now: epoch, ...change })
}

/** What pkijs thinks of the chain under the root, at the fixture's time. */
async function pkijsAccepts(chain: readonly Link[]): Promise<boolean> {
  const [trusted, ...rest] = [root, ...chain].map(({ der }) =>
    pkijs.Certificate.fromBER(new Uint8Array(der)),
  )
  if (trusted === undefined) throw new Error('unreachable')
  const engine = new pkijs.CertificateChainValidationEngine({
    trustedCerts: [trusted],
    // The engine validates the last certificate of the list.
    certs: rest.toReversed(),
    checkDate: new Date(epoch),
  })
  return (await engine.verify()).result
}

test('a chain to a pinned key is valid until its first certificate ends', () => {
  expect(verify([leaf, authority])).toEqual({
    expiresAt: after(epoch, days(10)),
    issuedAt: after(epoch, days(-1)),
    leafKey: parseEcKey(keyOf(leaf)),
  })
  const short = link('leaf', authority, { pathLength: null, notAfter: after(epoch, days(1)) })
  expect(verify([short, authority])).toMatchObject({ expiresAt: after(epoch, days(1)) })
  const lately = link('leaf', authority, { pathLength: null, notBefore: epoch })
  expect(verify([lately, authority])).toMatchObject({ issuedAt: epoch })
})

test('any of several pinned keys may stand above the chain', () => {
  const anchors = [keyOf(leaf), keyOf(root)]
  expect(isRefusal(verify([leaf, authority], { anchors }))).toBe(false)
  expect(verify([leaf, authority], { anchors: [] })).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
})

test('an authority found good once is not good under another key or with another signature', () => {
  expect(isRefusal(verify([leaf, authority]))).toBe(false)
  expect(verify([leaf, authority], { anchors: [keyOf(link('root', null))] })).toMatchObject({
    code: 'UNKNOWN_ANCHOR',
  })
  const [end, middle] = [leaf, authority].map(({ der }) => parseCertificate(der))
  const last = middle!.signature.length - 1
  const bent = { ...middle!, signature: middle!.signature.with(last, middle!.signature[last]! ^ 1) }
  const request = { anchors: [keyOf(root)], now: epoch }
  expect(verifyChain({ ...request, chain: [end!, bent] })).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
  expect(isRefusal(verifyChain({ ...request, chain: [end!, middle!] }))).toBe(false)
})

test('a chain of P-256 keys is as good', () => {
  const other = link('root', null, { pathLength: 1, curve: 'P-256' })
  const middle = link('authority', other, { curve: 'P-256' })
  const end = link('leaf', middle, { pathLength: null, curve: 'P-256' })
  expect(verify([end, middle], { anchors: [keyOf(other)] })).toMatchObject({
    leafKey: { curve: 'P-256' },
  })
})

const impostor = link('root', null, { pathLength: 3 })
const unknown = { oid: '2a0304', critical: true, value: new Uint8Array([5, 0]) }
const inner = link('inner', link('authority', root), { pathLength: null })
const middles = [link('upper', root, { pathLength: 0 })]
middles.unshift(link('lower', middles[0]!, { pathLength: 0 }))

test.each<[string, string, readonly Link[]]>([
  [
    'a root of the same name with another key',
    'UNKNOWN_ANCHOR',
    [link('leaf', impostor, { pathLength: null })],
  ],
  ['a leaf that signs itself', 'UNKNOWN_ANCHOR', [link('leaf', null, { pathLength: null })]],
  ['a leaf whose authority is missing', 'UNKNOWN_ANCHOR', [leaf]],
  ['an authority of the right name with another key', 'CHAIN_INVALID', [inner, authority]],
  [
    'an issuer that is no authority',
    'CHAIN_INVALID',
    [link('evil', leaf, { pathLength: null }), leaf, authority],
  ],
  [
    'a longer path than its authority allows',
    'CHAIN_INVALID',
    [link('leaf', middles[0]!, { pathLength: null }), ...middles],
  ],
  ['an authority as a leaf', 'CHAIN_INVALID', [authority]],
  [
    'an unknown critical extension',
    'CHAIN_INVALID',
    [link('leaf', authority, { pathLength: null, extensions: [unknown] }), authority],
  ],
  [
    'names that do not meet',
    'CHAIN_INVALID',
    [link('leaf', { ...authority, name: 'other' }, { pathLength: null }), authority],
  ],
  ['certificates in the wrong order', 'CHAIN_INVALID', [authority, leaf]],
  [
    'an ended authority',
    'EVIDENCE_EXPIRED',
    [
      link('leaf', link('old', root), { pathLength: null }),
      link('old', root, { notAfter: after(epoch, days(-0.5)) }),
    ],
  ],
  [
    'an ended leaf',
    'EVIDENCE_EXPIRED',
    [link('leaf', authority, { pathLength: null, notAfter: after(epoch, days(-0.5)) }), authority],
  ],
  [
    'a leaf that has not begun',
    'EVIDENCE_NOT_YET_VALID',
    [link('leaf', authority, { pathLength: null, notBefore: after(epoch, days(1)) }), authority],
  ],
])('%s is refused', (_, code, chain) => {
  expect(verify(chain)).toMatchObject({ code })
})

test('an empty chain is invalid', () => {
  expect(verify([])).toMatchObject({ code: 'CHAIN_INVALID' })
})

const bits = (...set: number[]): boolean[] => Array.from({ length: 8 }, (_, i) => set.includes(i))

test.each<[string, string, number, Partial<Certificate>]>([
  [
    'an authority that may not sign certificates',
    'the issuer may not sign certificates',
    1,
    { keyUsage: bits(0, 6) },
  ],
  [
    'an authority without key usage',
    'the issuer may not sign certificates',
    1,
    { keyUsage: undefined },
  ],
  [
    'an issuer with the key usage of an authority that is none',
    'the issuer is not an authority',
    1,
    { isAuthority: false },
  ],
  ['a leaf that may not sign', 'the leaf may not sign', 0, { keyUsage: bits(5) }],
  ['a leaf without key usage', 'the leaf may not sign', 0, { keyUsage: undefined }],
])('%s is refused', (_, reason, place, change) => {
  const chain = [leaf, authority].map(({ der }) => parseCertificate(der))
  const bent = chain.with(place, { ...chain[place]!, ...change })
  expect(verifyChain({ chain: bent, anchors: [keyOf(root)], now: epoch })).toEqual({
    code: 'CHAIN_INVALID',
    facts: { reason, certificate: place },
  })
})

test('key usage reads as it was written', () => {
  expect(parseCertificate(leaf.der).keyUsage).toEqual(bits(0))
  expect(parseCertificate(authority.der).keyUsage).toEqual(bits(5))
})

test('whatever this validator accepts, pkijs accepts', async () => {
  const long = [link('upper', root, { pathLength: 1 })]
  long.unshift(link('lower', long[0]!))
  long.unshift(link('leaf', long[0]!, { pathLength: null }))
  for (const chain of [[leaf, authority], long]) {
    expect(isRefusal(verify(chain))).toBe(false)
    expect(await pkijsAccepts(chain)).toBe(true)
  }
})

test('what pkijs refuses, this validator refuses', async () => {
  // A path that is too long is not among them: pkijs 4.0.0 accepts it, RFC 5280 §4.2.1.9 does not.
  const refused = [
    [link('leaf', impostor, { pathLength: null })],
    [link('evil', leaf, { pathLength: null }), leaf, authority],
    [link('leaf', authority, { pathLength: null, notAfter: after(epoch, days(-0.5)) }), authority],
  ]
  for (const chain of refused) {
    expect(await pkijsAccepts(chain)).toBe(false)
    expect(isRefusal(verify(chain))).toBe(true)
  }
})

test('certificates read as node:crypto reads them', () => {
  for (const each of [leaf, authority, root]) {
    const ours = parseCertificate(each.der)
    const theirs = new X509Certificate(each.der)
    expect(ours.isAuthority).toBe(theirs.ca)
    expect(ours.notBefore).toBe(Date.parse(theirs.validFrom))
    expect(ours.notAfter).toBe(Date.parse(theirs.validTo))
    const spki = theirs.publicKey.export({ format: 'der', type: 'spki' })
    expect(toHex(ours.publicKey)).toBe(toHex(spki))
  }
})

test('years before 2000 and after 2049 read alike in both forms of time', () => {
  const utc = (text: string): Certificate =>
    parseCertificate(swap(leaf.der, validityOf(leaf), timesOf(0x17, text)))
  expect(new Date(utc('491231235959Z').notAfter).toISOString()).toBe('2049-12-31T23:59:59.000Z')
  expect(new Date(utc('500101000000Z').notAfter).toISOString()).toBe('1950-01-01T00:00:00.000Z')
})

test.each<[string, (der: Uint8Array) => Uint8Array]>([
  ['nothing', () => new Uint8Array()],
  ['a byte too many', der => concatBytes(der, Uint8Array.of(0))],
  ['a byte too few', der => der.subarray(0, -1)],
  [
    'a length that is longer than needed',
    der => concatBytes(Uint8Array.of(0x30, 0x83, 0), der.subarray(2)),
  ],
  [
    'an indefinite length',
    der => concatBytes(Uint8Array.of(0x30, 0x80), der.subarray(4), Uint8Array.of(0, 0)),
  ],
  ['TRUE in another spelling', der => replaceHex(der, '0101ff', '010101')],
  ['key usage with a wrong length', der => replaceHex(der, '03020780', '03030780')],
  ['key usage with eight unused bits', der => replaceHex(der, '03020780', '03020880')],
  ['version 2', der => replaceHex(der, 'a003020102', 'a003020101')],
  ['a negative serial number', der => replaceHex(der, '021040', '021080')],
  [
    'a padded serial number',
    der => Uint8Array.from(Buffer.from(toHex(der).replace(/021040../, '02100001'), 'hex')),
  ],
  [
    'a signature with RSA',
    der => replaceHex(der, '06082a8648ce3d040303', '06092a864886f70d010102'),
  ],
  [
    'two signature algorithms',
    der => replaceHex(der, '06082a8648ce3d040303', '06082a8648ce3d040302'),
  ],
  ['an extension twice', der => replaceHex(der, '551d0f', '551d13')],
  ['February 30', der => swap(der, validityOf(leaf), timesOf(0x18, '20260230000000Z'))],
  ['a time without seconds', der => swap(der, validityOf(leaf), timesOf(0x17, '2602010000Z'))],
  ['a time with a zone', der => swap(der, validityOf(leaf), timesOf(0x17, '2602010000+0100'))],
])('%s is not a certificate', (_, bend) => {
  expect(() => parseCertificate(bend(leaf.der))).toThrow(PeerFault)
})

const shared = fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))
const documents = `${process.env['COTERIE_VECTORS'] ?? shared}/nitro`

test.skipIf(!existsSync(documents)).each([
  ['base-2024-02.cose', '2024-02-26T07:02:01Z'],
  ['dstack-2025-12.cose', '2025-12-25T13:15:37Z'],
  ['evervault-2022-10.cose', '2022-10-13T08:58:02Z'],
])('the chain of a real Nitro document holds at its time and not a day later: %s', (file, at) => {
  const { leaf: nitroLeaf, bundle } = nitroChain(readFileSync(`${documents}/${file}`))
  const [nitroRoot, ...below] = bundle.map(parseCertificate)
  const chain = [parseCertificate(nitroLeaf), ...below.toReversed()]
  const anchors = [nitroRoot!.publicKey]
  const pinned = vendorAnchors.find(anchor => anchor.platform === 'nitro')
  expect(toHex(sha256(nitroRoot!.publicKey))).toBe(pinned?.keyDigest)
  const now = timestamp(Date.parse(at))
  expect(verifyChain({ chain, anchors, now })).toMatchObject({ leafKey: { curve: 'P-384' } })
  const late = after(now, days(1))
  expect(verifyChain({ chain, anchors, now: late })).toMatchObject({ code: 'EVIDENCE_EXPIRED' })
  expect(verifyChain({ chain, anchors: [keyOf(root)], now })).toMatchObject({
    code: 'UNKNOWN_ANCHOR',
  })
})

test('bytes that are no certificate throw PeerFault and nothing else', () => {
  const isFault = (bytes: Uint8Array): boolean => {
    try {
      parseCertificate(bytes)
      return true
    } catch (error) {
      return error instanceof PeerFault
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isFault))
  const place = fc.nat(leaf.der.length - 1)
  const splice = fc.tuple(place, fc.nat(20), fc.uint8Array({ maxLength: 20 }))
  const bent = splice.map(([at, count, bytes]) =>
    Uint8Array.from([...leaf.der].toSpliced(at, count, ...bytes)),
  )
  fc.assert(fc.property(bent, isFault), { numRuns: 1_000 })
})

test('keys that are compressed, of other curves or with other parameters are refused', () => {
  const spki = toHex(keyOf(leaf))
  for (const [from, to] of [
    ['2b81040022', '2b81040023'],
    ['2a8648ce3d0201', '2a8648ce3d0202'],
    ['036200', '036201'],
  ] as const) {
    const bent = Uint8Array.from(Buffer.from(spki.replace(from, to), 'hex'))
    expect(() => parseEcKey(bent)).toThrow(PeerFault)
  }
})

test('an issued certificate of a hundred years keeps its dates', () => {
  const { publicKey, privateKey } = root
  const notAfter = after(epoch, days(36_525))
  const der = issueCertificate({
    subject: 'x',
    publicKey,
    issuer: { name: 'x', privateKey },
    notBefore: epoch,
    notAfter,
    pathLength: null,
  })
  expect(parseCertificate(der).notAfter).toBe(notAfter)
})

function replaceHex(der: Uint8Array, from: string, to: string): Uint8Array {
  const hex = toHex(der)
  if (!hex.includes(from)) throw new Error(`${from} is not in the certificate`)
  return Uint8Array.from(Buffer.from(hex.replace(from, to), 'hex'))
}

/** The sequence of both times in a certificate, which are GeneralizedTime when issued here. */
function validityOf({ der }: Link): string {
  return /3022(180f[0-9a-f]{30}){2}/.exec(toHex(der))?.[0] ?? ''
}

/** A validity whose two times are both `text`. */
function timesOf(tag: number, text: string): string {
  const time = [tag, text.length, ...Buffer.from(text)]
  const content = [...time, ...time]
  return Buffer.from([0x30, content.length, ...content]).toString('hex')
}

/** Swaps a part of the body for another of any length, lengths above it mended. */
function swap(der: Uint8Array, from: string, to: string): Uint8Array {
  const delta = (to.length - from.length) / 2
  const bent = replaceHex(der, from, to)
  const view = new DataView(bent.buffer)
  view.setUint16(2, view.getUint16(2) + delta)
  view.setUint16(6, view.getUint16(6) + delta)
  return bent
}

/** Certificates of a COSE_Sign1 attestation document: leaf, and root to issuer. */
function nitroChain(cose: Uint8Array): { leaf: Uint8Array; bundle: Uint8Array[] } {
  const [, , signed] = decode(cose, { useMaps: true }) as Uint8Array[]
  const payload = decode(signed!, { useMaps: true }) as Map<string, unknown>
  const plain = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
  return {
    leaf: plain(payload.get('certificate') as Uint8Array),
    bundle: (payload.get('cabundle') as Uint8Array[]).map(plain),
  }
}
