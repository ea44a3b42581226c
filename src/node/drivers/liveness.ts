/**
 * Runs the liveness machine: beats out through the outbox, probes over member streams, verdicts of the detector
 * to the other rooms.
 */
import { HostError, ifReadable, PeerFault } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Net } from '../../host/net/port.ts'
import type { Host } from '../../host/port.ts'
import type {
  AcceptedBeat,
  LivenessEffect,
  LivenessInput,
  LivenessState,
} from '../../protocol/liveness/input.ts'
import type { Liveness } from '../../protocol/liveness/liveness.ts'
import { heartbeatCodec } from '../../wire/heartbeat.ts'
import { Drive } from '../drive.ts'
import type { EventLog } from '../event-log.ts'

type EffectOf<Kind extends LivenessEffect['kind']> = Extract<LivenessEffect, { kind: Kind }>

interface PendingRequest {
  readonly answer: (bytes: Uint8Array) => void
  readonly refuse: (reason: Error) => void
}

export interface LivenessListeners {
  sendBeat(sequence: number, payload: Uint8Array): void
  accepted(node: NodeId, beat: AcceptedBeat): void
  stateChanged(node: NodeId, state: LivenessState): void
  /** Two signed beats of one number: with the record of their author they remove it for good. */
  equivocated(effect: EffectOf<'equivocated'>): void
}

export class LivenessDriver {
  readonly #drive: Drive<LivenessInput, LivenessEffect>
  readonly #host: Pick<Host, 'clock' | 'timers'>
  readonly #net: () => Net
  readonly #events: EventLog
  readonly #listeners: LivenessListeners
  readonly #requests = new Map<number, PendingRequest>()
  readonly #stopping = new AbortController()
  #lastRequest = 0

  constructor(
    ports: {
      readonly host: Pick<Host, 'clock' | 'timers'>
      readonly machine: Liveness
      readonly net: () => Net
      readonly events: EventLog
    },
    listeners: LivenessListeners,
  ) {
    this.#host = ports.host
    this.#net = ports.net
    this.#events = ports.events
    this.#listeners = listeners
    this.#drive = new Drive<LivenessInput, LivenessEffect>(ports.machine, ports.host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(effect),
    })
  }

  feed(input: LivenessInput): void {
    this.#drive.feed(input)
  }

  /** A signed beat of a member. Answers whether it was one. */
  beatReceived(beat: Extract<LivenessInput, { kind: 'beatReceived' }>): boolean {
    // Looked at before it is handed over: what arrives within a step is taken after it, and its fault would
    // be thrown at whoever began that step.
    if (!isHeartbeat(beat.payload)) return false
    this.#drive.feed(beat)
    return true
  }

  /** The answer to a member's probe. @throws {PeerFault} if the request is none, which costs the connection. */
  async asked(bytes: Uint8Array, from: NodeId): Promise<Uint8Array> {
    this.#stopping.signal.throwIfAborted()
    const request = ++this.#lastRequest
    const answered = new Promise<Uint8Array>((answer, refuse) =>
      this.#requests.set(request, { answer, refuse }),
    )
    try {
      this.#drive.feed({ kind: 'asked', request, from, bytes })
    } catch (error) {
      this.#requests.delete(request)
      if (error instanceof PeerFault) this.#fault(from, error)
      throw error
    }
    return await answered.finally(() => this.#requests.delete(request))
  }

  stop(): void {
    this.#drive.stop()
    const reason = new HostError('STOPPING', 'the node stops')
    this.#stopping.abort(reason)
    for (const { refuse } of this.#requests.values()) refuse(reason)
  }

  #apply(effect: LivenessEffect): void {
    switch (effect.kind) {
      case 'sendBeat':
        return this.#listeners.sendBeat(effect.sequence, effect.payload)
      case 'accepted':
        return this.#listeners.accepted(effect.node, effect.beat)
      case 'stateChanged':
        this.#events.note('member-state', 'a member looks different', {
          node: effect.node,
          from: effect.from,
          to: effect.to,
          cause: effect.cause,
        })
        return this.#listeners.stateChanged(effect.node, effect.to)
      case 'equivocated':
        this.#events.note('equivocation', 'a member signed two beats of one number', {
          node: effect.author,
          sequence: effect.sequence,
        })
        return this.#listeners.equivocated(effect)
      case 'leaseChanged': {
        const { kind, instances, citing } = effect.lease
        return this.#events.note('lease', 'the policy lease was won or lost', {
          lease: kind,
          instances,
          citing,
        })
      }
      case 'ask':
        return void this.#ask(effect)
      case 'answer':
        return this.#requests.get(effect.request)?.answer(effect.bytes)
    }
  }

  async #ask({ ask, node, bytes, patience }: EffectOf<'ask'>): Promise<void> {
    const impatient = new AbortController()
    const cancel = this.#host.timers.after(patience, () => impatient.abort())
    const signal = AbortSignal.any([this.#stopping.signal, impatient.signal])
    const answer = await this.#net()
      .ask(node, 'probe', bytes, signal)
      .catch(() => undefined)
    cancel()
    if (answer === undefined) this.feed({ kind: 'askFailed', ask })
    else this.feed({ kind: 'answered', ask, bytes: answer })
  }

  #fault(node: NodeId, { code }: PeerFault): void {
    this.#events.note('peer-fault', 'a member sent what no member sends', { node, code })
    void this.#net()
      .disconnect(node, code)
      .catch(() => undefined)
  }
}

function isHeartbeat(payload: Uint8Array): boolean {
  return ifReadable(() => heartbeatCodec.decode(payload)) !== undefined
}
