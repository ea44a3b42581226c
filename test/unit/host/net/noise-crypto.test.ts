import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { HandshakeCrypto, NoiseStatic } from '../../../../src/host/net/noise-crypto.ts'

const made = (fill: number) => {
  const own = new NoiseStatic(new Secret(new Uint8Array(32).fill(fill)))
  const arithmetic = new HandshakeCrypto(own)
  return { ...arithmetic, own, ephemeral: arithmetic.generateX25519KeyPair() }
}

test('two ends agree on what their keys make together, whichever of the two kinds', () => {
  const [one, other] = [made(1), made(2)]
  const ours = one.generateX25519SharedKey(one.ephemeral.privateKey, other.own.publicKey)
  const handle = other.generateX25519KeyPairFromSeed().privateKey
  expect(ours).toEqual(other.generateX25519SharedKey(handle, one.ephemeral.publicKey))
  expect(ours).toHaveLength(32)
})

const { publicKey } = generateKeyPairSync('x25519')
const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
const good = spki.subarray(-32)
test.each([
  ['nothing at all', new Uint8Array(0)],
  ['a byte less', good.subarray(0, 31)],
  ['a byte more', concatBytes(good, Uint8Array.of(0))],
  ['wrapped already', spki],
  ['zero, which is of small order', new Uint8Array(32)],
  ['one, which is of small order', new Uint8Array(32).with(0, 1)],
])('a key of the other side that is %s is its fault', (_, key) => {
  const { ephemeral, generateX25519SharedKey } = made(3)
  expect(() => generateX25519SharedKey(ephemeral.privateKey, key)).toThrow(
    expect.objectContaining({ name: 'PeerFault', code: 'BAD_KEY' }),
  )
})
