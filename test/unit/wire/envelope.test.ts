import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import type { Digest, NetworkId } from '../../../src/base/ids.ts'
import type { Random } from '../../../src/base/random.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { domains } from '../../../src/wire/domains.ts'
import {
  envelopePayloadBytesMax,
  FrameSealer,
  framePayloadBytesMax,
  Opener,
  readHeader,
  Sealer,
  type SealerOptions,
  type Unsealed,
  verifyBody,
} from '../../../src/wire/envelope.ts'
import { limits } from '../../../src/wire/limits.ts'
import { headerBytes, SealingKey, sealingBytes } from '../../../src/wire/sealing.ts'
import { type SignedBody, signedBodyCodec } from '../../../src/wire/signed-body.ts'
import { topicName } from '../../../src/wire/topics.ts'
import { conformMessage, goldenOf, mutations } from '../../conformance/message.ts'

const network = '11'.repeat(32) as NetworkId
const otherNetwork = '22'.repeat(32) as NetworkId
const keyId = '33'.repeat(32) as Digest
const epochKey = new Secret(new Uint8Array(32).fill(0x44))
const keyOf = (id: Digest): Secret | undefined => (id === keyId ? epochKey : undefined)
const author = new SigningKey(new Secret(new Uint8Array(32).fill(0x55)))
const payload = utf8('a payload that must not be seen')

/** Counts up: every draw differs, every run is the same. */
function countingRandom(): Random {
  let next = 0
  return { bytes: count => new Uint8Array(count).fill(++next) }
}

function sealer(options: Partial<SealerOptions> = {}): Sealer {
  const random = countingRandom()
  return new Sealer({ network, topic: 'delta', keyId, epochKey, author, random, ...options })
}

function opener(options: { network?: NetworkId; keysMax?: number } = {}): Opener {
  return new Opener({ network, protocols: ['sync', 'key'], ...options })
}

function bodyOf(unsealed: Unsealed) {
  if (unsealed.kind !== 'unsealed') throw new Error(`not unsealed: ${JSON.stringify(unsealed)}`)
  return unsealed.body
}

test('what is sealed is unsealed and verified, with its author, sequence and key', () => {
  const body = bodyOf(opener().unseal('delta', sealer().seal(9, payload), keyOf))
  const expected = {
    network,
    topic: 'delta',
    keyId,
    author: author.publicKey,
    sequence: 9,
    payload,
  }
  expect(body).toEqual({ ...expected, signature: body.signature })
  expect(verifyBody(body)).toBe(body)
})

test('the bytes of an envelope and of a frame are the golden ones', () => {
  const envelope = sealer().seal(9, payload)
  expect(toHex(envelope)).toBe(goldenOf('envelope', 'delta', envelope))
  const beat = sealer({ topic: 'heartbeat' }).seal(2 ** 40, payload)
  expect(toHex(beat)).toBe(goldenOf('envelope', 'heartbeat', beat))
  const random = countingRandom()
  const frame = new FrameSealer({ network, protocol: 'sync', keyId, epochKey, random }).seal(
    payload,
  )
  expect(toHex(frame)).toBe(goldenOf('envelope', 'frame', frame))
})

test('payloads of every size up to the limit survive, and their sizes fall into few buckets', () => {
  const [seal, open, sizes] = [sealer(), opener(), new Set<number>()]
  const max = envelopePayloadBytesMax('delta')
  const lengths = [0, 1, 147, 148, 149, 404, 4000, 5000, 65536, max - 1, max]
  lengths.forEach((length, i) => {
    const sent = new Uint8Array(length).fill(7)
    const envelope = seal.seal(i, sent)
    sizes.add(envelope.length)
    expect(envelope.length).toBeLessThanOrEqual(limits.gossipBytesMax)
    expect(bodyOf(open.unseal('delta', envelope, keyOf)).payload).toEqual(sent)
  })
  expect(sizes.size).toBeLessThan(lengths.length - 2)
  expect(() => seal.seal(99, new Uint8Array(max + 1))).toThrow('fits its limit')
})

test('beats of any number of citations have one size', () => {
  const seal = sealer({ topic: 'heartbeat' })
  const sizes = [200, 300, 500, 900].map((length, i) => seal.seal(i, new Uint8Array(length)).length)
  expect(new Set(sizes)).toEqual(new Set([1024 + sealingBytes]))
})

test('no plaintext, author or topic name is visible in an envelope', () => {
  const text = toHex(sealer().seal(9, payload))
  for (const hidden of [payload, author.publicKey, utf8('delta')]) {
    expect(text.includes(toHex(hidden))).toBe(false)
  }
})

