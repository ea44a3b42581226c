import { expect, test } from 'vitest'
import { concatBytes } from '../../../../src/base/bytes.ts'
import type { NodeId } from '../../../../src/base/ids.ts'
import type { ChannelFacts } from '../../../../src/host/net/channel-facts.ts'
import { attestMember } from '../../../../src/host/net/handshake.ts'
import type { Attested, FramePort, Outcome } from '../../../../src/host/net/handshake-exchange.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { evidenceDigest } from '../../../../src/wire/evidence.ts'
import {
  decodeHandshakeFrame,
  encodeHandshakeFrame,
  type HandshakeFrame,
} from '../../../../src/wire/handshake.ts'
import { FakeAdmission, fakeManifest } from '../../../fixtures/fake-admission.ts'
import { patience } from '../../../fixtures/patience.ts'

/** What a network in between, or a lying end, makes of one frame: the same, another, or none. */
type Meddler = (
  frame: HandshakeFrame,
  from: 'initiator' | 'responder',
) => HandshakeFrame | Uint8Array

class Pipe {
  readonly #frames: Uint8Array[] = []
  #wake: (() => void) | undefined
  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#wake?.()
  }
  async read(signal: AbortSignal): Promise<Uint8Array> {
    while (this.#frames.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => reject(new Error('time is up')))
        if (signal.aborted) reject(new Error('time is up'))
      })
    }
    return this.#frames.shift() ?? new Uint8Array(0)
  }
}

interface Run {
  readonly initiator: Outcome<Attested>
  readonly responder: Outcome<Attested>
  readonly sent: readonly { readonly from: string; readonly frame: HandshakeFrame }[]
}

async function run(
  a: FakeAdmission,
  b: FakeAdmission,
  options: { readonly meddle?: Meddler; readonly channel?: Partial<ChannelFacts> } = {},
): Promise<Run> {
  const { meddle = frame => frame } = options
  const sent: { from: string; frame: HandshakeFrame }[] = []
  const pipes = { initiator: new Pipe(), responder: new Pipe() }
  const port = (own: 'initiator' | 'responder'): FramePort => ({
    read: signal => pipes[own].read(signal),
    write: async frames => {
      const other = own === 'initiator' ? pipes.responder : pipes.initiator
      for (const bytes of frames) {
        const frame = decodeHandshakeFrame(bytes)
        sent.push({ from: own, frame })
        const passed = meddle(frame, own)
        other.push(passed instanceof Uint8Array ? passed : encodeHandshakeFrame(passed))
      }
    },
  })
  const channel = {
    network: a.network,
    protocol: '/coterie/attested-noise/1',
    initiator: { identity: a.keys.identity, noise: a.keys.noise },
    responder: { identity: b.keys.identity, noise: b.keys.noise },
    handshakeHash: new Uint8Array(32).fill(9),
    ...options.channel,
  }
  const signal = patience()
  const end = (own: 'initiator' | 'responder', me: FakeAdmission, node: NodeId) =>
    attestMember(
      {
        port: port(own),
        channel: { ...channel, own },
        node,
        challenge: systemRandom.bytes(32),
        signal,
        barred: () => undefined,
      },
      me,
      new VerificationQueue(),
    )
  const [initiator, responder] = await Promise.all([
    end('initiator', a, b.node),
    end('responder', b, a.node),
  ])
  return { initiator, responder, sent }
}

const node = (name: string, measurement = 'good') => new FakeAdmission({ name, measurement })

/** Both ends refuse, one of its own mind, the other told, with one code. */
function refusedBy(side: 'initiator' | 'responder', code: string, run: Run): void {
  const other = side === 'initiator' ? 'responder' : 'initiator'
  expect(run[side]).toMatchObject({ kind: 'refused', by: 'me', refusal: { code } })
  expect(run[other]).toMatchObject({ kind: 'refused', by: 'them', refusal: { code } })
}

test('both ends hold the other’s keys, evidence and verdict', async () => {
  const [a, b] = [node('a'), node('b')]
  const { initiator, responder } = await run(a, b)
  expect(initiator).toMatchObject({ kind: 'attested', attested: { keys: b.keys } })
  expect(responder).toMatchObject({ kind: 'attested', attested: { keys: a.keys } })
})

