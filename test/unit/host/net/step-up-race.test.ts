/** A step-up that is asked for as soon as a connection stands, while two nodes may still be dialling each other. */
import { expect, test } from 'vitest'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { after, seconds } from '../../../../src/base/time.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import type { ChannelFacts } from '../../../../src/host/net/channel-facts.ts'
import { StepUp, type StepUpLink } from '../../../../src/host/net/step-up.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { evidenceDigest } from '../../../../src/wire/evidence.ts'
import { stepUpRequestCodec } from '../../../../src/wire/step-up.ts'
import { codeOf, RecordingHandlers } from '../../../conformance/net-world.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'
import { patience } from '../../../fixtures/patience.ts'

const asker = new FakeAdmission({ name: 'asker' })
const prover = new FakeAdmission({ name: 'prover' })
const timers = { after: () => () => undefined }

/** Both ends of the connection with this handshake hash. */
function channel(hash: number): { readonly mine: StepUpLink; readonly theirs: StepUpLink } {
  const facts: Omit<ChannelFacts, 'own'> = {
    network: asker.network,
    protocol: '/coterie/attested-noise/1',
    manifest: asker.manifest.hash,
    initiator: { identity: asker.keys.identity, noise: asker.keys.noise },
    responder: { identity: prover.keys.identity, noise: prover.keys.noise },
    handshakeHash: new Uint8Array(32).fill(hash),
  }
  const end = (of: FakeAdmission, own: 'initiator' | 'responder'): StepUpLink => ({
    node: of.node,
    channel: { ...facts, own },
    shown: evidenceDigest((of === asker ? prover : asker).evidence),
    lapsesAt: after(systemClock.monotonic(), seconds(600)),
    member: {
      node: of.node,
      keys: of.keys,
      evidence: of.evidence,
      outbound: true,
      address: '',
      verdict: of.appraiseKeys(of.keys, of.evidence) as never,
    },
  })
  return { mine: end(prover, 'initiator'), theirs: end(asker, 'responder') }
}

type Answer = (request: Uint8Array) => Promise<Uint8Array>

/** Asks over `links` in turn: each answer finds the next of them in place. */
function asking(links: readonly StepUpLink[], answers: readonly Answer[]) {
  let at = 0
  const handlers = new RecordingHandlers()
  const steppedUp: unknown[] = []
  handlers.steppedUp = (...told: unknown[]) => void steppedUp.push(told)
  const requests: Uint8Array[] = []
  const stepUp = new StepUp<StepUpLink>({
    verifications: new VerificationQueue(queueMicrotask),
    ...{ admission: asker, handlers, clock: systemClock, timers, random: systemRandom },
    log: silentLogger,
    disconnect() {},
    links: {
      current: () => links[at],
      require: () => links[at] as StepUpLink,
      renew() {},
    },
    ask: async (_node, request) => {
      const answer = answers[requests.length]
      requests.push(request)
      const bytes = await answer?.(request)
      at = Math.min(at + 1, links.length - 1)
      return bytes ?? new Uint8Array(0)
    },
  })
  const ask = () => stepUp.ask(prover.node, 'step-up', patience())
  return { ask, requests, steppedUp }
}

const answering = new StepUp<StepUpLink>({
  ...{ admission: prover, handlers: new RecordingHandlers(), clock: systemClock, timers },
  ...{ random: systemRandom, log: silentLogger, disconnect() {} },
  verifications: new VerificationQueue(queueMicrotask),
  links: { current: () => undefined, require: () => undefined as never, renew() {} },
  ask: async () => new Uint8Array(0),
})
const over =
  (link: StepUpLink): Answer =>
  request =>
    answering.answer(request, link)

test('when another connection took over meanwhile, the quote is asked for again there, under another nonce', async () => {
  const [lost, kept] = [channel(1), channel(2)]
  const { ask, requests, steppedUp } = asking(
    [lost.mine, kept.mine],
    [over(lost.theirs), over(kept.theirs)],
  )
  expect((await ask()).kind).toBe('trusted')
  expect(steppedUp).toHaveLength(1)
  const [first, second] = requests.map(request => stepUpRequestCodec.decode(request).nonce.join())
  expect(second).not.toBe(first)
})

test('the answer of one connection proves nothing on the one that replaced it, nor does a replay of an earlier one', async () => {
  const [lost, kept] = [channel(1), channel(2)]
  const relayed = asking([lost.mine, kept.mine], [over(lost.theirs), over(lost.theirs)])
  expect(await relayed.ask()).toMatchObject({ kind: 'refused', code: 'REPORT_DATA_MISMATCH' })
  expect(relayed.steppedUp).toEqual([])

  let recorded: Uint8Array | undefined
  const record: Answer = async request => {
    recorded = await over(kept.theirs)(request)
    return recorded
  }
  expect((await asking([kept.mine], [record]).ask()).kind).toBe('trusted')
  const replayed = asking([kept.mine], [async () => recorded ?? concatBytes()])
  expect(await replayed.ask()).toMatchObject({ kind: 'refused', code: 'REPORT_DATA_MISMATCH' })
  expect(replayed.steppedUp).toEqual([])
})

test('connections that change without end are not asked without end', async () => {
  const all = [1, 2, 3, 4].map(channel)
  const { ask, requests, steppedUp } = asking(
    all.map(({ mine }) => mine),
    all.map(({ theirs }) => over(theirs)),
  )
  expect(await codeOf(ask())).toBe('ASK_FAILED')
  expect(requests).toHaveLength(2)
  expect(steppedUp).toEqual([])
})

test('a connection that is replaced while its quote waits for its appraisal is not renewed', async () => {
  const [lost, kept] = [channel(1), channel(2)]
  let current = lost.mine
  const renewed: StepUpLink[] = []
  const handlers = new RecordingHandlers()
  const stepUp = new StepUp<StepUpLink>({
    ...{ admission: asker, handlers, clock: systemClock, timers, random: systemRandom },
    ...{ log: silentLogger, disconnect() {} },
    verifications: new VerificationQueue(action => {
      current = kept.mine
      queueMicrotask(action)
    }),
    links: {
      current: () => current,
      require: () => current,
      renew: link => void renewed.push(link),
    },
    ask: (_node, request) => over(current === lost.mine ? lost.theirs : kept.theirs)(request),
  })
  expect((await stepUp.ask(prover.node, 'step-up', patience())).kind).toBe('trusted')
  expect(renewed).toEqual([kept.mine])
  stepUp.stop()
})
