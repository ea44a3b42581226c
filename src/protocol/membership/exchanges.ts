/** Requests, answers and frames of neighbours, brought to the part that they are for. */
import { PeerFault, unreachable } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import type { Core } from './core.ts'
import type { Delegation } from './delegation.ts'
import type { Greetings } from './greetings.ts'
import type { KeyPulls } from './key-pulls.ts'
import type { KeyServing } from './key-serving.ts'
import type { Records } from './records.ts'
import type { Renewals } from './renewals.ts'
import type { MembershipInput } from './types.ts'

type InputOf<Kind extends MembershipInput['kind']> = Extract<MembershipInput, { kind: Kind }>

interface Parts {
  readonly greetings: Greetings
  readonly records: Records
  readonly pulls: KeyPulls
  readonly serving: KeyServing
  readonly renewals: Renewals
  readonly results: Delegation
}

export class Exchanges {
  readonly #core: Core
  readonly #parts: Parts

  constructor(core: Core, parts: Parts) {
    this.#core = core
    this.#parts = parts
  }

  asked(input: InputOf<'asked'>, now: Instant): void {
    const { outbox, neighbours } = this.#core
    const { request, from, protocol, bytes } = input
    const neighbour = neighbours.of(from)
    if (neighbour === undefined) {
      const code = this.#core.isRemoved(from) ? 'REMOVED' : 'NOT_CONNECTED'
      return outbox.emit({ kind: 'refuse', request, code })
    }
    const answer = (bytes: Uint8Array): void => outbox.emit({ kind: 'answer', request, bytes })
    const isHonest = this.#tryWith(from, () => {
      switch (protocol) {
        case 'hello':
          return answer(this.#parts.greetings.answer(neighbour, bytes, now))
        case 'removals':
          return answer(this.#parts.greetings.sync.answer(bytes))
        case 'manifest':
          return answer(this.#parts.greetings.manifests.answer(bytes))
        case 'record':
          return answer(this.#parts.records.answer(bytes, now))
        case 'results':
          return answer(this.#parts.results.serving.answer(bytes, from, now))
        case 'key':
          return this.#parts.serving.asked({ request, from, bytes }, now)
        default:
          return unreachable(protocol)
      }
    })
    if (!isHonest) outbox.emit({ kind: 'refuse', request, code: 'BAD_MESSAGE' })
  }

  told({ from, bytes }: InputOf<'told'>, now: Instant): void {
    const neighbour = this.#core.neighbours.of(from)
    if (neighbour !== undefined) {
      this.#tryWith(from, () => this.#parts.greetings.told(neighbour, bytes, now))
    }
  }

  answered(answer: InputOf<'answered'>, now: Instant): void {
    const pending = this.#core.outbox.settle(answer.ask)
    const neighbour = pending && this.#core.neighbours.of(pending.node)
    if (pending === undefined || neighbour === undefined) return
    this.#tryWith(pending.node, () => {
      switch (pending.protocol) {
        case 'hello':
          return this.#parts.greetings.answered(neighbour, answer, now)
        case 'removals':
          return this.#parts.greetings.sync.answered(neighbour, answer, now)
        case 'manifest':
          return this.#parts.greetings.manifests.answered(neighbour, answer)
        case 'record':
          if (this.#parts.renewals.answered(neighbour, answer, now)) return
          return this.#parts.records.answered(answer, now)
        case 'results':
          return this.#parts.results.asks.answered(answer, now)
        case 'key':
          return this.#parts.pulls.answered(pending.node, answer, now)
        default:
          return unreachable(pending.protocol)
      }
    })
  }

  askFailed({ ask, code }: InputOf<'askFailed'>, now: Instant): void {
    const pending = this.#core.outbox.settle(ask)
    const neighbour = pending && this.#core.neighbours.of(pending.node)
    if (pending === undefined || neighbour === undefined) return
    switch (pending.protocol) {
      case 'hello':
        return this.#parts.greetings.failed(neighbour, ask, now)
      case 'removals':
        return this.#parts.greetings.sync.failed(neighbour, ask)
      case 'manifest':
        return this.#parts.greetings.manifests.failed(neighbour, ask, now)
      case 'record':
        this.#parts.renewals.failed(neighbour, ask)
        return this.#parts.records.failed(ask)
      case 'results':
        return this.#parts.results.asks.failed(ask)
      case 'key':
        return this.#parts.pulls.failed({ ask, code }, now)
      default:
        return unreachable(pending.protocol)
    }
  }

  /** A peer's fault costs its connection and nothing else; whatever it said before stays proven or refused. */
  #tryWith(node: NodeId, deed: () => void): boolean {
    try {
      deed()
      return true
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error
      this.#core.outbox.fault(node, error.code)
      return false
    }
  }
}
