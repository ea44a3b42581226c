import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { verifyEcdsa } from '../../../src/crypto/ecdsa.ts'
import {
  QuorumKeys,
  quorumKeyBytes,
  quorumPurposes,
  signingPoint,
} from '../../../src/crypto/quorum-keys.ts'

const filled = (byte: number): Secret => new Secret(new Uint8Array(32).fill(byte))
const keysOf = (byte: number): QuorumKeys => {
  const keys = QuorumKeys.of(filled(byte))
  if (keys === undefined) throw new Error('no keys come out of this seed')
  return keys
}

test('one seed gives one public key for ever', () => {
  const { publicKey } = keysOf(7)
  expect(publicKey).toHaveLength(quorumKeyBytes)
  expect(toHex(publicKey.subarray(0, 1))).toBe('04')
  expect(keysOf(7).publicKey).toEqual(publicKey)
  expect(keysOf(8).publicKey).not.toEqual(publicKey)
})

test('what the quorum signs, its public key verifies, and no other does', () => {
  const keys = keysOf(7)
  const message = utf8('an act')
  const signed = { curve: 'P-256', format: 'raw', message, signature: keys.sign(message) } as const
  expect(verifyEcdsa({ ...signed, publicKey: signingPoint(keys.publicKey) })).toBe(true)
  expect(verifyEcdsa({ ...signed, publicKey: signingPoint(keysOf(8).publicKey) })).toBe(false)
  // The point to encrypt to signs nothing.
  expect(verifyEcdsa({ ...signed, publicKey: keys.publicKey.subarray(0, 65) })).toBe(false)
})

test('keys of two purposes, or of two contexts of one, are never the same', () => {
  const keys = keysOf(7)
  const contexts = ['', 'a', 'b', 'ab'].map(utf8)
  const all = quorumPurposes.flatMap(purpose =>
    contexts.map(context => keys.derive(purpose, context).use(toHex)),
  )
  expect(new Set(all).size).toBe(quorumPurposes.length * contexts.length)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
      const same = keys.derive('mnemonic', a).use(toHex) === keys.derive('mnemonic', b).use(toHex)
      expect(same).toBe(toHex(a) === toHex(b))
    }),
  )
})

test('wiped keys are never used', () => {
  const keys = keysOf(7)
  keys[Symbol.dispose]()
  expect(() => keys.sign(utf8('x'))).toThrow()
  expect(() => keys.derive('mnemonic', utf8('x'))).toThrow()
})
