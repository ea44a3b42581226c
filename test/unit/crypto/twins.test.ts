import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import { edgeCases } from './ed25519-edge.ts'
import { bytesOf } from './hex.ts'
import { cryptoOn, platforms } from './twins.ts'

const node = await cryptoOn('node')
const web = await cryptoOn('web')
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const payload = fc.uint8Array({ maxLength: 700 })
const runs = { numRuns: 25 }

test('both platforms hash alike', () => {
  fc.assert(
    fc.property(payload, bytes(32), (data, key) => {
      for (const name of ['sha256', 'sha384', 'sha512'] as const) {
        expect(node[name](data)).toEqual(web[name](data))
      }
      for (const twin of [node, web]) {
        const name = twin.framedHashHex('domain', key, data)
        expect(name).toBe(toHex(twin.sha256(twin.framed('domain', key, data))))
        expect(name).toBe(toHex(twin.framedHash('domain', key, data)))
      }
      expect(node.hmacSha256(key, data)).toEqual(web.hmacSha256(key, data))
    }),
    runs,
  )
})

test('both platforms seal alike and open each other', () => {
  fc.assert(
    fc.property(bytes(32), bytes(12), payload, payload, (key, nonce, aad, plaintext) => {
      const one = { key: new node.Secret(key.slice()), nonce, aad }
      const other = { key: new web.Secret(key.slice()), nonce, aad }
      const sealed = node.seal(one, plaintext)
      expect(web.seal(other, plaintext)).toEqual(sealed)
      expect(node.open(one, sealed)).toEqual(plaintext)
      expect(web.open(other, sealed)).toEqual(plaintext)
    }),
    runs,
  )
})

test('both platforms sign alike and judge changed signatures alike', () => {
  fc.assert(
    fc.property(bytes(32), payload, fc.nat(511), (seed, message, bit) => {
      const [one, other] = [
        new node.SigningKey(new node.Secret(seed.slice())),
        new web.SigningKey(new web.Secret(seed.slice())),
      ]
      expect(one.publicKey).toEqual(other.publicKey)
      const signature = one.sign(message)
      expect(other.sign(message)).toEqual(signature)
      const changed = signature.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      for (const { verifySignature } of [node, web]) {
        const { publicKey } = one
        expect(verifySignature({ publicKey, message, signature })).toBe(true)
        expect(verifySignature({ publicKey, message, signature: changed })).toBe(false)
      }
    }),
    runs,
  )
})

test('both platforms make the same P-256 keys, agree alike and verify each other', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), payload, (mine, theirs, message) => {
      const [a, b] = [node, web].map(twin => twin.P256Key.of(new twin.Secret(mine.slice())))
      const peer = node.P256Key.of(new node.Secret(theirs.slice()))
      if (a === undefined || b === undefined || peer === undefined) return expect(a).toBe(b)
      expect(a.publicKey).toEqual(b.publicKey)
      expect(a.agree(peer.publicKey)?.use(toHex)).toBe(b.agree(peer.publicKey)?.use(toHex))
      const off = peer.publicKey.slice()
      off[64] = (off[64] ?? 0) ^ 1
      for (const point of [off, off.subarray(1), new Uint8Array(65)]) {
        expect([a.agree(point), b.agree(point)]).toEqual([undefined, undefined])
      }
      for (const signer of [a, b]) {
        const signature = signer.sign(message)
        const signed = { curve: 'P-256', format: 'raw', publicKey: a.publicKey, message, signature }
        for (const { verifyEcdsa } of [node, web]) expect(verifyEcdsa(signed as never)).toBe(true)
      }
    }),
    runs,
  )
})

test('neither platform makes a P-256 key of zero or of the order of the curve', () => {
  const order = bytesOf('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  for (const { P256Key, Secret } of [node, web]) {
    for (const scalar of [new Uint8Array(32), order, new Uint8Array(32).fill(0xff)]) {
      const secret = new Secret(scalar.slice())
      expect(P256Key.of(secret)).toBeUndefined()
      expect(secret.isWiped).toBe(true)
    }
  }
})

test('both platforms agree and encapsulate alike, also for what is malformed', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), bytes(64), fc.nat(1119), (mine, theirs, entropy, at) => {
      const [a, b] = [
        new node.AgreementKey(new node.Secret(mine.slice())),
        new web.AgreementKey(new web.Secret(mine.slice())),
      ]
      expect(a.publicKey).toEqual(b.publicKey)
      expect(a.agree(theirs)?.use(toHex)).toBe(b.agree(theirs)?.use(toHex))
      const [k, l] = [
        new node.KemKey(new node.Secret(mine.slice())),
        new web.KemKey(new web.Secret(mine.slice())),
      ]
      const [made, also] = [
        node.encapsulate(k.publicKey, entropy),
        web.encapsulate(l.publicKey, entropy),
      ]
      expect(made?.ciphertext).toEqual(also?.ciphertext)
      const changed = made?.ciphertext.slice() ?? new Uint8Array()
      changed[at] = (changed[at] ?? 0) ^ 1
      const shared = k.decapsulate(changed)?.use(toHex)
      expect(shared).toBe(l.decapsulate(changed)?.use(toHex))
      expect(shared).not.toBe(made?.shared.use(toHex))
    }),
    { numRuns: 8 },
  )
})

