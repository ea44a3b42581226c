/**
 * Runs the membership machine against the net: effects become frames, answers become inputs.
 *
 * Decides nothing. What other rooms must hear (members, keys, phase) goes to `listeners`.
 */
import type { Refusal } from '../../attestation/verdict.ts'
import { CoterieError, HostError, PeerFault } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { milliseconds } from '../../base/time.ts'
import type { MemberConnection, Net } from '../../host/net/port.ts'
import type { Host } from '../../host/port.ts'
import type { Membership } from '../../protocol/membership/membership.ts'
import type {
  MemberGoneCode,
  MembershipEffect,
  MembershipInput,
  MembershipProtocol,
} from '../../protocol/membership/types.ts'
import { Drive } from '../drive.ts'
import type { EventLog } from '../event-log.ts'

type EffectOf<Kind extends MembershipEffect['kind']> = Extract<MembershipEffect, { kind: Kind }>

/** Who else lives by what membership decides. */
export interface MembershipListeners {
  memberAdded(node: NodeId): void
  memberGone(node: NodeId, code: MemberGoneCode): void
  phaseChanged(effect: EffectOf<'phaseChanged'>): void
  keysChanged(effect: EffectOf<'keysChanged'>): void
  removalsGrew(): void
  memberFresh(node: NodeId): void
  memberNotFresh(node: NodeId, code: string): void
  memberSuspected(node: NodeId): void
  /** A member sent what no member sends: it is to be cut off, and turned away for a while. */
  faulted(node: NodeId, code: string): void
  /** Envelopes of a member: takes them into force if they hold, else says why not. */
  manifestCame(envelopes: readonly Uint8Array[]): Refusal | undefined
}

interface OpenGate {
  readonly open: () => void
  readonly refuse: (reason: Error) => void
}

interface PendingRequest {
  readonly answer: (bytes: Uint8Array) => void
  readonly refuse: (reason: Error) => void
}

const nothingJudged: Pick<EffectOf<'removalsJudged'>, 'added' | 'refused'> = {
  added: 0,
  refused: [],
}

/** Patience with one member that answers nothing: beyond it the ask has failed and another member is asked. */
const askPatience = milliseconds(10_000)

export class MembershipDriver {
  readonly #drive: Drive<MembershipInput, MembershipEffect>
  readonly #net: () => Net
  readonly #events: EventLog
  readonly #listeners: MembershipListeners
  readonly #gates = new Map<NodeId, OpenGate>()
  readonly #requests = new Map<number, PendingRequest>()
  readonly #stopping = new AbortController()
  #lastRequest = 0
  #removalsJudged = nothingJudged

