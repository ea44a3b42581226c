/** Both ends of a sealed call, and whoever stands between them: any byte changed anywhere is nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ifReadable } from '../../../src/base/errors.ts'
import { bytesOfDigest, digestOf, type NetworkId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { timestamp } from '../../../src/base/time.ts'
import { sendTo } from '../../../src/crypto/hpke.ts'
import { KemKey } from '../../../src/crypto/kem.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import {
  type ChannelOffer,
  channelOfferCodec,
  offerMessage,
  offerRefusal,
  subkeyDigest,
  subkeyLife,
} from '../../../src/wire/channel-offer.ts'
import { padded } from '../../../src/wire/padding.ts'
import {
  type Call,
  type CallAnswer,
  callAad,
  callInfo,
  callMethods,
  callPaddedBytesMin,
  clientCallCodec,
  requestDigest,
  sealedCallCodec,
} from '../../../src/wire/sealed-call.ts'
import { IncomingCall, OutgoingCall } from '../../../src/wire/sealed-exchange.ts'

const filled = (count: number, byte: number): Uint8Array => new Uint8Array(count).fill(byte)
const signer = (byte: number): SigningKey => new SigningKey(new Secret(filled(32, byte)))
const [node, client, other] = [signer(1), signer(2), signer(3)]
const kem = (byte: number): KemKey => new KemKey(new Secret(filled(32, byte)))
const [key, otherKey] = [kem(4), kem(5)]
const network = 'ab'.repeat(32) as NetworkId
const target = { network, node: node.publicKey, subkey: subkeyDigest(key.publicKey) }
const call: Call = { method: 'GET', path: '/v1/state/k', type: '', body: new Uint8Array() }
const answer: CallAnswer = { status: 200, type: 'application/json', body: filled(5, 9) }

function sent(asked: Call = call, to = target, subkey = key.publicKey, entropy = 7) {
  const outgoing = OutgoingCall.to(to, { subkey, entropy: filled(64, entropy) })
  if (outgoing === undefined) throw new Error('a good key')
  const unsigned = { ...asked, id: filled(16, 1), expiresAt: 1_000, client: client.publicKey }
  const signature = client.sign(outgoing.message(unsigned))
  return { outgoing, request: outgoing.seal({ ...unsigned, signature }) }
}

function received(request: Uint8Array, at = { key, target }): IncomingCall | undefined {
  const outside = ifReadable(() => sealedCallCodec.decode(request))
  return outside && IncomingCall.open(request, { outside, ...at })
}

const answered = (incoming: IncomingCall | undefined, said = answer, by = node): Uint8Array =>
  incoming?.answer(said, { nonce: filled(32, 8), sign: message => by.sign(message) }) ??
  new Uint8Array()

const asked = fc.record({
  method: fc.constantFrom(...callMethods),
  path: fc.webPath().map(path => `/p${path.replace(/[^!-~]|[#\\]/g, '')}`.slice(0, 4_000)),
  type: fc.constantFrom('', 'application/json'),
  body: fc.uint8Array({ maxLength: 5_000 }),
})
const said = fc.record({
  status: fc.integer({ min: 200, max: 599 }),
  type: fc.constantFrom('', 'application/json; charset=utf-8'),
  body: fc.uint8Array({ maxLength: 5_000 }),
})

test('whatever is asked and answered arrives as it was, signed by both', () => {
  fc.assert(
    fc.property(asked, said, (question, reply) => {
      const { outgoing, request } = sent(question)
      const incoming = received(request)
      expect(incoming?.call).toMatchObject(question)
      expect(incoming?.isSigned).toBe(true)
      expect(outgoing.open(answered(incoming, reply))).toEqual(reply)
    }),
    { numRuns: 40 },
  )
})

test('a request with any byte changed opens nowhere', () => {
  const { request } = sent()
  const opened: number[] = []
  for (let at = 0; at < request.length; at++) {
    const changed = request.with(at, (request[at] ?? 0) ^ (1 << (at % 8)))
    if (received(changed) !== undefined) opened.push(at)
  }
  expect(opened).toEqual([])
  for (const length of [0, 1, 40, 1_200, request.length - 1]) {
    expect(received(request.subarray(0, length))).toBeUndefined()
  }
})

test('an answer with any byte changed is none', () => {
  const { outgoing, request } = sent()
  const good = answered(received(request))
  expect(outgoing.open(good)).toEqual(answer)
  const opened: number[] = []
  for (let at = 0; at < good.length; at++) {
    const changed = good.with(at, (good[at] ?? 0) ^ (1 << (at % 8)))
    if (outgoing.open(changed) !== undefined) opened.push(at)
  }
  expect(opened).toEqual([])
})

test('two answers cannot be swapped, of one client and of one question', () => {
  const [first, second] = [
    sent(call, target, key.publicKey, 7),
    sent(call, target, key.publicKey, 8),
  ]
  const [one, two] = [answered(received(first.request)), answered(received(second.request))]
  expect(first.outgoing.open(one)).toEqual(answer)
  expect(second.outgoing.open(two)).toEqual(answer)
  expect(first.outgoing.open(two)).toBeUndefined()
  expect(second.outgoing.open(one)).toBeUndefined()
})

test('nobody answers but the identity that was asked, whatever keys he has', () => {
  const { outgoing, request } = sent()
  // Holds the subkey, and so the key of the answer.
  expect(outgoing.open(answered(received(request), answer, other))).toBeUndefined()
  // Signs rightly, over what another key sealed.
  const elsewhere = { ...target, subkey: subkeyDigest(otherKey.publicKey) }
  const strange = sent(call, elsewhere, otherKey.publicKey)
  const forged = answered(received(strange.request, { key: otherKey, target: elsewhere }))
  expect(outgoing.open(forged)).toBeUndefined()
})

test('the signature of an answer is about its call: what the node signed about another one is none', () => {
  const { outgoing, request } = sent()
  const [own, foreign] = [request, sent(call, target, key.publicKey, 8).request].map(each =>
    Buffer.from(bytesOfDigest(requestDigest(each))),
  )
  const sign = (about: Buffer | undefined) => (message: Uint8Array) => {
    const changed = Buffer.from(message)
    const at = changed.indexOf(own ?? '')
    if (at >= 0) about?.copy(changed, at)
    return node.sign(changed)
  }
  const nonce = filled(32, 8)
  const by = (about: Buffer | undefined): Uint8Array =>
    received(request)?.answer(answer, { nonce, sign: sign(about) }) ?? new Uint8Array()
  expect(outgoing.open(by(own))).toEqual(answer)
  expect(outgoing.open(by(foreign))).toBeUndefined()
})

test('a call opens at the node, the network and the subkey that it was sealed for alone', () => {
  const { request } = sent()
  expect(received(request)).toBeDefined()
  expect(received(request, { key, target: { ...target, node: other.publicKey } })).toBeUndefined()
  const foreign = { ...target, network: 'cd'.repeat(32) as NetworkId }
  expect(received(request, { key, target: foreign })).toBeUndefined()
  expect(received(request, { key: otherKey, target })).toBeUndefined()
})

test('a call that names another node inside than outside is none, even if it was sealed so', () => {
  const sealed = (named: Uint8Array): Uint8Array => {
    const made = sendTo(key.publicKey, { info: callInfo(target), entropy: filled(64, 7) })
    if (made === undefined) throw new Error('a good key')
    const { encapsulated, context } = made
    const outside = { subkey: bytesOfDigest(target.subkey), encapsulated }
    const fields = { ...call, id: filled(16, 1), expiresAt: 1_000, client: client.publicKey }
    const inside = { ...fields, node: named, signature: filled(64, 1) }
    const box = padded(clientCallCodec.encode(inside), callPaddedBytesMin)
    return sealedCallCodec.encode({ ...outside, sealed: context.seal(callAad(outside), box) })
  }
  expect(received(sealed(node.publicKey))?.call.node).toEqual(node.publicKey)
  expect(received(sealed(other.publicKey))).toBeUndefined()
})

test('a node that got a call cannot have another one carry it out: the signature covers the seal', () => {
  const incoming = received(sent().request)
  if (incoming === undefined) throw new Error('a good call')
  // Seals the very call anew, to a node that shares the identity even; it has no key to sign it with.
  const again = OutgoingCall.to(target, { subkey: key.publicKey, entropy: filled(64, 99) })
  const resealed = received(again?.seal(incoming.call) ?? new Uint8Array())
  expect(resealed?.call.signature).toEqual(incoming.call.signature)
  expect(resealed?.isSigned).toBe(false)
})

test('every field of a call is signed', () => {
  const outgoing = OutgoingCall.to(target, { subkey: key.publicKey, entropy: filled(64, 7) })
  if (outgoing === undefined) throw new Error('a good key')
  const unsigned = { ...call, id: filled(16, 1), expiresAt: 1_000, client: client.publicKey }
  const changes = [
    { id: filled(16, 2) },
    { expiresAt: 1_001 },
    { client: other.publicKey },
    { method: 'DELETE' as const },
    { path: '/v1/state/l' },
    { type: 'application/json' },
    { body: filled(1, 1) },
  ]
  const messages = [{}, ...changes].map(change => outgoing.message({ ...unsigned, ...change }))
  expect(new Set(messages.map(bytes => Buffer.from(bytes).toString('hex'))).size).toBe(8)
})

test('all questions and answers of a few hundred bytes have one size each', () => {
  const sizes = ['/a', '/v1/state/team%2Fa-much-longer-name-of-a-key'].map(path => {
    const { request } = sent({ ...call, path })
    return [
      request.length,
      answered(received(request), { ...answer, body: filled(path.length, 1) }).length,
    ]
  })
  expect(sizes[0]).toEqual(sizes[1])
})

const now = timestamp(1_793_000_000_000)
function offered(
  change: Partial<ChannelOffer> = {},
  by = node,
  at: NetworkId = network,
): ChannelOffer {
  const unsigned = {
    node: node.publicKey,
    subkey: key.publicKey,
    from: now - 1_000,
    until: now - 1_000 + subkeyLife,
    ...change,
  }
  return { ...unsigned, signature: by.sign(offerMessage(at, unsigned)) }
}
const judged = (offer: ChannelOffer, at = now): string | undefined =>
  offerRefusal(offer, { network, node: node.publicKey, now: at, skew: 30_000 })

test('an offer counts within its hour, of the node that was looked at and this network', () => {
  expect(judged(offered())).toBeUndefined()
  const { from, until } = offered()
  expect(judged(offered(), timestamp(from - 30_000))).toBeUndefined()
  expect(judged(offered(), timestamp(until + 30_000))).toBeUndefined()
  expect(judged(offered(), timestamp(from - 30_001))).toBe('OFFER_EXPIRED')
  expect(judged(offered(), timestamp(until + 30_001))).toBe('OFFER_EXPIRED')
  // A node that offered one key for ever would have one that is worth taking.
  expect(judged(offered({ until: until + 1 }))).toBe('OFFER_EXPIRED')
  expect(judged(offered({ from: from - 1 }))).toBe('OFFER_EXPIRED')
  expect(judged(offered({}, other))).toBe('OFFER_FORGED')
  expect(judged(offered({}, node, 'cd'.repeat(32) as NetworkId))).toBe('OFFER_FORGED')
  // Another genuine node's, and one that names this node and is not signed by it.
  expect(judged(offered({ node: other.publicKey }, other))).toBe('OFFER_FORGED')
  expect(judged({ ...offered(), subkey: otherKey.publicKey })).toBe('OFFER_FORGED')
})

test('an offer with any byte changed is none', () => {
  const bytes = channelOfferCodec.encode(offered())
  const good: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8)))
    const offer = ifReadable(() => channelOfferCodec.decode(changed))
    if (offer !== undefined && judged(offer) === undefined) good.push(at)
  }
  expect(good).toEqual([])
})

test('a digest names one subkey', () => {
  expect(subkeyDigest(key.publicKey)).not.toBe(subkeyDigest(otherKey.publicKey))
  expect(digestOf(bytesOfDigest(target.subkey))).toBe(target.subkey)
})
