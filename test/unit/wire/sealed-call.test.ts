/** Messages of the attested channel: golden bytes, and what each refuses. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { channelOfferCodec } from '../../../src/wire/channel-offer.ts'
import { padded, unpadded } from '../../../src/wire/padding.ts'
import {
  type ClientCall,
  callAnswerCodec,
  callBodyBytesMax,
  clientCallCodec,
  isCallPath,
  isCallType,
  sealedAnswerCodec,
  sealedCallCodec,
} from '../../../src/wire/sealed-call.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (count: number, byte: number): Uint8Array => new Uint8Array(count).fill(byte)

const get: ClientCall = {
  id: filled(16, 1),
  expiresAt: 1_793_000_030_000,
  node: filled(32, 2),
  client: filled(32, 3),
  method: 'GET',
  path: '/v1/state/team%2Fplan',
  type: '',
  body: new Uint8Array(),
  signature: filled(64, 4),
}
const put: ClientCall = { ...get, method: 'PUT', type: 'application/json', body: utf8('{}') }

conformMessage({
  codec: channelOfferCodec,
  samples: {
    hour: {
      node: filled(32, 1),
      subkey: filled(1_216, 2),
      from: 1_793_000_000_000,
      until: 1_793_003_600_000,
      signature: filled(64, 3),
    },
  },
  mutationsMax: 3_000,
})
conformMessage({ codec: clientCallCodec, samples: { get, put }, mutationsMax: 5_000 })
conformMessage({
  codec: callAnswerCodec,
  samples: {
    found: { status: 200, type: 'application/json; charset=utf-8', body: utf8('{"a":1}') },
    empty: { status: 404, type: '', body: new Uint8Array() },
  },
})
conformMessage({
  codec: sealedCallCodec,
  samples: {
    small: { subkey: filled(32, 1), encapsulated: filled(1_120, 2), sealed: filled(1_040, 3) },
  },
  mutationsMax: 3_000,
})
conformMessage({
  codec: sealedAnswerCodec,
  samples: { small: { nonce: filled(32, 1), sealed: filled(1_040, 2), signature: filled(64, 3) } },
  mutationsMax: 3_000,
})

test('a path is one that a URL takes as it is, and leads to no other host', () => {
  for (const path of ['/', '/v1/state?prefix=a%2F&limit=3', '/v1/state/%F0%9F%8C%8D']) {
    expect(isCallPath(path), path).toBe(true)
    expect(
      new URL(path, 'http://localhost').pathname + new URL(path, 'http://localhost').search,
    ).toBe(path)
  }
  const bad = [
    '',
    'v1',
    '//evil',
    '/\\evil',
    '/a#b',
    '/a b',
    '/a\n',
    '/ä',
    'http://evil/',
    `/${'x'.repeat(4_096)}`,
  ]
  for (const path of bad) expect(isCallPath(path), path).toBe(false)
})

test('whatever passes as a path and a media type makes a request of this host, and no other header', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 40 })
  fc.assert(
    fc.property(ascii, ascii, (tail, type) => {
      const path = `/${tail}`
      if (isCallPath(path)) expect(new URL(`http://localhost${path}`).host).toBe('localhost')
      if (isCallType(type))
        expect([...new Headers({ 'content-type': type }).keys()]).toEqual(['content-type'])
    }),
  )
})

test('the longest call fits its seal', () => {
  const path = `/${'x'.repeat(4_095)}`
  const type = 'x'.repeat(128)
  const call = { ...put, path, type, body: filled(callBodyBytesMax, 7) }
  const sealed = new Uint8Array(padded(clientCallCodec.encode(call), 1_024).length + 16)
  const outside = { subkey: filled(32, 1), encapsulated: filled(1_120, 2), sealed }
  expect(sealedCallCodec.decode(sealedCallCodec.encode(outside)).sealed.length).toBe(sealed.length)
  expect(clientCallCodec.decode(clientCallCodec.encode(call)).path).toBe(path)
})

test('what is padded comes back, in few sizes, and nothing else does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9_000 }), bytes => {
      const box = padded(bytes, 1_024)
      expect(unpadded(box, 1_024)).toEqual(bytes)
      expect(unpadded(box.subarray(1), 1_024)).toBeUndefined()
      const late = box.slice()
      late[box.length - 1] = (late.at(-1) ?? 0) ^ 1
      // The last byte is padding but where the payload fills its bucket.
      if (bytes.length + 4 < box.length) expect(unpadded(late, 1_024)).toBeUndefined()
    }),
  )
  const sizes = new Set(Array.from({ length: 1_020 }, (_, n) => padded(filled(n, 1), 1_024).length))
  expect([...sizes]).toEqual([1_024])
  expect(unpadded(new Uint8Array(3), 1_024)).toBeUndefined()
})