describe('an envelope opens only where it was sealed for', () => {
  const envelope = sealer({ topic: 'heartbeat' }).seal(9, payload)

  test('not on another topic', () => {
    expect(opener().unseal('delta', envelope, keyOf)).toEqual({
      kind: 'refused',
      code: 'ENVELOPE_FORGED',
    })
  })
  test('not in another network', () => {
    expect(opener({ network: otherNetwork }).unseal('heartbeat', envelope, keyOf).kind).toBe(
      'refused',
    )
  })
  test('not under another key of the same id', () => {
    const wrong = new Secret(new Uint8Array(32).fill(0x66))
    expect(opener().unseal('heartbeat', envelope, () => wrong).kind).toBe('refused')
  })
  test('not as a frame, nor a frame of one protocol as another', () => {
    expect(opener().openFrame('sync', envelope, keyOf).kind).toBe('refused')
    const random = countingRandom()
    const sync = new FrameSealer({ network, protocol: 'sync', keyId, epochKey, random }).seal(
      payload,
    )
    expect(opener().openFrame('key', sync, keyOf).kind).toBe('refused')
    expect(opener().openFrame('sync', sync, keyOf)).toEqual({ kind: 'opened', payload })
  })
  test('a key that is not at hand is named, so that it can be pulled', () => {
    expect(opener().unseal('heartbeat', envelope, () => undefined)).toEqual({
      kind: 'unknown-key',
      keyId,
    })
  })
})

test('every changed byte of an envelope is refused or names another key', () => {
  const open = opener()
  const envelope = sealer().seal(9, payload)
  for (const mutated of mutations(envelope, 5000)) {
    if (toHex(mutated) === toHex(envelope)) continue
    const answer = open.unseal('delta', mutated, keyOf)
    expect(answer.kind).toBe(readHeader(mutated)?.keyId === keyId ? 'refused' : 'unknown-key')
  }
})

test('an envelope cut or lengthened anywhere is refused before any key is looked up', () => {
  const envelope = sealer().seal(9, payload)
  const noKey = (): never => expect.unreachable('the size is wrong already')
  for (let length = 0; length < envelope.length; length++) {
    expect(opener().unseal('delta', envelope.subarray(0, length), noKey).kind).toBe('refused')
  }
  const longer = concatBytes(envelope, new Uint8Array(1))
  expect(opener().unseal('delta', longer, noKey).kind).toBe('refused')
  const huge = new Uint8Array(limits.gossipBytesMax + 1)
  expect(opener().unseal('delta', huge, noKey).kind).toBe('refused')
  expect(opener().openFrame('sync', new Uint8Array(limits.frameBytesMax + 1), noKey).kind).toBe(
    'refused',
  )
})

describe('a key holder who packs a body in another way is refused', () => {
  const scope = { domain: domains.envelopeKey, network, name: 'delta' }
  const insider = new SealingKey(scope, { keyId, epochKey, random: countingRandom() })
  /** 100 bytes of payload, as an honest sealer packs them. */
  function packed(bucket = 256): Uint8Array {
    const padded = new Uint8Array(bucket)
    padded[3] = 100
    return padded.fill(7, 4, 208).fill(0, 36, 44)
  }
  const codeOf = (padded: Uint8Array): string => {
    const answer = opener().unseal('delta', insider.seal(padded), keyOf)
    return answer.kind === 'refused' ? answer.code : answer.kind
  }
  const changed = (at: number, value: number): Uint8Array => packed().fill(value, at, at + 1)

  test.each([
    ['a payload longer than the body', changed(2, 1), 'ENVELOPE_BODY'],
    ['a payload of 4 GiB', changed(0, 255), 'ENVELOPE_BODY'],
    ['a byte in the padding', changed(255, 1), 'ENVELOPE_BODY'],
    ['a shorter payload, which leaves bytes in the padding', changed(3, 99), 'ENVELOPE_BODY'],
    ['a bucket larger than needed', packed(512), 'ENVELOPE_BODY'],
    ['a body that is no bucket', packed(300), 'ENVELOPE_SIZE'],
    ['a body below the least bucket', new Uint8Array(128), 'ENVELOPE_SIZE'],
    ['a sequence of 2^53', changed(37, 0x20), 'ENVELOPE_BODY'],
    ['nothing wrong', packed(), 'unsealed'],
    ['the largest sequence', changed(37, 0x1f), 'unsealed'],
  ])('%s', (_name, padded, code) => {
    expect(codeOf(padded)).toBe(code)
  })
})

test('random bytes of any size are refused without an exception', () => {
  const open = opener()
  const sized = fc.constantFrom(0, 1, 67, 68, 324, 580, 1092, 2116)
  fc.assert(
    fc.property(
      sized.chain(n => fc.uint8Array({ minLength: n, maxLength: n })),
      bytes => {
        expect(open.unseal('delta', bytes, () => epochKey).kind).toBe('refused')
        expect(open.openFrame('key', bytes, () => epochKey).kind).toBe('refused')
      },
    ),
    { numRuns: 300 },
  )
})