test('evidence that is known does not travel again', async () => {
  const [a, b] = [node('a'), node('b')]
  await run(a, b)
  const again = await run(a, b)
  const proofs = again.sent.filter(({ frame }) => frame.kind === 'proof')
  expect(proofs.map(({ frame }) => frame.kind === 'proof' && frame.evidence)).toEqual([null, null])
  expect(again.initiator.kind).toBe('attested')
})

test('the answering side shows nothing of its evidence before the dialler proved itself', async () => {
  const { sent } = await run(node('a', 'evil'), node('b'))
  expect(sent.filter(({ from, frame }) => from === 'responder' && frame.kind === 'proof')).toEqual(
    [],
  )
})

test('what the policy refuses is refused at both ends, whichever end it is', async () => {
  refusedBy('responder', 'MEASUREMENT_MISMATCH', await run(node('a', 'evil'), node('b')))
  const [a, b] = [node('a'), node('b', 'evil')]
  b.judge = () => b.appraiseBinder(a.node, { ...b.evidence }, b.evidence.body.subarray(0, 64))
  b.manifest = { ...b.manifest, measurements: ['good', 'evil'] }
  refusedBy('initiator', 'MEASUREMENT_MISMATCH', await run(a, b))
})

test('a verdict that could not be reached is no verdict', async () => {
  const [a, b] = [node('a'), node('b')]
  b.judge = () => ({ kind: 'undetermined', missing: ['TCB info'] })
  const result = await run(a, b)
  refusedBy('responder', 'UNDETERMINED', result)
})

test('relayed evidence is refused: its keys are not those of this channel', async () => {
  const [victim, b] = [node('victim'), node('b')]
  const mallory = node('mallory')
  // Mallory shows the victim's keys and evidence on a channel of its own.
  Object.assign(mallory, { evidence: victim.evidence })
  const relay: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof' ? { ...frame, keys: victim.keys } : frame
  refusedBy('responder', 'IDENTITY_MISMATCH', await run(mallory, b, { meddle: relay }))
  const keepIdentity: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof'
      ? { ...frame, keys: { ...victim.keys, identity: mallory.keys.identity } }
      : frame
  refusedBy('responder', 'NOISE_KEY_MISMATCH', await run(mallory, b, { meddle: keepIdentity }))
  // With its own keys and somebody else's evidence it gets past the keys and falls at the report data.
  refusedBy('responder', 'REPORT_DATA_MISMATCH', await run(mallory, b))
})

test('evidence shown back to its owner is refused', async () => {
  const [a, mirror] = [node('a'), node('mirror')]
  const reflect: Meddler = (frame, from) =>
    from === 'responder' && frame.kind === 'proof' ? { ...frame, keys: a.keys } : frame
  Object.assign(mirror, { evidence: a.evidence })
  refusedBy('initiator', 'IDENTITY_MISMATCH', await run(a, mirror, { meddle: reflect }))
})

test('a proof of an earlier connection does not hold on this one', async () => {
  const [a, b] = [node('a'), node('b')]
  const first = await run(a, b)
  const old = first.sent.find(({ from, frame }) => from === 'initiator' && frame.kind === 'proof')
  const replay: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof' && old !== undefined ? old.frame : frame
  refusedBy('responder', 'BINDER_MISMATCH', await run(a, b, { meddle: replay }))
  const oldAnswer = first.sent.find(
    ({ from, frame }) => from === 'responder' && frame.kind === 'proof',
  )
  const replayAnswer: Meddler = (frame, from) =>
    from === 'responder' && frame.kind === 'proof' && oldAnswer !== undefined
      ? oldAnswer.frame
      : frame
  refusedBy('initiator', 'BINDER_MISMATCH', await run(a, b, { meddle: replayAnswer }))
})

