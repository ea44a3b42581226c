/** One rule broken at a time: every document here is signed anew, so nothing but the rule refuses it. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Checks } from '../../../../src/attestation/checks.ts'
import { nitroAppraiser } from '../../../../src/attestation/nitro/verify.ts'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { epoch } from '../../../fixtures/network.ts'
import {
  authority,
  elsewhere,
  forged,
  userData,
  verify,
  withField,
  withFieldMore,
  withoutFields,
} from '../../../fixtures/nitro.ts'
import * as cbor from '../../../forge/cbor.ts'
import type { NitroRequest } from '../../../forge/nitro.ts'

describe('refused', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const p256 = { publicKey }
  const impostor = { name: authority.issuer.name, privateKey: other.privateKey }
  const [root = new Uint8Array(), issuer = new Uint8Array()] = authority.cabundle
  const [foreignRoot = new Uint8Array(), foreignIssuer = new Uint8Array()] = elsewhere.cabundle
  const zeros = (length: number): Uint8Array => new Uint8Array(length)
  const short = cbor.bytes(zeros(95))
  const sha256 = cbor.text('SHA256')
  const unprotected = 'an unprotected header that is not empty'
  const algorithm = 'the algorithm is not ES384'
  const es256 = Uint8Array.of(0xa1, 0x01, 0x26)
  const es512 = Uint8Array.of(0xa1, 0x01, 0x38, 0x23)
  const keyId = Uint8Array.of(0xa1, 0x04, 0x40)
  const withKeyId = Uint8Array.of(0xa2, 0x01, 0x38, 0x22, 0x04, 0x40)
  const emptyList = (): Uint8Array => cbor.list([])
  const prolonged = (payload: Uint8Array): Uint8Array => Uint8Array.of(...payload, 0)
  const part = (place: number, value: Uint8Array): NitroRequest => ({
    parts: parts => parts.with(place, value),
  })

  const refusals: readonly [string, string, string, NitroRequest][] = [
    ['three parts', 'form', 'not the four parts of COSE_Sign1', { parts: parts => parts.slice(1) }],
    ['a header outside of the signature', 'form', unprotected, part(1, keyId)],
    ['a list for that header', 'form', unprotected, part(1, cbor.list([]))],
    ['no payload', 'form', 'no header or no payload', part(2, cbor.nothing)],
    ['a short signature', 'form', 'a signature of other than 96 bytes', part(3, short)],
    ['ES256', 'algorithm', algorithm, { protectedHeader: es256 }],
    ['ES512', 'algorithm', algorithm, { protectedHeader: es512 }],
    ['no algorithm', 'algorithm', algorithm, { protectedHeader: cbor.map([]) }],
    ['more than the algorithm', 'algorithm', algorithm, { protectedHeader: withKeyId }],
    ['a payload that is a list', 'fields', 'the payload is not a map', { payload: emptyList }],
    ['bytes after the payload', 'fields', 'CBOR_TRAILING', { payload: prolonged }],
    ['an unknown field', 'fields', 'an unknown field', withFieldMore('more')],
    ['a field twice', 'fields', 'CBOR_NOT_CANONICAL', withFieldMore('nonce')],
    ['no digest', 'fields', 'no digest', withoutFields('digest')],
    ['an empty module_id', 'fields', 'module_id', withField('module_id', cbor.text(''))],
    ['a digest of SHA256', 'fields', 'a digest other than SHA384', withField('digest', sha256)],
    ['a time that is a text', 'fields', 'timestamp', withField('timestamp', cbor.text('1'))],
    ['a time after year 9999', 'fields', 'timestamp', withField('timestamp', cbor.number(3e14))],
    ['no registers', 'fields', 'pcrs', withField('pcrs', cbor.map([]))],
    ['no PCR0', 'fields', 'no PCR0, PCR1 or PCR2', { pcrs: { 0: null } }],
    ['no PCR1', 'fields', 'no PCR0, PCR1 or PCR2', { pcrs: { 1: null } }],
    ['PCR32', 'fields', 'the index of a PCR', { pcrs: { 32: zeros(48) } }],
    ['a register of 47 bytes', 'fields', 'the length of a PCR', { pcrs: { 5: zeros(47) } }],
    ['no certificate', 'fields', 'certificate', withField('certificate', cbor.bytes(zeros(0)))],
    [
      '1025 bytes of it',
      'fields',
      'certificate',
      withField('certificate', cbor.bytes(zeros(1025))),
    ],
    ['an empty bundle', 'fields', 'cabundle', { cabundle: () => [] }],
    ['nine authorities', 'fields', 'cabundle', { cabundle: () => Array(9).fill(root) }],
    ['too much user data', 'fields', 'user_data', { userData: zeros(513) }],
    ['too long a nonce', 'fields', 'nonce', { nonce: zeros(513) }],
    ['too long a key', 'fields', 'public_key', { publicKey: zeros(1025) }],
    ['a nonce that is a text', 'fields', 'nonce', withField('nonce', cbor.text('1'))],
    [
      'a module of no instance',
      'instance',
      'INSTANCE_MISMATCH',
      withField('module_id', cbor.text('nsm')),
    ],
    ['PCR4 of another instance', 'instance', 'INSTANCE_MISMATCH', { pcrs: { 4: zeros(48) } }],
    [
      'a leaf that is none',
      'certificates',
      'BAD_CERTIFICATE',
      withField('certificate', cbor.bytes(userData)),
    ],
    [
      'an authority that is none',
      'certificates',
      'BAD_CERTIFICATE',
      { cabundle: () => [root, userData] },
    ],
    [
      'a root that is not pinned',
      'root',
      'UNKNOWN_ANCHOR',
      { cabundle: () => [foreignRoot, issuer] },
    ],
    ['a bundle upside down', 'root', 'UNKNOWN_ANCHOR', { cabundle: all => all.toReversed() }],
    ['a bundle without the issuer', 'chain', 'UNKNOWN_ANCHOR', { cabundle: () => [root] }],
    [
      'a chain of another root',
      'chain',
      'UNKNOWN_ANCHOR',
      { cabundle: () => [root, foreignIssuer] },
    ],
    [
      'authorities out of order',
      'chain',
      'issuer and subject differ',
      { cabundle: all => [...all, root] },
    ],
    [
      'a leaf that is an authority',
      'chain',
      'the leaf is an authority',
      { leaf: { pathLength: 0 } },
    ],
    ['a leaf of another issuer', 'chain', 'a signature is wrong', { leaf: { issuer: impostor } }],
    ['another signer', 'document-signature', 'SIGNATURE_INVALID', { signer: other.privateKey }],
    ['a leaf key on another curve', 'document-signature', 'SIGNATURE_INVALID', { leaf: p256 }],
  ]
  test.each(refusals)('%s, at the check %s, as %s', (_, check, why, request) => {
    const verification = verify(forged(request))
    if (verification.kind !== 'refused') throw new Error(verification.kind)
    const { code, facts } = verification.refusal
    expect(verification.check).toBe(check)
    expect([code, facts['reason']]).toContain(why)
  })

  test('more than 16 KiB, before anything is read', () => {
    const checks = new Checks()
    const body = concatBytes(forged(), new Uint8Array(16_385))
    const refusal = { code: 'EVIDENCE_TOO_LARGE', facts: { bytesMax: 16_384 } }
    expect(verify(body, epoch, { checks })).toMatchObject({ check: 'size', refusal })
    expect(checks.passed).toEqual([])
    expect(nitroAppraiser.fieldsOf(body)).toBeUndefined()
  })

  test('an envelope without its length, and one in another tag', () => {
    const body = forged()
    const open = Uint8Array.of(0x9f, ...body.subarray(1), 0xff)
    const refusal = { facts: { reason: 'CBOR_NOT_CANONICAL' } }
    expect(verify(open)).toMatchObject({ check: 'form', refusal })
    for (const tag of [0xd1, 0xd3]) {
      const tagged = Uint8Array.of(tag, ...body)
      expect(verify(tagged)).toMatchObject({ refusal: { facts: { reason: 'CBOR_TYPE' } } })
    }
    expect(verify(Uint8Array.of(0xd2, 0xd2, ...body)).kind).toBe('refused')
  })

  test('a signature over another payload', () => {
    const [one, two] = [forged(), forged({ nonce: userData })]
    const signature = two.slice(-96)
    expect(verify(concatBytes(one.slice(0, -96), signature))).toMatchObject({
      check: 'document-signature',
    })
  })
})
