import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PeerFault } from '../../../src/base/errors.ts'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { encodeCbor } from '../../../src/wire/cbor.ts'
import { checkpointBytesMax } from '../../../src/wire/checkpoint.ts'
import {
  beatDigest,
  citationKey,
  citationsMax,
  type Heartbeat,
  heartbeatCodec,
} from '../../../src/wire/heartbeat.ts'
import { limits } from '../../../src/wire/limits.ts'
import { conformMessage } from '../../conformance/message.ts'

const beat: Heartbeat = {
  phase: 'active',
  random: new Uint8Array(16).fill(0xaa),
  groupClock: 1_766_000_000_000,
  publicRoot: new Uint8Array(32).fill(0x11),
  privateRoot: new Uint8Array(32).fill(0x22),
  logPosition: 0,
  load: 17,
  progress: 300,
  citations: [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)],
  checkpoint: null,
}

const claiming: Heartbeat = { ...beat, checkpoint: new Uint8Array(380).fill(7) }
const joining: Heartbeat = { ...beat, phase: 'joining', groupClock: null, citations: [] }

conformMessage({
  codec: heartbeatCodec,
  samples: { active: beat, joining, claiming },
  arbitrary: fc.record({
    phase: fc.constantFrom('joining', 'active'),
    random: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    groupClock: fc.option(fc.maxSafeNat()),
    publicRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    privateRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    logPosition: fc.maxSafeNat(),
    load: fc.nat(255),
    progress: fc.maxSafeNat(),
    citations: fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: citationsMax }),
    checkpoint: fc.option(fc.uint8Array({ minLength: 1, maxLength: checkpointBytesMax })),
  }),
})

test('the largest heartbeat fits its limit', () => {
  const citations = Array.from({ length: citationsMax }, (_, i) => new Uint8Array(8).fill(i))
  const checkpoint = new Uint8Array(checkpointBytesMax)
  const numbers = { progress: Number.MAX_SAFE_INTEGER, load: 255 }
  const largest = { ...beat, citations, checkpoint, ...numbers }
  const bytes = heartbeatCodec.encode(largest)
  expect(bytes.length).toBeLessThan(limits.heartbeatBytesMax / 2)
  expect(heartbeatCodec.decode(bytes)).toEqual(largest)
})

test('citations come in whole eights and at most thirty-two of them', () => {
  const withCitations = (length: number): Uint8Array => {
    const encoded = new Map<number, number | Uint8Array | null>([
      [0, 1],
      [1, 1],
      [2, beat.random],
      [3, 1],
      [4, beat.publicRoot],
      [5, beat.privateRoot],
      [6, 0],
      [7, 0],
      [8, 0],
      [9, new Uint8Array(length)],
      [10, null],
    ])
    return encodeCbor(encoded)
  }
  expect(heartbeatCodec.decode(withCitations(256)).citations).toHaveLength(32)
  expect(() => heartbeatCodec.decode(withCitations(7))).toThrow(PeerFault)
  expect(() => heartbeatCodec.decode(withCitations(264))).toThrow(PeerFault)
})

test('the digest of a beat commits to author, sequence and every byte of the payload', () => {
  const author = nodeIdOfKey(new Uint8Array(32).fill(7))
  const payload = heartbeatCodec.encode(beat)
  const { digest, citation } = beatDigest({ author, sequence: 5, payload })
  expect(digest).toHaveLength(64)
  expect(digest.startsWith(citationKey(citation))).toBe(true)
  const other = nodeIdOfKey(new Uint8Array(32).fill(8))
  const digests = new Set([
    digest,
    beatDigest({ author: other, sequence: 5, payload }).digest,
    beatDigest({ author, sequence: 6, payload }).digest,
    ...Array.from(
      payload,
      (byte, i) => beatDigest({ author, sequence: 5, payload: payload.with(i, byte ^ 1) }).digest,
    ),
  ])
  expect(digests.size).toBe(3 + payload.length)
})
