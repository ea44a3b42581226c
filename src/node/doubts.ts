/** What this node does about members that it cannot take on trust any longer: it asks, it waits, it turns away. */
import type { NodeId } from '../base/ids.ts'
import type { GossipJudgement } from '../host/net/port.ts'
import type { MembershipInput, MembershipQueries } from '../protocol/membership/types.ts'
import type { MembershipListeners } from './drivers/membership.ts'
import { FreshnessWaits } from './freshness-waits.ts'
import type { EngineParts } from './rooms.ts'

export interface DoubtsPorts {
  readonly parts: Pick<EngineParts, 'bans' | 'events' | 'host' | 'memberDropped' | 'net'>
  readonly membership: Pick<MembershipQueries, 'member'>
  feed(input: MembershipInput): void
}

type Heard = 'memberFresh' | 'memberNotFresh' | 'memberSuspected' | 'faulted'

export class Doubts {
  readonly #ports: DoubtsPorts
  readonly #waits: FreshnessWaits

  constructor(ports: DoubtsPorts) {
    this.#ports = ports
    this.#waits = new FreshnessWaits(node => ports.feed({ kind: 'freshnessNeeded', node }))
  }

  /** State goes only to who proved itself alive lately; the first request asks for the proof. */
  untilFresh(node: NodeId, signal: AbortSignal): Promise<void> {
    return this.#waits.until(node, signal)
  }

  /** A member sent what no member sends: cut off and turned away, itself and its machine; in doubt when it is back. */
  faulted(node: NodeId, code: string): void {
    const { bans, events, net } = this.#ports.parts
    const instance = this.#member(node)?.verdict.instance
    const span = bans.fault(instance === undefined ? { node } : { node, instance }, code)
    const facts = { node, code, seconds: Math.round(span / 1_000) }
    events.note('peer-fault', 'a member sent what no member sends', facts)
    this.#ports.feed({ kind: 'suspected', node, code })
    void net()
      .disconnect(node, code)
      .catch(() => undefined)
  }

  /** A neighbour handed over gossip. What no member makes or forwards puts it in doubt. */
  judged(from: NodeId, judgement: GossipJudgement): GossipJudgement {
    if (judgement.kind === 'reject') {
      this.#ports.feed({ kind: 'suspected', node: from, code: 'GOSSIP_REJECTED' })
    }
    return judgement
  }

  listeners(): Pick<MembershipListeners, Heard> {
    return {
      memberFresh: node => this.#waits.fresh(node),
      memberNotFresh: (node, code) => this.#waits.notFresh(node, code),
      memberSuspected: node => {
        // What was remembered of its evidence is gone: it is verified anew when it connects.
        const member = this.#member(node)
        if (member !== undefined) this.#ports.parts.memberDropped(member)
      },
      faulted: (node, code) => this.faulted(node, code),
    }
  }

  #member(node: NodeId): ReturnType<MembershipQueries['member']> {
    const { parts, membership } = this.#ports
    return membership.member(node, parts.host.clock.monotonic())
  }
}
