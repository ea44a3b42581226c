import type { MultiaddrConnection } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest, type NetworkId } from '../../../../src/base/ids.ts'
import { framed } from '../../../../src/crypto/hash.ts'
import {
  type ConnectionRole,
  type EncrypterHooks,
  HandshakeRefused,
  memberEncrypter,
} from '../../../../src/host/net/attested-noise.ts'
import { FrameStream } from '../../../../src/host/net/frame-stream.ts'
import type { Attested } from '../../../../src/host/net/handshake-exchange.ts'
import { IdentityKey } from '../../../../src/host/net/identity-key.ts'
import { type NoiseChannel, openNoiseChannel } from '../../../../src/host/net/noise-channel.ts'
import { NoiseStatic } from '../../../../src/host/net/noise-crypto.ts'
import type { RefusedConnection } from '../../../../src/host/net/port.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'
import type { Timers } from '../../../../src/host/port.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { domains } from '../../../../src/wire/domains.ts'
import { decodeHandshakeFrame, handshakeFrameBytesMax } from '../../../../src/wire/handshake.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'
import { FakeAdmission, type FakeNodeOptions } from '../../../fixtures/fake-admission.ts'
import { patience } from '../../../fixtures/patience.ts'

class End implements EncrypterHooks {
  readonly admission: FakeAdmission
  readonly attestedNow: Attested[] = []
  readonly refusals: RefusedConnection[] = []
  readonly encrypter
  constructor(options: FakeNodeOptions, timers: Timers = systemTimers) {
    this.admission = new FakeAdmission(options)
    const { identitySeed, noiseSecret } = this.admission.secrets()
    const privateKey = new IdentityKey(identitySeed)
    const deps = {
      network: this.admission.network,
      own: new NoiseStatic(noiseSecret),
      random: systemRandom,
      timers,
      hooks: this as EncrypterHooks,
      admission: this.admission,
      queue: new VerificationQueue(),
    }
    const components = {
      privateKey,
      peerId: peerIdFromPrivateKey(privateKey),
      logger: defaultLogger(),
      upgrader: { getStreamMuxers: () => new Map([['/yamux/1.0.0', yamux()()]]) } as never,
    }
    this.encrypter = memberEncrypter(deps)(components)
  }
  barred(node: Parameters<EncrypterHooks['barred']>[0], _role: ConnectionRole) {
    return this.admission.barred(node)
  }
  began() {
    return { [Symbol.dispose]() {} }
  }
  attested(_link: object, attested: Attested) {
    this.attestedNow.push(attested)
  }
  refused(refused: RefusedConnection) {
    this.refusals.push(refused)
  }
}

async function meet(initiator: End, responder: End) {
  const [left, right] = multiaddrConnectionPair()
  const [dialled, answered] = await Promise.allSettled([
    abortingOnFailure(left, initiator.encrypter.secureOutbound(left)),
    abortingOnFailure(right, responder.encrypter.secureInbound(right)),
  ])
  return { dialled, answered }
}

/** What the transport does with a socket whose upgrade failed. */
async function abortingOnFailure<T>(stream: MultiaddrConnection, secured: Promise<T>): Promise<T> {
  try {
    return await secured
  } catch (error) {
    stream.abort(error as Error)
    throw error
  }
}

test('both ends attest each other and agree on one channel, another one each time', async () => {
  const [a, b] = [new End({ name: 'a' }), new End({ name: 'b' })]
  for (const turn of [0, 1]) {
    const { dialled, answered } = await meet(a, b)
    expect([dialled.status, answered.status]).toEqual(['fulfilled', 'fulfilled'])
    const [ofB, ofA] = [a.attestedNow[turn]!, b.attestedNow[turn]!]
    expect(ofB.keys).toEqual(b.admission.keys)
    expect(ofA.keys).toEqual(a.admission.keys)
    expect(toHex(ofA.channel.handshakeHash)).toBe(toHex(ofB.channel.handshakeHash))
    // What the crypto interface overheard is what the other side holds.
    expect(ofA.channel.initiator.noise).toEqual(a.admission.keys.noise)
    expect(ofB.channel.responder.noise).toEqual(b.admission.keys.noise)
  }
  const hashes = a.attestedNow.map(({ channel }) => toHex(channel.handshakeHash))
  expect(new Set(hashes).size).toBe(2)
})

test('the muxer that Noise negotiated is handed on', async () => {
  const { dialled, answered } = await meet(new End({ name: 'a' }), new End({ name: 'b' }))
  for (const side of [dialled, answered]) {
    expect(side.status === 'fulfilled' && side.value.streamMuxer?.protocol).toBe('/yamux/1.0.0')
  }
})

test('another network ends in the prologue, and each side hears what it can know', async () => {
  const other = 'ab'.repeat(32) as NetworkId
  const [a, b] = [new End({ name: 'a', network: other }), new End({ name: 'b' })]
  const { dialled } = await meet(a, b)
  expect(dialled).toMatchObject({ reason: { code: 'WRONG_NETWORK_OR_TAMPERED' } })
  expect(a.refusals).toMatchObject([{ by: 'link', node: null }])
  expect(b.refusals).toMatchObject([
    { by: 'link', node: null, refusal: { code: 'HANDSHAKE_ABORTED' } },
  ])
})