test('one bit changed in any field of a proof or a hello ends the handshake', async () => {
  const flip = (bytes: Uint8Array): Uint8Array => {
    const changed = bytes.slice()
    changed[bytes.length - 1] = (changed[bytes.length - 1] ?? 0) ^ 1
    return changed
  }
  const changes: readonly Meddler[] = [
    frame => (frame.kind === 'hello' ? { ...frame, challenge: flip(frame.challenge) } : frame),
    frame =>
      frame.kind === 'hello' && frame.evidence !== null
        ? { ...frame, evidence: flip(frame.evidence) }
        : frame,
    frame =>
      frame.kind === 'hello' && frame.manifest !== null
        ? { ...frame, manifest: { ...frame.manifest, hash: flip(frame.manifest.hash) } }
        : frame,
    frame => (frame.kind === 'proof' ? { ...frame, signature: flip(frame.signature) } : frame),
    frame =>
      frame.kind === 'proof'
        ? { ...frame, keys: { ...frame.keys, kem: flip(frame.keys.kem) } }
        : frame,
  ]
  for (const change of changes) {
    for (const side of ['initiator', 'responder'] as const) {
      const meddle: Meddler = (frame, from) => (from === side ? change(frame, from) : frame)
      const { initiator, responder } = await run(node('a'), node('b'), { meddle })
      expect([initiator.kind, responder.kind]).toEqual(['refused', 'refused'])
    }
  }
})

test('evidence that was promised under another digest is refused', async () => {
  const [a, b, c] = [node('a'), node('b'), node('c')]
  const { evidenceCodec } = await import('../../../../src/wire/evidence.ts')
  const swap: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof'
      ? { ...frame, evidence: evidenceCodec.encode(c.evidence) }
      : frame
  refusedBy('responder', 'EVIDENCE_MISMATCH', await run(a, b, { meddle: swap }))
  const withhold: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof' ? { ...frame, evidence: null } : frame
  refusedBy('responder', 'EVIDENCE_MISSING', await run(a, b, { meddle: withhold }))
})

test('garbage, frames out of turn and frames of no kind are refused with a code', async () => {
  const garbage: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'proof'
      ? concatBytes(Uint8Array.of(3), systemRandom.bytes(64))
      : frame
  const broken = await run(node('a'), node('b'), { meddle: garbage })
  expect(broken.responder).toMatchObject({ kind: 'refused', by: 'me' })
  expect(broken.initiator).toMatchObject({ kind: 'refused', by: 'them' })
  const early: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'hello' ? { kind: 'accepted' } : frame
  refusedBy('responder', 'UNEXPECTED_FRAME', await run(node('a'), node('b'), { meddle: early }))
  const unknown: Meddler = (frame, from) =>
    from === 'responder' && frame.kind === 'hello' ? Uint8Array.of(99) : frame
  refusedBy('initiator', 'UNKNOWN_FRAME', await run(node('a'), node('b'), { meddle: unknown }))
  const empty: Meddler = (frame, from) =>
    from === 'responder' && frame.kind === 'hello' ? new Uint8Array(0) : frame
  refusedBy('initiator', 'UNKNOWN_FRAME', await run(node('a'), node('b'), { meddle: empty }))
})

test('an old manifest at boot achieves nothing: the newer one judges', async () => {
  const [old, evil] = [node('old'), node('evil', 'evil')]
  evil.manifest = fakeManifest(1, ['good', 'evil'])
  old.manifest = fakeManifest(2, ['good'])
  refusedBy('responder', 'MEASUREMENT_MISMATCH', await run(evil, old))
  expect(evil.manifest.nonce).toBe(2)
})

test('a peer that claims a higher manifest must show it', async () => {
  const claim: Meddler = (frame, from) =>
    from === 'initiator' && frame.kind === 'hello' && frame.manifest !== null
      ? { ...frame, manifest: { nonce: 7, hash: frame.manifest.hash } }
      : frame
  const { responder } = await run(node('a'), node('b'), { meddle: claim })
  expect(responder).toMatchObject({
    kind: 'refused',
    by: 'me',
    refusal: { code: 'UNEXPECTED_FRAME' },
  })
})

test('newer evidence that comes in the midst of a handshake waits for the next one', async () => {
  const [a, b] = [new FakeAdmission({ name: 'a' }), new FakeAdmission({ name: 'b' })]
  const first = { a: a.evidence, b: b.evidence }
  const { initiator, responder } = await run(a, b, {
    meddle: (frame, from) => {
      if (frame.kind === 'hello') {
        const of = from === 'initiator' ? a : b
        of.evidence = { ...of.evidence, platform: 'newer' }
      }
      return frame
    },
  })
  expect(initiator).toMatchObject({
    ...{ kind: 'attested', attested: { evidence: first.b, shown: evidenceDigest(first.a) } },
  })
  expect(responder).toMatchObject({
    ...{ kind: 'attested', attested: { evidence: first.a, shown: evidenceDigest(first.b) } },
  })
})
