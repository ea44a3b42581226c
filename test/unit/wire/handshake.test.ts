import { expect, test } from 'vitest'
import { PeerFault } from '../../../src/base/errors.ts'
import {
  decodeHandshakeFrame,
  encodeHandshakeFrame,
  type HandshakeFrame,
  handshakeFrameBytesMax,
  handshakeHelloCodec,
  handshakeProofCodec,
} from '../../../src/wire/handshake.ts'
import { limits } from '../../../src/wire/limits.ts'
import { decodeRefusal, encodeRefusal, refusalCodec } from '../../../src/wire/refusal.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const keys = { identity: filled(32, 1), noise: filled(32, 2), kem: filled(1216, 3) }
const hello = {
  challenge: filled(32, 4),
  manifest: { nonce: 7, hash: filled(32, 5) },
  evidence: filled(32, 6),
  wanted: true,
}
const proof = { keys, evidence: filled(300, 7), signature: filled(64, 8), wanted: false }

conformMessage({
  codec: handshakeHelloCodec,
  mutationsMax: 2000,
  samples: { member: hello, light: { ...hello, manifest: null, evidence: null } },
})
conformMessage({
  codec: handshakeProofCodec,
  mutationsMax: 2000,
  samples: { whole: proof, known: { ...proof, evidence: null, wanted: true } },
})
conformMessage({
  codec: refusalCodec,
  mutationsMax: 2000,
  samples: {
    bare: { code: 'BINDER_MISMATCH', facts: [] },
    facts: {
      code: 'TCB_TOO_LOW',
      facts: [
        { name: 'tcb', value: 'OutOfDate' },
        { name: 'svn', value: 3 },
      ],
    },
  },
})

const frames: readonly HandshakeFrame[] = [
  { kind: 'hello', ...hello },
  { kind: 'manifest', envelope: filled(10, 0x7b) },
  { kind: 'ancestor', envelope: filled(10, 0x7b) },
  { kind: 'proof', ...proof },
  { kind: 'accepted' },
  { kind: 'refusal', code: 'BUSY', facts: { queue: 64 } },
]

test('every frame is read as it was written, and refused when cut', () => {
  for (const frame of frames) {
    const bytes = encodeHandshakeFrame(frame)
    expect(decodeHandshakeFrame(bytes)).toEqual(frame)
    if (frame.kind === 'manifest' || frame.kind === 'ancestor') continue
    for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 200)) {
      expect(() => decodeHandshakeFrame(bytes.subarray(0, length))).toThrow(PeerFault)
    }
  }
})

test('the largest evidence and the largest manifest fit one frame', () => {
  const evidence = filled(limits.handshakeFrameBytesMax - 2048, 1)
  const largest = encodeHandshakeFrame({ kind: 'proof', ...proof, evidence })
  expect(largest.length).toBeLessThanOrEqual(handshakeFrameBytesMax)
  const envelope = filled(limits.manifestBytesMax, 1)
  const manifest = encodeHandshakeFrame({ kind: 'manifest', envelope })
  expect(manifest.length).toBeLessThanOrEqual(handshakeFrameBytesMax)
  expect(() => decodeHandshakeFrame(Uint8Array.of(2, ...envelope, 0))).toThrow(PeerFault)
})

test('what a peer writes into a refusal cannot reach a terminal or a log as more than plain words', () => {
  const hostile = [
    { code: 'lower', facts: [] },
    { code: 'A'.repeat(65), facts: [] },
    { code: 'FINE', facts: [{ name: 'tcb', value: '\u001b[2J' }] },
    { code: 'FINE', facts: [{ name: 'a b', value: 'x' }] },
    { code: 'FINE', facts: [{ name: 'tcb', value: 'x'.repeat(161) }] },
  ]
  for (const frame of hostile) {
    expect(() => decodeRefusal(refusalCodec.encode(frame))).toThrow(PeerFault)
  }
})

test('facts that may not travel are left out of a refusal, and its code stays', () => {
  const facts = { good: 'yes', 'bad name': 'no', bad: 'line\nbreak', fraction: 0.5, count: 3 }
  expect(decodeRefusal(encodeRefusal({ code: 'FINE', facts }))).toEqual({
    code: 'FINE',
    facts: { good: 'yes', count: 3 },
  })
})
