import { expect, test } from 'vitest'
import { type BinderInput, binder } from '../../../src/attestation/binder.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { type Digest, digestOf, type NetworkId } from '../../../src/base/ids.ts'

const bytes = (n: number, length = 32): Uint8Array => new Uint8Array(length).fill(n)
const digest = (n: number): Digest => digestOf(bytes(n))

const input: BinderInput = {
  purpose: 'handshake',
  network: digest(1) as string as NetworkId,
  protocol: '/coterie/member/1',
  prover: 'initiator',
  manifest: digest(2),
  initiator: { identity: bytes(3), noise: bytes(4), challenge: bytes(5) },
  responder: { identity: bytes(6), noise: bytes(7), challenge: bytes(8) },
  handshakeHash: bytes(9),
  evidence: digest(10),
  kem: bytes(11, 1216),
}

const side = (name: 'initiator' | 'responder', change: object): BinderInput => ({
  ...input,
  [name]: { ...input[name], ...change },
})

test('the binder of a known input is fixed for ever', () => {
  // Computed with Python's hashlib from the length-prefixed parts, apart from this code.
  expect(toHex(binder(input))).toBe(
    '0294ed529a487cd30dd59186ed0fdd35b3558529e21a76838cf93970aae4cdcd6f6feb1f22a00ebac6b17b22422830de3f135988ede0a8d073875da7605c76d5',
  )
})

test('every part of the input changes the binder', () => {
  const changed: BinderInput[] = [
    { ...input, purpose: 'step-up' },
    { ...input, purpose: 're-attest' },
    { ...input, purpose: 'release' },
    { ...input, network: digest(99) as string as NetworkId },
    { ...input, protocol: '/coterie/light/1' },
    { ...input, prover: 'responder' },
    { ...input, manifest: digest(99) },
    side('initiator', { identity: bytes(99) }),
    side('initiator', { noise: bytes(99) }),
    side('initiator', { challenge: bytes(99) }),
    side('responder', { identity: bytes(99) }),
    side('responder', { noise: bytes(99) }),
    side('responder', { challenge: bytes(99) }),
    { ...input, handshakeHash: bytes(99) },
    { ...input, evidence: digest(99) },
    { ...input, kem: bytes(99, 1216) },
  ]
  const all = [input, ...changed].map(each => toHex(binder(each)))
  expect(new Set(all).size).toBe(changed.length + 1)
})

test('a proof shown back to its maker does not hold: sides and prover are told apart', () => {
  const { initiator, responder } = input
  const mirrored = { ...input, initiator: responder, responder: initiator }
  expect(toHex(binder(mirrored))).not.toBe(toHex(binder(input)))
  const reflected = { ...mirrored, prover: 'responder' } as const
  expect(toHex(binder(reflected))).not.toBe(toHex(binder(input)))
})

test('parts of another length are a bug of the caller', () => {
  expect(() => binder(side('initiator', { identity: bytes(3, 31) }))).toThrow('identity key')
  expect(() => binder(side('responder', { noise: bytes(3, 33) }))).toThrow('Noise static key')
  expect(() => binder(side('responder', { challenge: bytes(3, 0) }))).toThrow('challenge')
  expect(() => binder({ ...input, handshakeHash: bytes(9, 64) })).toThrow('handshake hash')
})
