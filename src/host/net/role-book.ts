/**
 * Who may connect, and as what. One role per peer id: an id that is or was a member gets no light
 * connection, and an id with a light connection gets no member connection, so that nothing meant for one
 * role is ever reached over a connection of the other.
 */
import type { Connection } from '@libp2p/interface'
import type { Refusal } from '../../attestation/verdict.ts'
import { HostError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { ConnectionRole } from './attested-noise.ts'
import type { MemberLinks } from './member-links.ts'
import { isSmaller } from './node-order.ts'
import type { Admission } from './port.ts'

/** Departed members whose ids are remembered; an older one could pose as a light client, which sees no more. */
const membersMax = 4096

export interface RoleBookDeps {
  readonly self: NodeId
  readonly admission: Admission
  readonly links: MemberLinks
}

/** The book of roles. */
export class RoleBook {
  readonly #deps: RoleBookDeps
  readonly #members = new Set<NodeId>()
  readonly #light = new Map<NodeId, Set<Connection>>()
  /** Handshakes as the dialling side, by peer. */
  readonly #dialling = new Map<NodeId, number>()

  constructor(deps: RoleBookDeps) {
    this.#deps = deps
  }

  noteMember(node: NodeId): void {
    this.#members.delete(node)
    this.#members.add(node)
    evict(this.#members, membersMax)
  }

  /** Why this id may not connect at all. */
  barredAtAll(node: NodeId): Refusal | undefined {
    return this.#deps.admission.barred(node)
  }

  /** Why this id may not connect in this role now. */
  barred(node: NodeId, role: ConnectionRole, own: 'initiator' | 'responder'): Refusal | undefined {
    const refusal = this.barredAtAll(node)
    if (refusal !== undefined) return refusal
    if (role === 'light') {
      return this.#members.has(node) ? { code: 'ROLE_CONFLICT', facts: { role } } : undefined
    }
    if (this.#light.has(node)) return { code: 'ROLE_CONFLICT', facts: { role } }
    return this.#isSpare(node, own) ? { code: 'ALREADY_CONNECTED', facts: {} } : undefined
  }

  /** Notes a handshake that this side dialled, until it is over. */
  began(node: NodeId, own: 'initiator' | 'responder'): Disposable {
    if (own === 'responder') return { [Symbol.dispose]() {} }
    this.#dialling.set(node, (this.#dialling.get(node) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        const left = (this.#dialling.get(node) ?? 1) - 1
        if (left === 0) this.#dialling.delete(node)
        else this.#dialling.set(node, left)
      },
    }
  }

  /**
   * Whether a further connection to this member is one too many. Most races of two dials end here, decided
   * by the side with the smaller id alone: what it dials itself goes on, what comes in meanwhile does not.
   */
  #isSpare(node: NodeId, own: 'initiator' | 'responder'): boolean {
    const { links, self } = this.#deps
    // A dial by address alone learns only here that it leads to a member it has.
    if (own === 'initiator') return links.has(node)
    // To an honest peer that dials, an older connection is lost, even if it still looks open from here.
    if (links.isSettled(node)) return false
    return isSmaller(self, node) && (links.has(node) || this.#dialling.has(node))
  }

  /** Notes a connection of a light client; `false` if it is none, and closed. */
  openedLight(connection: Connection): boolean {
    const node = nodeId(connection.remotePeer.toString())
    if (this.#members.has(node)) {
      // Two handshakes of one id ran at once, in two roles.
      connection.abort(new HostError('ROLE_CONFLICT', 'ROLE_CONFLICT: this id is a member'))
      return false
    }
    const open = this.#light.get(node) ?? new Set()
    this.#light.set(node, open.add(connection))
    return true
  }

  closedLight(connection: Connection): void {
    for (const [node, open] of this.#light) {
      if (open.delete(connection) && open.size === 0) this.#light.delete(node)
    }
  }
}

/** Drops the oldest entries beyond `max`. */
function evict<K>(
  kept: { readonly size: number; keys(): Iterator<K>; delete(key: K): boolean },
  max: number,
): void {
  while (kept.size > max) {
    const oldest = kept.keys().next()
    if (oldest.done === true) return
    kept.delete(oldest.value)
  }
}