  constructor(
    ports: {
      readonly host: Pick<Host, 'clock' | 'timers'>
      readonly machine: Membership
      readonly net: () => Net
      readonly events: EventLog
    },
    listeners: MembershipListeners,
  ) {
    this.#net = ports.net
    this.#events = ports.events
    this.#listeners = listeners
    this.#drive = new Drive<MembershipInput, MembershipEffect>(ports.machine, ports.host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(effect),
    })
  }

  feed(input: MembershipInput): void {
    this.#drive.feed(input)
  }

  /** Resolves when the removal sets are exchanged and gossip with this member may start. */
  connected(connection: MemberConnection): Promise<void> {
    const { node, keys, evidence, verdict } = connection
    this.#gates.get(node)?.refuse(new HostError('REPLACED', 'another connection took over'))
    if (this.#stopping.signal.aborted) return Promise.reject(this.#stopping.signal.reason)
    const gate = new Promise<void>((open, refuse) => this.#gates.set(node, { open, refuse }))
    this.feed({ kind: 'connected', member: { node, keys, evidence, verdict } })
    return gate
  }

  disconnected(node: NodeId): void {
    this.#gates.get(node)?.refuse(new HostError('DISCONNECTED', 'the connection closed'))
    this.#gates.delete(node)
    this.feed({ kind: 'disconnected', node })
  }

  /** The answer to a member's request. @throws {CoterieError} with the machine's code when it refuses. */
  asked(protocol: MembershipProtocol, bytes: Uint8Array, from: NodeId): Promise<Uint8Array> {
    if (this.#stopping.signal.aborted) return Promise.reject(this.#stopping.signal.reason)
    const request = ++this.#lastRequest
    const answered = new Promise<Uint8Array>((answer, refuse) =>
      this.#requests.set(request, { answer, refuse }),
    )
    this.#feedFrom(from, { kind: 'asked', request, from, protocol, bytes }, error =>
      this.#requests.get(request)?.refuse(error),
    )
    return answered.finally(() => this.#requests.delete(request))
  }

  told(bytes: Uint8Array, from: NodeId): void {
    this.#feedFrom(from, { kind: 'told', from, bytes }, () => undefined)
  }

  /** Takes removal items from this node's own door. @throws {PeerFault} for the first that does not prove itself. */
  takeRemovals(items: readonly Uint8Array[]): { readonly added: number } {
    this.#removalsJudged = nothingJudged
    this.feed({ kind: 'removalItems', items })
    const { added, refused } = this.#removalsJudged
    const first = refused[0]
    if (first !== undefined) {
      throw disproved(first)
    }
    return { added }
  }

  stop(): void {
    this.#drive.stop()
    const reason = new HostError('STOPPING', 'the node stops')
    this.#stopping.abort(reason)
    for (const gate of this.#gates.values()) gate.refuse(reason)
    for (const request of this.#requests.values()) request.refuse(reason)
    this.#gates.clear()
  }

  /** A frame that is no message is its sender's fault: it costs the connection, never the process. */
  #feedFrom(from: NodeId, input: MembershipInput, failed: (error: Error) => void): void {
    try {
      this.feed(input)
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error
      failed(error)
      this.#listeners.faulted(from, error.code)
    }
  }

  #apply(effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'ask':
        return this.#ask(effect)
      case 'answer':
        return this.#requests.get(effect.request)?.answer(effect.bytes)
      case 'refuse':
        return this.#requests
          .get(effect.request)
          ?.refuse(new CoterieError(effect.code, 'This node does not answer the request.'))
      case 'tell':
        // A frame that could not be handed over is made good by the hello of the next connection.
        return void this.#net()
          .tell(effect.node, 'announce', effect.bytes)
          .catch(() => undefined)
      case 'openGate':
        this.#gates.get(effect.node)?.open()
        return void this.#gates.delete(effect.node)
      case 'stepUp':
        return this.#stepUp(effect)
      case 'disconnect':
        return this.#disconnect(effect.node, effect.code)
      case 'faulted':
        return this.#listeners.faulted(effect.node, effect.code)
      case 'memberAdded':
        return this.#listeners.memberAdded(effect.node)
      case 'memberGone':
        this.#events.note('member-gone', 'no longer a member here', {
          node: effect.node,
          code: effect.code,
        })
        return this.#listeners.memberGone(effect.node, effect.code)
      case 'phaseChanged':
        this.#events.note('phase', 'this node changed phase', { phase: effect.phase })
        return this.#listeners.phaseChanged(effect)
      case 'keysChanged':
        return this.#listeners.keysChanged(effect)
      case 'removalsJudged':
        this.#removalsJudged = effect
        return
      case 'removalsGrew':
        this.#events.note('removals', 'the removal set grew', { count: effect.count })
        return this.#listeners.removalsGrew()
      case 'memberFresh':
        return this.#listeners.memberFresh(effect.node)
      case 'memberNotFresh':
        return this.#listeners.memberNotFresh(effect.node, effect.code)
      case 'memberSuspected':
        this.#events.note('member-suspected', 'a member is in doubt and must step up', {
          ...{ node: effect.node, code: effect.code },
        })
        return this.#listeners.memberSuspected(effect.node)
      case 'manifestCame': {
        const refusal = this.#listeners.manifestCame(effect.envelopes) ?? null
        return this.feed({ kind: 'manifestJudged', node: effect.node, refusal })
      }
      case 'event':
        return this.#noteEvent(effect)
    }
  }

  #ask(effect: EffectOf<'ask'>): void {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(askPatience)])
    this.#net()
      .ask(effect.node, effect.protocol, effect.bytes, signal)
      .then(
        bytes =>
          this.#feedFrom(effect.node, { kind: 'answered', ask: effect.ask, bytes }, error =>
            this.feed({ kind: 'askFailed', ask: effect.ask, code: codeOf(error) }),
          ),
        error => this.feed({ kind: 'askFailed', ask: effect.ask, code: codeOf(error) }),
      )
  }

  #stepUp(effect: EffectOf<'stepUp'>): void {
    this.#net()
      .stepUp(effect.node, effect.purpose, this.#stopping.signal)
      .then(
        verdict => {
          // The net tells of every trusted answer, whoever asked: `steppedUp` of its handlers.
          if (verdict.kind === 'trusted') return
          const code = verdict.kind === 'refused' ? verdict.code : 'UNDETERMINED'
          this.feed({ kind: 'stepUpFailed', node: effect.node, code, how: 'refused' })
        },
        error => {
          const code = codeOf(error)
          this.feed({ kind: 'stepUpFailed', node: effect.node, code, how: 'unanswered' })
        },
      )
  }

  #disconnect(node: NodeId, code: string): void {
    void this.#net()
      .disconnect(node, code)
      .catch(() => undefined)
  }

  #noteEvent(effect: EffectOf<'event'>): void {
    const facts = effect.node === null ? effect.facts : { ...effect.facts, node: effect.node }
    if (effect.level === 'debug') return
    this.#events.note(effect.code.toLowerCase().replaceAll('_', '-'), effect.code, facts)
  }
}

/** The stable code of a failure; a failure without one is the world's. */
export function codeOf(error: unknown): string {
  return error instanceof CoterieError ? error.code : 'ASK_FAILED'
}

/** The error for an item from this node's own door: its maker is a person, who can sign again. */
function disproved({ code, facts }: Refusal): PeerFault {
  const why = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const message = ['The removal item does not prove itself', ...why].join(', ')
  const isShort = code === 'REMOVAL_BELOW_THRESHOLD'
  const next = isShort ? 'Sign with more keys of the manifest set: one --key for each.' : ''
  return new PeerFault(code, `${message}.`, { next })
}
