/** Frames of member streams: a length that never ends is not read for ever. */
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeLength } from '../../../../src/host/net/length-prefix.ts'
import { framesOf } from '../../../../src/host/net/streams.ts'

/** Unsigned LEB128. */
function written(length: number): Uint8Array {
  const bytes = []
  for (let rest = length; bytes.length === 0 || rest > 0; rest >>>= 7) {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
  }
  return Uint8Array.from(bytes)
}

test('a length of up to four bytes is read whole, and asked on for until it is', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 28 - 1), length => {
      const bytes = written(length)
      expect(decodeLength(bytes)).toBe(length)
      expect(() => decodeLength(bytes.subarray(0, -1))).toThrow(RangeError)
    }),
  )
})

test('a frame comes through, and a length that goes on ends the reading after four bytes of it', async () => {
  const [near, far] = await streamPair()
  const [writing, reading] = [framesOf(near), framesOf(far)]
  const frame = new Uint8Array(70_000).fill(7)
  await Promise.all([
    writing.write(frame),
    reading.read().then(got => expect(got.subarray()).toEqual(frame)),
  ])
  near.send(new Uint8Array(4).fill(0x80))
  // Nothing follows: whoever waited for a fifth byte would wait here until the test ends.
  await expect(reading.read()).rejects.toMatchObject({ code: 'LENGTH_TOO_LONG' })
})
