import { expect, test } from 'vitest'
import { endorsementsIn } from '../../../src/attestation/endorsement-documents.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { link } from '../../fixtures/simulated.ts'

const certificate = link('leaf', null).der
const pem = (label: string, der: Uint8Array): Uint8Array =>
  utf8(`-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`)
/** The outline of a list of revoked certificates: a sequence whose first part begins with a version. */
const list = Uint8Array.of(0x30, 5, 0x30, 3, 2, 1, 1)

const kindOf = (path: string, bytes: Uint8Array): string | undefined =>
  endorsementsIn(path, bytes)[0]?.kind

test('an endorsement is known by its content, whatever its name says', () => {
  expect(kindOf('crl.der', certificate)).toBe('certificates')
  expect(kindOf('x', pem('CERTIFICATE', certificate))).toBe('certificates')
  expect(kindOf('vcek.der', list)).toBe('crl')
  expect(endorsementsIn('x', pem('X509 CRL', list))).toEqual([{ kind: 'crl', bytes: list }])
  expect(kindOf('qe_identity.json', utf8('{"tcbInfo":{},"signature":""}'))).toBe('tcb-info')
  expect(kindOf('x', utf8(' {"enclaveIdentity":{}}'))).toBe('qe-identity')
})

test('broken content stays what its name says, so that nothing is lost in silence', () => {
  const junk = Uint8Array.of(0x30, 1, 2)
  expect(kindOf('pck_crl.der', junk)).toBe('crl')
  expect(kindOf('/a/amd-crl-milan.der', new Uint8Array(0))).toBe('crl')
  expect(kindOf('crl.pem', utf8('-----BEGIN X509 CRL-----\nA\n-----END X509 CRL-----'))).toBe('crl')
  expect(kindOf('tcb_info.json', utf8('{'))).toBe('tcb-info')
  expect(kindOf('qe_identity.json', utf8('{"other":1}'))).toBe('qe-identity')
  expect(kindOf('ms.vcek.der', junk)).toBe('certificates')
  expect(kindOf('crl/notes.txt', junk)).toBeUndefined()
})

test('the certificate table of an SEV-SNP host is several endorsements', () => {
  const table = new Uint8Array(72 + certificate.length + list.length)
  const view = new DataView(table.buffer)
  const write = (at: number, guid: string, offset: number, bytes: Uint8Array): void => {
    table.set(Buffer.from(guid, 'hex'), at)
    view.setUint32(at + 16, offset, true)
    view.setUint32(at + 20, bytes.length, true)
    table.set(bytes, offset)
  }
  write(0, '63da758de6644564adc5f4b93be8accd', 72, certificate)
  write(24, '92f81bc358114d3d97ffd19f88dc67ea', 72 + certificate.length, list)
  const kinds = endorsementsIn('auxblob', table).map(({ kind }) => kind)
  expect(kinds).toEqual(['certificates', 'crl'])
  expect(endorsementsIn('auxblob', table.subarray(1))).toEqual([])
})
