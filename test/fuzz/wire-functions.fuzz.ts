/**
 * Every decoding function of src/wire that is no codec, and what an insider can put in an envelope.
 *
 * Decoders are found, not listed: an exported function that is called like a decoder and is not in the table
 * below fails the run.
 */
import { expect, test } from 'vitest'
import { toHex } from '../../src/base/bytes.ts'
import type { Digest, NetworkId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { KemKey } from '../../src/crypto/kem.ts'
import { decodeAnswer, encodeAnswer } from '../../src/wire/answer.ts'
import { parseBatch } from '../../src/wire/batch.ts'
import { CachePageOpener } from '../../src/wire/cache-page.ts'
import { decodeCbor, encodeCbor } from '../../src/wire/cbor.ts'
import { subkeyDigest } from '../../src/wire/channel-offer.ts'
import { decodeResult } from '../../src/wire/delegated-result.ts'
import { domains } from '../../src/wire/domains.ts'
import { Opener, readHeader } from '../../src/wire/envelope.ts'
import { decodeHandshakeFrame } from '../../src/wire/handshake.ts'
import { decodeLightQuestion, encodeLightQuestion } from '../../src/wire/light-question.ts'
import { limits } from '../../src/wire/limits.ts'
import { PackedReader, readIds } from '../../src/wire/packed.ts'
import { paddedLength, unpadded } from '../../src/wire/padding.ts'
import {
  decodeDescentAnswer,
  decodePageAnswer,
  decodeQuestion,
  decodeSketchAnswer,
} from '../../src/wire/reconcile.ts'
import { decodeNamedPages } from '../../src/wire/recovery-record.ts'
import { decodeRefusal } from '../../src/wire/refusal.ts'
import { decodeRemoval } from '../../src/wire/removal.ts'
import { OutgoingCall } from '../../src/wire/sealed-exchange.ts'
import { SealingKey } from '../../src/wire/sealing.ts'
import { decodeKeyProof, decodePublicProof } from '../../src/wire/state-proof.ts'
import { parseSyncPage } from '../../src/wire/sync.ts'
import { refusedOrFaithful } from '../conformance/message.ts'
import { fuzz, goldenBytes, messageOf, type Target, typed } from './harness.ts'
import { wireExports } from './wire-exports.ts'

const opener = new Opener({ network: '11'.repeat(32) as NetworkId, protocols: ['sync'] })
const cachePages = new CachePageOpener('11'.repeat(32) as NetworkId)
const epochKey = new Secret(new Uint8Array(32).fill(0x44))

/** A call that waits for its answer. */
const called = callOf()

function callOf(): OutgoingCall {
  using key = new KemKey(new Secret(new Uint8Array(32).fill(5)))
  const subkey = key.publicKey
  const target = {
    network: '11'.repeat(32) as NetworkId,
    node: new Uint8Array(32).fill(6),
    subkey: subkeyDigest(subkey),
  }
  const outgoing = OutgoingCall.to(target, { subkey, entropy: new Uint8Array(64).fill(7) })
  if (outgoing === undefined) throw new Error('a good key')
  const [id, client] = [new Uint8Array(16), new Uint8Array(32)]
  const call = { method: 'GET', path: '/', type: '', body: new Uint8Array() } as const
  outgoing.seal({ ...call, id, client, signature: new Uint8Array(64), expiresAt: 0 })
  return outgoing
}

/** Answers of one byte before a body: the body of an answer may be anything, a refusal may drop facts. */
function answer(bytes: Uint8Array): void {
  const frame = decodeAnswer(bytes)
  if (frame.kind === 'answer') expect(toHex(encodeAnswer(frame))).toBe(toHex(bytes))
}

/** Extensions of a later version are read over: what is written again is what was understood. */
function lightQuestion(bytes: Uint8Array): void {
  const question = decodeLightQuestion(bytes)
  expect(decodeLightQuestion(encodeLightQuestion(question))).toEqual(question)
}

const functions: Readonly<Record<string, Target>> = {
  decodeAnswer: typed(answer),
  decodeCbor: bytes =>
    refusedOrFaithful(
      {
        family: 'cbor',
        limits: { bytesMax: limits.gossipBytesMax },
        encode: value => encodeCbor(value as never),
        decode: input => decodeCbor(input, { bytesMax: limits.gossipBytesMax }) as never,
      },
      bytes,
    ),
  decodeDescentAnswer: typed(decodeDescentAnswer),
  decodeHandshakeFrame: typed(decodeHandshakeFrame),
  decodeKeyProof: typed(decodeKeyProof),
  decodeLightQuestion: typed(lightQuestion),
  decodePageAnswer: typed(decodePageAnswer),
  decodePublicProof: typed(bytes => decodePublicProof(bytes, new Uint8Array(32))),
  decodeQuestion: typed(decodeQuestion),
  decodeNamedPages: typed(decodeNamedPages),
  decodeRefusal: typed(decodeRefusal),
  decodeRemoval: typed(decodeRemoval),
  decodeResult: typed(decodeResult),
  decodeSketchAnswer: typed(decodeSketchAnswer),
  parseBatch: typed(bytes => parseBatch(bytes).forEach(() => {})),
  parseSyncPage: typed(parseSyncPage),
  readHeader: bytes => void readHeader(bytes),
  readIds: typed(bytes => readIds(new PackedReader(bytes), bytes.length >> 5)),
}

const targets: (readonly [string, Target])[] = [
  ...Object.entries(functions),
  ['Opener.unseal', bytes => void opener.unseal('delta', bytes, () => epochKey)],
  ['CachePageOpener.open', bytes => void cachePages.open(bytes, () => epochKey)],
  ['Opener.openFrame', bytes => void opener.openFrame('sync', bytes, () => epochKey)],
  ['unpadded', bytes => void unpadded(bytes, 1_024)],
  ['OutgoingCall.open', bytes => void called.open(bytes)],
]
/** What a member could put inside an envelope: the tag holds, so the body is really parsed. */
const scope = { domain: domains.envelopeKey, network: '11'.repeat(32) as NetworkId, name: 'delta' }
const random = { bytes: (count: number) => new Uint8Array(count).fill(9) }
const insider = new SealingKey(scope, { keyId: '33'.repeat(32) as Digest, epochKey, random })
targets.push([
  'Opener.unseal of a body by an insider',
  bytes => {
    const padded = new Uint8Array(paddedLength(bytes.length, 256))
    padded.set(bytes)
    const unsealed = opener.unseal('delta', insider.seal(padded), () => epochKey)
    if (unsealed.kind === 'unsealed')
      expect(Number.isSafeInteger(unsealed.body.sequence)).toBe(true)
    else expect(unsealed).toEqual({ kind: 'refused', code: 'ENVELOPE_BODY' })
  },
])

test('every decoding function of src/wire is a target', () => {
  const isDecoder = (name: string): boolean => /^(decode|parse|read)[A-Z]/.test(name)
  const found = [...wireExports].filter(
    ([name, value]) => isDecoder(name) && typeof value === 'function',
  )
  expect(found.map(([name]) => name).filter(name => !(name in functions))).toEqual([])
})

const corpus = goldenBytes()
fuzz(targets, draw => messageOf(corpus, draw))
