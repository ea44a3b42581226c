/** What became of connections, kept for people and programs: refusals, losses, how this node stands. */
import type { NodeId } from '../base/ids.ts'
import type { Clock } from '../base/time.ts'
import type { NetHandlers } from '../host/net/port.ts'
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
        const facts = { by, node, address, code: refusal.code }
        this.#events.note('refused', 'a connection was refused', facts)
      },
    }
  }
}