test('the code stands at the start of the message, where it survives the upgrader', async () => {
  const [a, b] = [new End({ name: 'a', measurement: 'evil' }), new End({ name: 'b' })]
  const { dialled, answered } = await meet(a, b)
  for (const side of [dialled, answered]) {
    expect(side.status === 'rejected' && side.reason.message).toMatch(/^MEASUREMENT_MISMATCH: /)
  }
})

test('a barred peer is refused before anything of it is believed, in both roles', async () => {
  const [a, b] = [new End({ name: 'a' }), new End({ name: 'b' })]
  b.admission.bars.set(a.admission.node, { code: 'REMOVED', facts: {} })
  await meet(a, b)
  await meet(b, a)
  expect(a.refusals.map(({ by, refusal }) => [by, refusal.code])).toEqual([
    ['them', 'REMOVED'],
    ['them', 'REMOVED'],
  ])
  expect(b.refusals.map(({ by }) => by)).toEqual(['me', 'me'])
  expect(b.admission.appraisals).toBe(0)
})

test('dialling oneself is noticed', async () => {
  const { dialled } = await meet(new End({ name: 'a' }), new End({ name: 'a' }))
  expect(dialled).toMatchObject({ reason: { code: 'SELF_DIAL' } })
})

test('a peer that falls silent costs ten seconds and no more', async () => {
  const time = new VirtualTime()
  const [a] = [new End({ name: 'a' }, time.timers)]
  const [left] = multiaddrConnectionPair()
  const dialled = a.encrypter.secureOutbound(left).catch((error: unknown) => error)
  await time.advance(9_999)
  expect(a.refusals).toEqual([])
  await time.advance(1)
  expect(await dialled).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
  expect(a.refusals).toMatchObject([{ by: 'link', refusal: { code: 'HANDSHAKE_TIMEOUT' } }])
  expect(time.pending).toBe(0)
})

/** An end that runs Noise honestly and then sends whatever it likes. */
async function rogue(stream: MultiaddrConnection, end: End, send: (channel: NoiseChannel) => void) {
  const { identitySeed, noiseSecret } = end.admission.secrets()
  const privateKey = new IdentityKey(identitySeed)
  const channel = await openNoiseChannel(
    {
      privateKey,
      peerId: peerIdFromPrivateKey(privateKey),
      logger: defaultLogger(),
      upgrader: { getStreamMuxers: () => new Map([['/yamux/1.0.0', yamux()()]]) } as never,
    },
    stream,
    {
      role: 'initiator',
      prologue: framed(
        domains.noisePrologue,
        bytesOfDigest(end.admission.network),
        utf8('/coterie/attested-noise/1'),
      ),
      own: new NoiseStatic(noiseSecret),
      options: {},
    },
  )
  send(channel)
  return channel
}

test('an oversized or malformed frame is refused with a code, and nothing is kept for it', async () => {
  const cases = [
    { bytes: Uint8Array.of(0xff, 0xff, 0xff), code: 'FRAME_TOO_LARGE' },
    { bytes: Uint8Array.of(0, 0, 1, 77), code: 'UNKNOWN_FRAME' },
    { bytes: Uint8Array.of(0, 0, 3, 1, 0xc1, 0x00), code: undefined },
  ]
  for (const { bytes, code } of cases) {
    const [stranger, b] = [new End({ name: 'stranger' }), new End({ name: 'b' })]
    const [left, right] = multiaddrConnectionPair()
    const answered = b.encrypter.secureInbound(right).catch((error: unknown) => error)
    const channel = await rogue(left, stranger, ({ stream }) => stream.send(bytes))
    const port = new FrameStream(channel.stream, handshakeFrameBytesMax)
    const told = decodeHandshakeFrame(await port.read(patience()))
    if (code === undefined) expect(told.kind).toBe('refusal')
    else expect(told).toMatchObject({ kind: 'refusal', code })
    await channel.stream.close()
    expect(await answered).toBeInstanceOf(HandshakeRefused)
    expect(b.refusals).toMatchObject([{ by: 'me', node: stranger.admission.node }])
  }
})

test('frames that nobody asked for end the connection before they are kept', async () => {
  const [stranger, b] = [new End({ name: 'stranger' }), new End({ name: 'b' })]
  const [left, right] = multiaddrConnectionPair()
  const answered = b.encrypter.secureInbound(right).catch((error: unknown) => error)
  await rogue(left, stranger, ({ stream }) => {
    const frame = new Uint8Array(60_000)
    frame.set([0, 0xea, 0x5d])
    for (let i = 0; i < 20; i++) {
      try {
        stream.send(frame)
      } catch {
        // The other side has closed already.
        return
      }
    }
  })
  expect(await answered).toBeInstanceOf(Error)
})
