import { expect, test } from 'vitest'
import { limits } from '../../../src/wire/limits.ts'
import {
  manifestAnswerCodec,
  manifestPageBytesMax,
  manifestRequestCodec,
  manifestStepsMax,
} from '../../../src/wire/manifest-pull.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({
  codec: manifestRequestCodec,
  samples: { first: { above: 3, hash: filled(32, 1), skip: 0 } },
})
conformMessage({
  codec: manifestAnswerCodec,
  mutationsMax: 2000,
  samples: {
    page: { envelopes: [filled(20, 2), filled(30, 3)], hasMore: true },
    gone: { envelopes: [], hasMore: false },
  },
})

test('the largest page fits a frame', () => {
  const count = manifestPageBytesMax / limits.manifestBytesMax
  const few = Array.from({ length: count }, () => filled(limits.manifestBytesMax, 1))
  const even = Math.floor(manifestPageBytesMax / manifestStepsMax)
  const many = Array.from({ length: manifestStepsMax }, () => filled(even, 1))
  for (const envelopes of [few, many]) {
    const bytes = manifestAnswerCodec.encode({ envelopes, hasMore: true })
    expect(bytes.length).toBeLessThan(limits.frameBytesMax)
    expect(manifestAnswerCodec.decode(bytes)).toEqual({ envelopes, hasMore: true })
  }
})
