import fc from 'fast-check'
import * as pkijs from 'pkijs'
import { describe, expect, test } from 'vitest'
import {
  brokenList,
  type ListIssuer,
  parseRevocationList,
  type RevocationList,
  readRevocationList,
} from '../../../src/attestation/revocation-list.ts'
import { amdName } from '../../../src/attestation/sev-snp/products.ts'
import { vendorKeysOf } from '../../../src/attestation/vendor-keys.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { after, days, seconds, type Timestamp, timestamp } from '../../../src/base/time.ts'
import { epoch } from '../../fixtures/network.ts'
import { absence, areVectorsAbsent, vectorBytes } from '../../fixtures/vectors.ts'
import { der, extension, hexBytes, integer, sequence, truth } from '../../forge/der.ts'
import { type CrlRequest, makeSnpAuthority, snpCrl } from '../../forge/sev-snp.ts'

const authority = makeSnpAuthority(epoch)
const issuer = { name: amdName('ARK-Milan'), publicKey: authority.rootKey }
const list = (request: CrlRequest = {}): Uint8Array => snpCrl(authority, request)
const judge = (bytes: Uint8Array, now: Timestamp = epoch) =>
  brokenList(parseRevocationList(bytes), issuer, now)

/** What was read, or nothing for a fault of whoever wrote it. */
function readIfStrict(bytes: Uint8Array): RevocationList | undefined {
  try {
    return parseRevocationList(bytes)
  } catch (error) {
    if (error instanceof PeerFault) return undefined
    throw error
  }
}

test('a list says who is revoked, from when and until when', () => {
  const revoked = ['01', '00', '8000', '7fffffffffffffffffffffffffffffffffffffff']
  const read = parseRevocationList(list({ revoked }))
  expect(read).toMatchObject({ issuer: issuer.name, algorithm: 'RSASSA-PSS-SHA-384' })
  expect(read.revoked.size).toBe(revoked.length)
  for (const serial of revoked) expect(read.revoked.has(serial)).toBe(true)
  for (const serial of ['02', '0001', '008000', '80', '7fff', 'xx', '']) {
    expect(read.revoked.has(serial)).toBe(false)
  }
  expect(read.thisUpdate).toBe(after(epoch, days(-1)))
  expect(read.nextUpdate).toBe(after(epoch, days(30)))
  expect(parseRevocationList(list()).revoked.size).toBe(0)
})

test('a list speaks for who signed it, from its first second to its last', () => {
  const nextUpdate = after(epoch, days(30))
  const bytes = list()
  expect(judge(bytes)).toBeUndefined()
  expect(judge(bytes, after(epoch, days(-1)))).toBeUndefined()
  expect(judge(bytes, nextUpdate)).toBeUndefined()
  expect(judge(bytes, after(nextUpdate, seconds(1)))).toMatchObject({ code: 'CRL_EXPIRED' })
  const before = after(epoch, days(-2))
  expect(judge(bytes, before)).toMatchObject({ code: 'CRL_NOT_YET_VALID' })
  const foreign = list({ issuerName: 'ARK-Genoa' })
  expect(judge(foreign)).toMatchObject({ code: 'CRL_FOREIGN' })
  const forged = list({ key: authority.issuer.privateKey })
  expect(judge(forged)).toMatchObject({ code: 'CRL_SIGNATURE_INVALID' })
})

describe('a list that was read', () => {
  test('is found again once it was found signed, and no other list is', () => {
    const [good, forged] = [list(), list({ key: authority.issuer.privateKey })]
    const read = readRevocationList(good)
    expect(readRevocationList(good)).not.toBe(read)
    expect(brokenList(read, issuer, epoch)).toBeUndefined()
    expect(readRevocationList(good.slice())).toBe(read)
    expect(brokenList(readRevocationList(forged), issuer, epoch)).toMatchObject({
      code: 'CRL_SIGNATURE_INVALID',
    })
    expect(readRevocationList(forged)).not.toBe(readRevocationList(forged))
  })

  test('is asked for its dates and its issuer again', () => {
    const bytes = list()
    expect(brokenList(readRevocationList(bytes), issuer, epoch)).toBeUndefined()
    const [otherKey = new Uint8Array()] = vendorKeysOf('sev-snp')
    const judgeKept = (by: ListIssuer, now = epoch) =>
      brokenList(readRevocationList(bytes), by, now)?.code
    expect(judgeKept(issuer, after(epoch, days(31)))).toBe('CRL_EXPIRED')
    expect(judgeKept({ ...issuer, publicKey: otherKey })).toBe('CRL_SIGNATURE_INVALID')
    expect(judgeKept({ ...issuer, name: amdName('ARK-Genoa') })).toBe('CRL_FOREIGN')
    expect(judgeKept(issuer)).toBeUndefined()
  })

  test('is not what somebody made of its bytes afterwards', () => {
    const bytes = list({ revoked: ['0102'] })
    const shown = bytes.slice()
    expect(brokenList(readRevocationList(shown), issuer, epoch)).toBeUndefined()
    shown.fill(0)
    expect(readRevocationList(bytes).revoked.has('0102')).toBe(true)
    expect(brokenList(readRevocationList(bytes), issuer, epoch)).toBeUndefined()
    expect(() => readRevocationList(shown)).toThrow(PeerFault)
  })
})

