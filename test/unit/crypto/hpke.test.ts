/** HPKE against the figures of its RFC and against another implementation, both ways. */
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { HpkeContext, keySchedule, receiveWith, sendTo } from '../../../src/crypto/hpke.ts'
import { KemKey } from '../../../src/crypto/kem.ts'
import { kemBytes } from '../../../src/crypto/kem-bytes.ts'
import rfc9180 from '../../vectors/rfc9180.json' with { type: 'json' }
import { bytesOf } from './hex.ts'

const theirs = new CipherSuite({
  kem: new XWing(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
})
const seed = new Uint8Array(32).fill(5)
const entropy = new Uint8Array(kemBytes.entropy).fill(9)
/** With a buffer of their own, as WebCrypto's types ask for. */
const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(utf8(text))
const info = bytes('info')
const aad = bytes('beside')
const text = bytes('a private question')
const purpose = bytes('purpose')
const ownKey = (): KemKey => new KemKey(new Secret(seed.slice()))
const buffer = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer

test.each(rfc9180.vectors)('the key schedule gives the figures of RFC 9180, $name', vector => {
  using shared = new Secret(bytesOf(vector.shared))
  const keys = keySchedule(vector.suite, shared, bytesOf(vector.info))
  expect(keys.key.use(toHex)).toBe(vector.key)
  expect(toHex(keys.baseNonce)).toBe(vector.baseNonce)
  expect(keys.exporter.use(toHex)).toBe(vector.exporter)
  using context = new HpkeContext(keys)
  for (const { context: label, value } of vector.exports) {
    expect(context.export(bytesOf(label), 32).use(toHex)).toBe(value)
  }
})

test('another implementation opens what is sealed here, and exports the same', async () => {
  using key = ownKey()
  const sent = sendTo(key.publicKey, { info, entropy })
  if (sent === undefined) throw new Error('a good key')
  const sealed = sent.context.seal(aad, text)
  const recipientKey = await theirs.kem.deserializePrivateKey(buffer(seed))
  const enc = buffer(sent.encapsulated)
  const recipient = await theirs.createRecipientContext({ recipientKey, enc, info })
  expect(new Uint8Array(await recipient.open(buffer(sealed), aad))).toEqual(text)
  const exported = new Uint8Array(await recipient.export(purpose, 44))
  expect(sent.context.export(purpose, 44).use(toHex)).toBe(toHex(exported))
})

test('what another implementation seals is opened here, and exports the same', async () => {
  using key = ownKey()
  const recipientPublicKey = await theirs.kem.deserializePublicKey(buffer(key.publicKey))
  const sender = await theirs.createSenderContext({ recipientPublicKey, info })
  const sealed = new Uint8Array(await sender.seal(text, aad))
  using context = receiveWith(key, { info, encapsulated: new Uint8Array(sender.enc) })
  expect(context?.open(aad, sealed)).toEqual(text)
  const exported = new Uint8Array(await sender.export(purpose, 44))
  expect(context?.export(purpose, 44).use(toHex)).toBe(toHex(exported))
})

test('nothing opens with other info, other bound data, another key or another encapsulation', () => {
  using key = ownKey()
  using other = new KemKey(new Secret(seed.map(byte => byte ^ 1)))
  const sent = sendTo(key.publicKey, { info, entropy })
  if (sent === undefined) throw new Error('a good key')
  const { encapsulated } = sent
  const sealed = sent.context.seal(aad, text)
  const opens = (with_: KemKey, about: Uint8Array, from: Uint8Array, beside: Uint8Array) =>
    receiveWith(with_, { info: about, encapsulated: from })?.open(beside, sealed)
  expect(opens(key, info, encapsulated, aad)).toEqual(text)
  expect(opens(key, utf8('other'), encapsulated, aad)).toBeUndefined()
  expect(opens(key, info, encapsulated, utf8('other'))).toBeUndefined()
  expect(opens(other, info, encapsulated, aad)).toBeUndefined()
  for (const at of [0, 500, 1_087, 1_088, 1_119]) {
    const changed = encapsulated.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(opens(key, info, changed, aad)).toBeUndefined()
  }
  expect(receiveWith(key, { info, encapsulated: encapsulated.subarray(1) })).toBeUndefined()
})

test('a context seals once, and a wiped one does nothing', () => {
  using key = ownKey()
  const sent = sendTo(key.publicKey, { info, entropy })
  sent?.context.seal(aad, text)
  expect(() => sent?.context.seal(aad, text)).toThrow('one message')
  sent?.context[Symbol.dispose]()
  expect(() => sent?.context.export(purpose, 32)).toThrow('wiped')
  expect(sendTo(new Uint8Array(1_215), { info, entropy })).toBeUndefined()
})
