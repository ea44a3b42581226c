import { ml_kem768 as mlKem } from '@noble/post-quantum/ml-kem.js'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import fips203 from '../../vectors/fips203.json' with { type: 'json' }
import rfc5869 from '../../vectors/rfc5869.json' with { type: 'json' }
import rfc7748 from '../../vectors/rfc7748.json' with { type: 'json' }
import rfc8032 from '../../vectors/rfc8032.json' with { type: 'json' }
import xWing from '../../vectors/xwing.json' with { type: 'json' }
import { bytesOf } from './hex.ts'
import { cryptoOn, exportsOf, platforms, primitives } from './twins.ts'

test.each(primitives)('both twins of %s export the same names', async name => {
  expect(await exportsOf(name, 'node')).toEqual(await exportsOf(name, 'web'))
})

test.each(platforms)('these tests really run the twins of %s', async platform => {
  await cryptoOn(platform)
  const used = await import('#crypto/sign')
  const twin = await import(`../../../src/crypto/sign.${platform}.ts`)
  expect(used.verifyStrict).toBe(twin.verifyStrict)
})

describe.each(platforms)('on %s', async platform => {
  const crypto = await cryptoOn(platform)
  const secretOf = (hex: string): InstanceType<typeof crypto.Secret> =>
    new crypto.Secret(bytesOf(hex))

  test.each(rfc8032.vectors)('Ed25519 gives the figures of RFC 8032, $name', vector => {
    using key = new crypto.SigningKey(secretOf(vector.seed))
    const message = bytesOf(vector.message)
    const [publicKey, signature] = [bytesOf(vector.publicKey), bytesOf(vector.signature)]
    expect(key.publicKey).toEqual(publicKey)
    expect(key.sign(message)).toEqual(signature)
    expect(crypto.verifySignature({ publicKey, message, signature })).toBe(true)
  })

  test.each(rfc7748.vectors)('X25519 gives the figures of RFC 7748, $name', vector => {
    using key = new crypto.AgreementKey(secretOf(vector.secretKey))
    expect(key.agree(bytesOf(vector.publicKey))?.use(toHex)).toBe(vector.shared)
  })

  test.each(rfc5869.vectors)('HKDF gives the figures of RFC 5869, $name', vector => {
    const length = vector.okm.length / 2
    const options = { salt: bytesOf(vector.salt), info: bytesOf(vector.info), length }
    expect(crypto.deriveSecret(secretOf(vector.ikm), options).use(toHex)).toBe(vector.okm)
  })

  test.each(xWing.vectors)('X-Wing gives the figures of its draft, $name', vector => {
    using key = new crypto.KemKey(secretOf(vector.seed))
    expect(toHex(key.publicKey)).toBe(vector.publicKey)
    const made = crypto.encapsulate(key.publicKey, bytesOf(vector.entropy))
    expect(made === undefined ? '' : toHex(made.ciphertext)).toBe(vector.ciphertext)
    expect(made?.shared.use(toHex)).toBe(vector.shared)
    expect(key.decapsulate(bytesOf(vector.ciphertext))?.use(toHex)).toBe(vector.shared)
  })
})

test.each(fips203.vectors)('ML-KEM gives the figures of FIPS 203, $name', vector => {
  const made = mlKem.encapsulate(bytesOf(vector.encapsulationKey), bytesOf(vector.message))
  expect(toHex(made.cipherText)).toBe(vector.ciphertext)
  expect(toHex(made.sharedSecret)).toBe(vector.shared)
  const shared = mlKem.decapsulate(bytesOf(vector.ciphertext), bytesOf(vector.decapsulationKey))
  expect(toHex(shared)).toBe(vector.shared)
})

test('SHA-2 gives the figures of FIPS 180-4 for "abc" on both platforms', async () => {
  const abc = bytesOf('616263')
  for (const platform of platforms) {
    const { sha256, sha384, sha512 } = await cryptoOn(platform)
    expect(toHex(sha256(abc))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    expect(toHex(sha384(abc))).toBe(
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    )
    expect(toHex(sha512(abc))).toBe(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    )
  }
})