test('a member who re-seals the body of another under a new salt cannot change a word of it', () => {
  const body = bodyOf(opener().unseal('delta', sealer().seal(9, payload), keyOf))
  const changes: Partial<SignedBody>[] = [
    { network: otherNetwork },
    { topic: 'heartbeat' },
    { keyId: '44'.repeat(32) as Digest },
    { author: new SigningKey(new Secret(new Uint8Array(32).fill(1))).publicKey },
    { sequence: 10 },
    { payload: utf8('another payload') },
    { signature: new Uint8Array(64) },
  ]
  expect(verifyBody(body)).toBeDefined()
  for (const change of changes) expect(verifyBody({ ...body, ...change })).toBeUndefined()
})

test('a nonce is never used twice under one key: the counter rises and then the salt changes', () => {
  const seal = sealer({ sealsPerSalt: 3 })
  const seen = new Set<string>()
  const open = opener()
  for (let i = 0; i < 10; i++) {
    const envelope = seal.seal(i, payload)
    const header = readHeader(envelope)
    seen.add(toHex(envelope.subarray(32, headerBytes)))
    expect(header?.counter).toBe(i % 3)
    expect(bodyOf(open.unseal('delta', envelope, keyOf)).sequence).toBe(i)
  }
  expect(seen.size).toBe(10)
})

test('sealing one payload twice gives unrelated bytes', () => {
  const seal = sealer()
  const [one, two] = [seal.seal(1, payload), seal.seal(1, payload)]
  expect(toHex(one.subarray(headerBytes))).not.toBe(toHex(two.subarray(headerBytes)))
})

test('forged messages do not push opening keys out of the cache', () => {
  const open = opener({ keysMax: 2 })
  const envelope = sealer().seal(1, payload)
  open.unseal('delta', envelope, keyOf)
  let uses = 0
  const counted = new Secret(new Uint8Array(32).fill(0x44))
  const use = counted.use.bind(counted)
  counted.use = action => {
    uses++
    return use(action)
  }
  for (let i = 0; i < 50; i++) {
    const forged = envelope.slice()
    forged[40] = i + 100
    open.unseal('delta', forged, () => counted)
  }
  expect(uses).toBe(50)
  expect(open.unseal('delta', envelope, () => counted).kind).toBe('unsealed')
  expect(uses).toBe(50)
})

test('after an epoch key is forgotten nothing opens with what was derived from it', () => {
  const open = opener()
  const envelope = sealer().seal(1, payload)
  open.unseal('delta', envelope, keyOf)
  open.forget(keyId)
  const wiped = new Secret(new Uint8Array(32))
  wiped[Symbol.dispose]()
  expect(() => open.unseal('delta', envelope, () => wiped)).toThrow('wiped')
  expect(open.unseal('delta', envelope, () => undefined).kind).toBe('unknown-key')
})

test('a frame carries any payload up to its limit', () => {
  const random = countingRandom()
  const seal = new FrameSealer({ network, protocol: 'sync', keyId, epochKey, random })
  for (const length of [0, 1, 252, 253, framePayloadBytesMax]) {
    const sent = new Uint8Array(length).fill(1)
    const frame = seal.seal(sent)
    expect(frame.length).toBeLessThanOrEqual(limits.frameBytesMax)
    expect(opener().openFrame('sync', frame, keyOf)).toEqual({ kind: 'opened', payload: sent })
  }
  expect(() => seal.seal(new Uint8Array(framePayloadBytesMax + 1))).toThrow('fits its limit')
})

test('topic names differ by network and topic and show neither', () => {
  const names = [
    topicName(network, 'delta'),
    topicName(network, 'heartbeat'),
    topicName(otherNetwork, 'delta'),
  ]
  expect(new Set(names).size).toBe(3)
  for (const name of names) expect(name).toMatch(/^[0-9a-f]{64}$/)
})

describe('a signed body', () => {
  const beat = (sequence: number, text: string) => {
    const signer = new SigningKey(new Secret(new Uint8Array(32).fill(0x55)))
    const sealed = sealer({ topic: 'heartbeat', author: signer }).seal(sequence, utf8(text))
    const body = verifyBody(bodyOf(opener().unseal('heartbeat', sealed, keyOf)))
    if (body === undefined) throw new Error('the body holds')
    return body
  }

  test('stands on its own after a trip through its codec', () => {
    const carried = signedBodyCodec.decode(signedBodyCodec.encode(beat(4, 'one')))
    expect(verifyBody(carried)).toBeDefined()
  })
})

conformMessage<SignedBody>({
  codec: signedBodyCodec,
  samples: {
    heartbeat: {
      network,
      topic: 'heartbeat',
      keyId,
      author: new Uint8Array(32).fill(1),
      sequence: 2 ** 53 - 1,
      payload: utf8('beat'),
      signature: new Uint8Array(64).fill(2),
    },
    empty: {
      network,
      topic: 'delta',
      keyId,
      author: new Uint8Array(32),
      sequence: 0,
      payload: new Uint8Array(0),
      signature: new Uint8Array(64),
    },
  },
})
