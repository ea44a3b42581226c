import { expect, test } from 'vitest'
import { chokeCodec, chokedAuthorsMax } from '../../../src/wire/choke.ts'
import { conformMessage } from '../../conformance/message.ts'

const author = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

conformMessage({
  codec: chokeCodec,
  mutationsMax: 2000,
  samples: {
    both: { choked: [author(1), author(2)], wanted: [author(3)] },
    none: { choked: [], wanted: [] },
  },
})

test('the largest frame fits its limits, a larger one is refused', () => {
  const most = Array.from({ length: chokedAuthorsMax }, (_, i) => author(i))
  const largest = { choked: most, wanted: most }
  expect(chokeCodec.decode(chokeCodec.encode(largest))).toEqual(largest)
  const larger = chokeCodec.encode({ choked: [...most, author(99)], wanted: [] })
  expect(() => chokeCodec.decode(larger)).toThrow('a list up to 64')
})