test('a list that was found signed by one key is not signed by another for that', () => {
  const read = parseRevocationList(list())
  expect(brokenList(read, issuer, epoch)).toBeUndefined()
  expect(brokenList(read, issuer, epoch)).toBeUndefined()
  const other = makeSnpAuthority(epoch, { isOther: true }).rootKey
  expect(brokenList(read, { ...issuer, publicKey: other }, epoch)).toMatchObject({
    code: 'CRL_SIGNATURE_INVALID',
  })
})

const critical = extension('551d1c', sequence(), true)
const explicitlyNot = sequence(
  der(0x06, hexBytes('551d14')),
  der(0x01, hexBytes('00')),
  der(0x04, integer('01')),
)
test.each<[string, CrlRequest]>([
  ['version 1', { version: '00' }],
  ['version 3', { version: '02' }],
  ['what must be understood', { extensions: [critical] }],
  ['a default that is spelled out', { extensions: [explicitlyNot] }],
  ['an extension without a value', { extensions: [sequence(der(0x06, hexBytes('551d14')))] }],
  [
    'an entry that may be of another issuer',
    { revoked: ['01'], entryExtensions: [extension('551d1d', sequence(), true)] },
  ],
  ['no number in an entry', { revoked: ['ff'.repeat(21)] }],
])('a list with %s is refused', (_, request) => {
  expect(readIfStrict(list(request))).toBeUndefined()
})

/** The parts of a list that is being changed: those of its body, then algorithm and signature. */
function rebuilt(change: (body: Uint8Array[]) => readonly Uint8Array[]): Uint8Array {
  const whole = list({ revoked: ['01'] })
  const [body = whole, ...rest] = partsOf(whole)
  return sequence(sequence(...change(partsOf(body))), ...rest)
}

/** Values inside of a value that is shorter than 64 KiB. */
function partsOf(value: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  const headerOf = (at: number) =>
    (value[at + 1] ?? 0) < 0x80 ? 2 : (value[at + 1] ?? 0) - 0x80 + 2
  const lengthOf = (at: number) => {
    const header = headerOf(at)
    const digits = toHex(
      header === 2 ? value.subarray(at + 1, at + 2) : value.subarray(at + 2, at + header),
    )
    return header + Number.parseInt(digits, 16)
  }
  for (let at = headerOf(0); at < value.length; at += lengthOf(at)) {
    parts.push(value.subarray(at, at + lengthOf(at)))
  }
  return parts
}

test('a list is refused with a part too many, too few or empty, and read with all of them', () => {
  const without = (place: number) => rebuilt(parts => parts.toSpliced(place, 1))
  expect(readIfStrict(rebuilt(parts => parts))?.revoked.size).toBe(1)
  // Version, algorithm, issuer, both dates.
  for (const place of [0, 1, 2, 3, 4]) expect(readIfStrict(without(place))).toBeUndefined()
  expect(readIfStrict(rebuilt(parts => [...parts, truth]))).toBeUndefined()
  expect(readIfStrict(rebuilt(parts => parts.toSpliced(5, 1, sequence())))).toBeUndefined()
  expect(
    readIfStrict(rebuilt(parts => parts.toSpliced(5, 1, sequence(sequence())))),
  ).toBeUndefined()
})

test('a list without extensions is one', () => {
  expect(readIfStrict(rebuilt(parts => parts.slice(0, 6)))?.revoked.size).toBe(1)
})

test('with any byte changed a list is no list, or of another, or not signed', () => {
  const whole = list({ revoked: ['0a0001', '0a0101'] })
  const believed: number[] = []
  for (const [i, byte] of whole.entries()) {
    const read = readIfStrict(whole.with(i, byte ^ (1 << (i % 8))))
    if (read !== undefined && brokenList(read, issuer, epoch) === undefined) believed.push(i)
  }
  expect(believed).toEqual([])
})

test('cut short anywhere or prolonged, a list is refused; so is one beyond 64 KiB', () => {
  const whole = list({ revoked: ['01'] })
  for (let length = 0; length < whole.length; length++) {
    expect(readIfStrict(whole.subarray(0, length))).toBeUndefined()
  }
  expect(readIfStrict(Uint8Array.of(...whole, 0))).toBeUndefined()
  const serials = Array.from({ length: 3_000 }, (_, i) => i.toString(16).padStart(8, '0'))
  expect(readIfStrict(list({ revoked: serials }))).toBeUndefined()
})

/** Serial numbers of a list as pkijs reads them, spelled as certificates here have them. */
function serialsOf({ revokedCertificates = [] }: pkijs.CertificateRevocationList): string[] {
  return revokedCertificates.map(({ userCertificate }) => {
    const hex = toHex(new Uint8Array(userCertificate.valueBlock.valueHexView))
    return hex.length > 2 && hex.startsWith('00') ? hex.slice(2) : hex
  })
}

