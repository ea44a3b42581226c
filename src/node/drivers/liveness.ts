/** Runs the liveness machine: beats out through the outbox, verdicts of the detector to the other rooms. */

import { PeerFault } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
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

export interface LivenessListeners {
  sendBeat(sequence: number, payload: Uint8Array): void
  accepted(node: NodeId, beat: AcceptedBeat): void
  stateChanged(node: NodeId, state: LivenessState): void
  /** Two beats of one number, each a signed body: proof enough to remove their author for good. */
  equivocated(first: Uint8Array, second: Uint8Array): void
}

export class LivenessDriver {
  readonly #drive: Drive<LivenessInput, LivenessEffect>
  readonly #events: EventLog
  readonly #listeners: LivenessListeners

  constructor(
    ports: {
      readonly host: Pick<Host, 'clock' | 'timers'>
      readonly machine: Liveness
      readonly events: EventLog
    },
    listeners: LivenessListeners,
  ) {
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

  stop(): void {
    this.#drive.stop()
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
        })
        return this.#listeners.stateChanged(effect.node, effect.to)
      case 'equivocated':
        this.#events.note('equivocation', 'a member signed two beats of one number', {
          node: effect.author,
          sequence: effect.sequence,
        })
        return this.#listeners.equivocated(effect.first, effect.second)
    }
  }
}

function isHeartbeat(payload: Uint8Array): boolean {
  try {
    heartbeatCodec.decode(payload)
    return true
  } catch (error) {
    if (error instanceof PeerFault) return false
    throw error
  }
}
