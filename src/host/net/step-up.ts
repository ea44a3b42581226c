/**
 * Step-up on an open member connection: one side asks, the other answers with a fresh quote bound to this
 * connection, the purpose and the asker's nonce. It needs nothing of the asker but the connection, so two
 * strangers can step each other up at once.
 */
import { binder } from '../../attestation/binder.ts'
import type { Verdict } from '../../attestation/verdict.ts'
import { HostError, PeerFault } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import {
  between,
  type Clock,
  type Duration,
  type Instant,
  milliseconds,
  seconds,
} from '../../base/time.ts'
import { evidenceCodec, evidenceDigest, type NodeKeys } from '../../wire/evidence.ts'
import {
  type StepUpAnswer,
  stepUpAnswerCodec,
  stepUpBatchMax,
  stepUpLeaf,
  stepUpReportData,
  stepUpRequestCodec,
  stepUpRoot,
  stepUpTree,
} from '../../wire/step-up.ts'
import type { Timers } from '../port.ts'
import type { ChannelFacts } from './channel-facts.ts'
import type { Admission, MemberConnection, Net, NetHandlers, StepUpPurpose } from './port.ts'
import type { VerificationQueue } from './verification-queue.ts'

/** Protocol id of step-up. */
export const stepUpProtocol = '/coterie/step-up/1'

/** Two nodes that dial each other at once change links once; the quote is asked for again on the one that stays. */
const racesMax = 1

/** A side that only answers draws no nonce of its own: the asker's is what makes the quote fresh. */
const noChallenge = new Uint8Array(32)

/** A member connection as step-up sees it. */
export interface StepUpLink {
  readonly node: NodeId
  readonly channel: ChannelFacts
  readonly member: MemberConnection
  /** The evidence that this side named in the handshake: the other side knows no newer one for certain. */
  readonly shown: Digest
  /** When the verdict on the other end lapses. */
  readonly lapsesAt: Instant
}

/** The table of member connections as step-up sees it. */
export interface StepUpLinks<L extends StepUpLink> {
  current(node: NodeId): L | undefined
  /** @throws {HostError} `NOT_CONNECTED`. */
  require(node: NodeId): L
  renew(link: L, verdict: MemberConnection['verdict']): void
}

/** What step-up stands on. */
export interface StepUpDeps<L extends StepUpLink> {
  readonly admission: Admission
  readonly verifications: VerificationQueue
  readonly handlers: NetHandlers
  readonly links: StepUpLinks<L>
  /** Sends a request on the member connection and resolves to its answer. */
  ask(node: NodeId, request: Uint8Array, signal: AbortSignal): ReturnType<Net['ask']>
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
  disconnect(node: NodeId, code: string): void
}

interface Waiting {
  readonly leaf: Uint8Array
  readonly answer: PromiseWithResolvers<Uint8Array>
}

/** Asks, answers, and asks again before a verdict lapses. */
export class StepUp<L extends StepUpLink> {
  readonly #deps: StepUpDeps<L>
  readonly #renewals = new Map<NodeId, () => void>()
  readonly #stopping = new AbortController()
  #waiting: Waiting[] = []
  #isQuoting = false

  constructor(deps: StepUpDeps<L>) {
    this.#deps = deps
  }