/** A list as pkijs reads it, and whether it believes the signature. */
async function asPkijsReads(bytes: Uint8Array, root: Uint8Array) {
  const crl = pkijs.CertificateRevocationList.fromBER(Uint8Array.from(bytes))
  const certificate = pkijs.Certificate.fromBER(Uint8Array.from(root))
  return {
    revoked: serialsOf(crl),
    thisUpdate: crl.thisUpdate.value.getTime(),
    nextUpdate: crl.nextUpdate?.value.getTime(),
    isSigned: await crl.verify({ issuerCertificate: certificate }),
  }
}

describe('pkijs reads the same', () => {
  const serial = fc
    .uint8Array({ minLength: 1, maxLength: 18 })
    .map(bytes => toHex(bytes.map((byte, i) => (i === 0 ? byte || 1 : byte))))
  const request = fc.record({
    revoked: fc.uniqueArray(serial, { maxLength: 20 }),
    other: serial,
    isForged: fc.boolean(),
    begins: fc.integer({ min: -1_000, max: 1_000 }),
    lasts: fc.integer({ min: 1, max: 20_000 }),
  })

  test('of any list that is made', async () => {
    const property = fc.asyncProperty(
      request,
      async ({ revoked, other, isForged, begins, lasts }) => {
        const thisUpdate = after(epoch, days(begins))
        const nextUpdate = timestamp(thisUpdate + days(lasts))
        const key = isForged ? authority.issuer.privateKey : authority.root.privateKey
        const bytes = list({ revoked, thisUpdate, nextUpdate, key })
        const ours = parseRevocationList(bytes)
        const isSigned = brokenList(ours, issuer, thisUpdate) === undefined
        const theirs = await asPkijsReads(bytes, authority.ark)
        expect({
          ...{ revoked: theirs.revoked.filter(each => ours.revoked.has(each)), isSigned },
          ...{ thisUpdate: ours.thisUpdate, nextUpdate: ours.nextUpdate },
        }).toEqual(theirs)
        expect(ours.revoked.size).toBe(theirs.revoked.length)
        expect(ours.revoked.has(other)).toBe(revoked.includes(other))
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  test('of any that was changed and that we read at all', async () => {
    const whole = list({ revoked: ['0a0001', '0badc0de'] })
    const change = fc.record({
      at: fc.nat({ max: whole.length - 1 }),
      mask: fc.integer({ min: 1, max: 255 }),
    })
    const property = fc.asyncProperty(change, async ({ at, mask }) => {
      const bytes = whole.with(at, (whole[at] ?? 0) ^ mask)
      const ours = readIfStrict(bytes)
      if (ours === undefined) return
      const broken = brokenList(ours, issuer, epoch)
      expect(broken).toBeDefined()
      // A name is compared here and not read, so nonsense in it is the name of somebody else.
      if (broken?.code === 'CRL_FOREIGN') return
      const theirs = await asPkijsReads(bytes, authority.ark)
      expect(ours.revoked.size).toBe(theirs.revoked.length)
      for (const each of theirs.revoked) expect(ours.revoked.has(each)).toBe(true)
      expect(theirs.isSigned).toBe(false)
    })
    await fc.assert(property, { numRuns: 200 })
  })
})

describe.skipIf(areVectorsAbsent)(`published lists${absence}`, () => {
  const september = timestamp(Date.parse('2026-09-01T00:00:00Z'))
  const published = ['Milan', 'Genoa', 'Turin'].map((product, place) => ({ product, place }))
  test.each(published)(
    "AMD's of $product speaks for its root and for no other",
    async ({ product, place }) => {
      const bytes = vectorBytes(`roots/amd-crl-${product.toLowerCase()}.der`)
      const read = parseRevocationList(bytes)
      const keys = vendorKeysOf('sev-snp')
      const others = keys.filter((_, at) => at !== place)
      const name = amdName(`ARK-${product}`)
      expect(brokenList(read, { name, publicKey: keys[place] ?? name }, september)).toBeUndefined()
      for (const publicKey of others) {
        expect(brokenList(read, { name, publicKey }, september)).toMatchObject({
          code: 'CRL_SIGNATURE_INVALID',
        })
      }
      expect(read.revoked.size).toBe(product === 'Genoa' ? 1 : 0)
      expect(read.revoked.has('020001')).toBe(product === 'Genoa')
    },
  )

  const intel = ['root_ca_crl', 'pck_crl'].flatMap(file =>
    ['sgx/collateral/sgx-00606a000000-2023-01', 'tdx/collateral/tdx-90c06f000000-2026-02'].map(
      folder => ({ file: `${folder}/${file}.der` }),
    ),
  )
  test.each(intel)("Intel's $file names whom pkijs finds in it", ({ file }) => {
    const bytes = vectorBytes(file)
    const theirs = pkijs.CertificateRevocationList.fromBER(Uint8Array.from(bytes))
    const ours = parseRevocationList(bytes)
    const serials = serialsOf(theirs)
    expect(ours.revoked.size).toBe(serials.length)
    for (const serial of serials) expect(ours.revoked.has(serial)).toBe(true)
    expect(ours.nextUpdate).toBe(theirs.nextUpdate?.value.getTime())
  })
})
