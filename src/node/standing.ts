import type { NodeId } from '../base/ids.ts'
import type { RefusedConnection } from '../host/net/port.ts'

/** Refusals that pass by themselves and say nothing about what members think of this node. */
const passing: ReadonlySet<string> = new Set([
  'ALREADY_CONNECTED',
  'BUSY',
  'HANDSHAKE_ABORTED',
  'HANDSHAKE_TIMEOUT',
  'SELF_DIAL',
])

/**
 * How this node stands with the members it knew: whoever is removed is told by nobody, because nobody talks to it
 * any more. That members, and not just strangers who can say anything, turn it away is what it can know. While a
 * single member keeps it, the no of another is that one's own: its clock may be wrong, or its judgement.
 */
export class Standing {
  readonly #isMember: (node: NodeId) => boolean
  readonly #connected = new Set<NodeId>()
  #wasRefused = false

  constructor(ports: { readonly isMember: (node: NodeId) => boolean }) {
    this.#isMember = ports.isMember
  }

  /** Whether the last word of a member was no, and none keeps this node or has let it in since. */
  get isRefused(): boolean {
    return this.#wasRefused && this.#connected.size === 0
  }

  refused({ by, node, refusal }: RefusedConnection): void {
    if (by !== 'them' || node === null || passing.has(refusal.code)) return
    if (this.#isMember(node)) this.#wasRefused = true
  }

  connected(node: NodeId): void {
    this.#connected.add(node)
    this.#wasRefused = false
  }

  disconnected(node: NodeId): void {
    this.#connected.delete(node)
  }
}
