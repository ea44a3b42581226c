/** What became of connections, kept for people and programs: refusals, losses, how this node stands. */
import type { Refusal } from '../attestation/verdict.ts'
import type { NodeId } from '../base/ids.ts'
import type { Clock } from '../base/time.ts'
import type { NetHandlers, RefusedConnection } from '../host/net/port.ts'
import type { Counts } from './counts.ts'
import type { EventLog } from './event-log.ts'
import { LossCounts } from './loss-reasons.ts'
import { RefusalLog } from './refusal-log.ts'
import { Standing } from './standing.ts'

export interface EncountersPorts {
  readonly clock: Clock
  readonly events: EventLog
  readonly counts: Counts
  readonly isMember: (node: NodeId) => boolean
}

export class Encounters {
  readonly refusals: RefusalLog
  readonly losses = new LossCounts()
  readonly standing: Standing
  readonly #events: EventLog
  readonly #counts: Counts

  constructor(ports: EncountersPorts) {
    this.refusals = new RefusalLog(ports)
    this.standing = new Standing(ports)
    this.#events = ports.events
    this.#counts = ports.counts
  }

  /** The handlers of the rooms, with an ear on each. */
  around(rooms: Omit<NetHandlers, 'connectionRefused' | 'dialFailed'>): NetHandlers {
    return {
      ...rooms,
      memberConnected: connection => {
        this.standing.connected(connection.node)
        return rooms.memberConnected(connection)
      },
      memberDisconnected: (node, reason) => {
        this.losses.disconnected(reason)
        this.standing.disconnected(node)
        rooms.memberDisconnected(node, reason)
      },
      dialFailed: code => this.losses.dialFailed(code),
      connectionRefused: refused => {
        const { by, node, address, refusal } = refused
        this.losses.refused(refusal.code)
        this.#counts.add('coterie_net_handshake_refusals_total', { by, code: refusal.code })
        this.standing.refused(refused)
        const isNews = this.refusals.note(refused)
        if (by === 'link' || !isNews) return
        const facts = { by, node, address, code: refusal.code, ...differenceIn(refused) }
        this.#events.note('refused', 'a connection was refused', facts)
      },
    }
  }
}

/**
 * The register that differs, with both values, where this node judged. Other facts of refusals may hold words of a peer: they are in
 * the refusal log, and in no event.
 */
function differenceIn({ by, refusal }: RefusedConnection): Refusal['facts'] {
  if (by !== 'me' || refusal.code !== 'MEASUREMENT_MISMATCH') return {}
  const { measurement = '', register = '', found = '', allowed = '' } = refusal.facts
  return { measurement, register, found, allowed }
}