/** A signature whose R carries a point of small order: the cofactored equation holds, the strict one not. */
function torsionedSignature(): {
  publicKey: Uint8Array
  message: Uint8Array
  signature: Uint8Array
} {
  const { Point } = ed25519
  const torsion = Point.fromBytes(
    bytesOf('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  )
  const [secret, nonce, message] = [1234567891011n, 998877665544332211n, utf8('torsion')]
  const publicKey = Point.BASE.multiply(secret).toBytes()
  const commitment = Point.BASE.multiply(nonce).add(torsion).toBytes()
  const hash = node.sha512(concatBytes(commitment, publicKey, message)).toReversed()
  const challenge = Point.Fn.create(BigInt(`0x${toHex(hash)}`))
  const response = Point.Fn.create(nonce + challenge * secret)
  const signature = concatBytes(commitment, bytesOf(hexOf(response)).toReversed())
  return { publicKey, message, signature }
}

const hexOf = (scalar: bigint): string => scalar.toString(16).padStart(64, '0')

describe.each(platforms)('on %s', async platform => {
  const crypto = await cryptoOn(platform)

  test('a signature that only the cofactored equation accepts is refused', () => {
    const signed = torsionedSignature()
    expect(ed25519.verify(signed.signature, signed.message, signed.publicKey)).toBe(true)
    expect(crypto.verifySignature(signed)).toBe(false)
  })

  test('every mix of small-order parts is judged by one rule', () => {
    for (const { name, signed, holds } of edgeCases) {
      expect(crypto.verifySignature(signed), name).toBe(holds)
    }
  })

  test('a key of small order verifies nothing, in any spelling', () => {
    const signature = concatBytes(bytesOf(`01${'00'.repeat(31)}`), new Uint8Array(32))
    const spellings = [
      `01${'00'.repeat(31)}`,
      `01${'00'.repeat(30)}80`,
      '00'.repeat(32),
      `${'00'.repeat(31)}80`,
      `ec${'ff'.repeat(30)}7f`,
      `ec${'ff'.repeat(31)}`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    ]
    for (const hex of spellings) {
      for (let i = 0; i < 16; i++) {
        const signed = { publicKey: bytesOf(hex), message: Uint8Array.of(i), signature }
        expect(crypto.verifySignature(signed), hex).toBe(false)
      }
    }
  })

  test('a key or signature of another length is refused and does not throw', () => {
    const short = new Uint8Array(31)
    const message = utf8('x')
    const signature = new Uint8Array(64)
    expect(crypto.verifySignature({ publicKey: short, message, signature })).toBe(false)
    const publicKey = new Uint8Array(32).fill(7)
    expect(crypto.verifySignature({ publicKey, message, signature: short })).toBe(false)
    expect(crypto.verifySignature({ publicKey, message, signature })).toBe(false)
  })

  test('an X25519 peer of small order gives no secret, alone and inside X-Wing', () => {
    using key = new crypto.AgreementKey(new crypto.Secret(new Uint8Array(32).fill(3)))
    expect(key.agree(new Uint8Array(32))).toBeUndefined()
    expect(key.agree(bytesOf(`01${'00'.repeat(31)}`))).toBeUndefined()
    expect(key.agree(new Uint8Array(31))).toBeUndefined()
    using kem = new crypto.KemKey(new crypto.Secret(new Uint8Array(32).fill(4)))
    const ciphertext = new Uint8Array(1120).fill(9)
    ciphertext.fill(0, 1088)
    expect(kem.decapsulate(ciphertext)).toBeUndefined()
    const publicKey = kem.publicKey.slice()
    publicKey.fill(0, 1184)
    expect(crypto.encapsulate(publicKey, new Uint8Array(64))).toBeUndefined()
  })

  test('an X-Wing key whose ML-KEM part is not reduced is refused', () => {
    const publicKey = new Uint8Array(1216).fill(0xff)
    expect(crypto.encapsulate(publicKey, new Uint8Array(64).fill(1))).toBeUndefined()
    expect(crypto.encapsulate(new Uint8Array(1215), new Uint8Array(64))).toBeUndefined()
  })

  test('sealed bytes with any changed bit, other data or cut short do not open', () => {
    const key = new crypto.AeadKey(new crypto.Secret(new Uint8Array(32).fill(5)))
    const context = { nonce: new Uint8Array(12), aad: utf8('bound') }
    const sealed = key.seal(context, utf8('plain'))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(key.open(context, changed)).toBeUndefined()
    }
    expect(key.open({ ...context, aad: utf8('bounD') }, sealed)).toBeUndefined()
    for (let length = 0; length < sealed.length; length++) {
      expect(key.open(context, sealed.subarray(0, length))).toBeUndefined()
    }
    expect(key.open(context, sealed)).toEqual(utf8('plain'))
  })

  test('disposed keys are never used again', () => {
    const seed = (): InstanceType<typeof crypto.Secret> =>
      new crypto.Secret(new Uint8Array(32).fill(6))
    const [aead, signer] = [new crypto.AeadKey(seed()), new crypto.SigningKey(seed())]
    const [agreement, kem] = [new crypto.AgreementKey(seed()), new crypto.KemKey(seed())]
    for (const key of [aead, signer, agreement, kem]) key[Symbol.dispose]()
    const context = { nonce: new Uint8Array(12), aad: utf8('') }
    expect(() => aead.seal(context, utf8('x'))).toThrow('never used')
    expect(() => signer.sign(utf8('x'))).toThrow('never signs')
    expect(() => agreement.agree(new Uint8Array(32))).toThrow('never agrees')
    expect(() => kem.decapsulate(new Uint8Array(1120))).toThrow('never decapsulates')
  })
})