  /** Answers one request; those that come while a quote is made share the next one. */
  async answer(request: Uint8Array, link: L): Promise<Uint8Array> {
    const { purpose, nonce } = stepUpRequestCodec.decode(request)
    const { keys } = this.#deps.admission.self()
    const leaf = leafOf(link.channel, link.channel.own, {
      purpose,
      nonce,
      keys,
      evidence: link.shown,
    })
    if (this.#waiting.length >= stepUpBatchMax) throw new PeerFault('BUSY', 'too many requests')
    const answer = Promise.withResolvers<Uint8Array>()
    this.#waiting.push({ leaf, answer })
    if (!this.#isQuoting) void this.#quoteAll()
    return answer.promise
  }

  /** Asks the member for a fresh quote and has it appraised. A trusted verdict renews the connection. */
  async ask(node: NodeId, purpose: StepUpPurpose, signal: AbortSignal): Promise<Verdict> {
    for (let race = 0; race <= racesMax; race++) {
      const verdict = await this.#askOver(this.#deps.links.require(node), purpose, signal)
      if (verdict !== undefined) return verdict
    }
    throw new HostError('ASK_FAILED', 'the connection changed')
  }

  /** The verdict on one link; `undefined` if another took its place: the answer proves nothing about that one. */
  async #askOver(
    link: L,
    purpose: StepUpPurpose,
    signal: AbortSignal,
  ): Promise<Verdict | undefined> {
    const { admission, handlers, links, random, verifications } = this.#deps
    const { node } = link
    const nonce = random.bytes(32)
    const request = stepUpRequestCodec.encode({ purpose, nonce })
    const answer = stepUpAnswerCodec.decode(await this.#deps.ask(node, request, signal))
    if (links.current(node) !== link) return undefined
    const verdict = await verifications.ofMember(() =>
      this.#appraise(link, { purpose, nonce, answer }, admission),
    )
    if (links.current(node) !== link) return undefined
    if (verdict.kind === 'trusted') {
      links.renew(link, verdict)
      this.watch(link)
      handlers.steppedUp(node, purpose, verdict)
    }
    return verdict
  }

  /** Sees to it that the link is re-attested before its verdict lapses, and closed if that fails. */
  watch(link: StepUpLink): void {
    const { clock, timers } = this.#deps
    this.unwatch(link.node)
    const left = between(clock.monotonic(), link.lapsesAt)
    const wait = Math.max(0, left - this.#lead(left))
    const cancel = timers.after(milliseconds(Math.min(wait, longestWait)), () => {
      if (wait > longestWait) this.watch(link)
      else void this.#renew(link.node)
    })
    this.#renewals.set(link.node, cancel)
  }

  unwatch(node: NodeId): void {
    this.#renewals.get(node)?.()
    this.#renewals.delete(node)
  }

  stop(): void {
    this.#stopping.abort()
    for (const cancel of this.#renewals.values()) cancel()
    this.#renewals.clear()
  }

  #appraise(
    link: StepUpLink,
    shown: {
      readonly purpose: StepUpPurpose
      readonly nonce: Uint8Array
      readonly answer: StepUpAnswer
    },
    admission: Admission,
  ): Verdict {
    const { member, channel } = link
    const prover = channel.own === 'initiator' ? 'responder' : 'initiator'
    const leaf = leafOf(channel, prover, {
      purpose: shown.purpose,
      nonce: shown.nonce,
      keys: member.keys,
      evidence: evidenceDigest(member.evidence),
    })
    const root = stepUpRoot(leaf, shown.answer)
    if (root === undefined) return { kind: 'refused', code: 'STEP_UP_PATH', facts: {} }
    const evidence = evidenceCodec.decode(shown.answer.evidence)
    const reportData = stepUpReportData(channel.network, root)
    return ofSameMachine(member, admission.appraiseBinder(link.node, evidence, reportData))
  }

  async #quoteAll(): Promise<void> {
    this.#isQuoting = true
    const { admission, log } = this.#deps
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      const { root, paths } = stepUpTree(batch.map(({ leaf }) => leaf))
      try {
        const reportData = stepUpReportData(admission.network, root)
        const quoted = await admission.quote(reportData, this.#stopping.signal)
        const evidence = evidenceCodec.encode(quoted)
        batch.forEach(({ answer }, index) => {
          const path = paths[index] ?? []
          answer.resolve(stepUpAnswerCodec.encode({ evidence, index, count: batch.length, path }))
        })
      } catch (cause) {
        log.warn('no quote for a step-up', { error: String(cause) })
        const fault = new HostError('QUOTE_FAILED', 'the attester gave no quote', { cause })
        for (const { answer } of batch) answer.reject(fault)
      }
    }
    this.#isQuoting = false
  }

  async #renew(node: NodeId): Promise<void> {
    const { clock, disconnect, links, log, timers } = this.#deps
    const link = links.current(node)
    if (link === undefined) {
      disconnect(node, 'VERDICT_EXPIRED')
      return
    }
    const deadline = new AbortController()
    const left = Math.max(0, between(clock.monotonic(), link.lapsesAt))
    const cancel = timers.after(milliseconds(left), () => deadline.abort())
    try {
      const signal = AbortSignal.any([this.#stopping.signal, deadline.signal])
      const verdict = await this.ask(node, 're-attest', signal)
      if (verdict.kind === 'trusted') return
      disconnect(node, verdict.kind === 'refused' ? verdict.code : 'UNDETERMINED')
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      log.warn('re-attestation failed', { node, error: String(error) })
      if (links.current(node) === link || links.current(node) === undefined) {
        disconnect(node, 'RE_ATTEST_FAILED')
      }
    } finally {
      cancel()
    }
  }

  /** A fifth of what is left, at most a minute, spread so that members do not all ask at once. */
  #lead(left: Duration): number {
    const [byte = 0] = this.#deps.random.bytes(1)
    return Math.min(left / 5, seconds(60)) * (1 + byte / 256)
  }
}

/** Timers take 31 bits of milliseconds; a longer wait is made of several. */
const longestWait = 2 ** 30

/** Keys never leave their machine: a quote of another was diverted, and would carry the member out of what is held against its own. */
function ofSameMachine({ verdict: held }: MemberConnection, verdict: Verdict): Verdict {
  if (verdict.kind !== 'trusted' || verdict.instance === held.instance) return verdict
  const reason = `attested on ${held.instance}, quoted on ${verdict.instance}`
  return { kind: 'refused', code: 'INSTANCE_MISMATCH', facts: { reason } }
}

function leafOf(
  channel: ChannelFacts,
  prover: 'initiator' | 'responder',
  proof: {
    readonly purpose: StepUpPurpose
    readonly nonce: Uint8Array
    readonly keys: NodeKeys
    readonly evidence: Digest
  },
): Uint8Array {
  const asker = prover === 'initiator' ? 'responder' : 'initiator'
  return stepUpLeaf(
    binder({
      purpose: proof.purpose,
      network: channel.network,
      protocol: channel.protocol,
      prover,
      manifest: channel.manifest,
      initiator: {
        ...channel.initiator,
        challenge: asker === 'initiator' ? proof.nonce : noChallenge,
      },
      responder: {
        ...channel.responder,
        challenge: asker === 'responder' ? proof.nonce : noChallenge,
      },
      handshakeHash: channel.handshakeHash,
      evidence: proof.evidence,
      kem: proof.keys.kem,
    }),
  )
}
