/**
 * Bytes from a neighbour → opened, its author known, fresh, signed → a machine. The only place that turns
 * what is wrong with a message into gossipsub's accept, ignore or reject.
 *
 * The order is by cost and by whom it would blame: what a neighbour could see to be wrong is `reject`, what
 * only this node cannot judge yet is `ignore` and kept.
 */
import { type NodeId, nodeIdOfKey } from '../base/ids.ts'
import type { Clock } from '../base/time.ts'
import type { GossipJudgement, GossipTopic } from '../host/net/port.ts'
import { type HeldFor, HeldMessages } from '../protocol/membership/held.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import { verifyBody } from '../wire/envelope.ts'
import { ReplayWindow } from '../wire/replay-window.ts'
import { signedBodyCodec, type VerifiedBody } from '../wire/signed-body.ts'
import { topics } from '../wire/topics.ts'
import type { AuthorBudgets } from './author-budgets.ts'
import type { Traffic } from './traffic.ts'

export interface InboxPorts {
  readonly self: NodeId
  readonly clock: Clock
  readonly budgets: Pick<AuthorBudgets, 'allows' | 'charge' | 'forget'>
  readonly traffic: Traffic
  readonly members: Pick<MembershipQueries, 'isMember' | 'barred'>
  /** Whether a member has finished joining. */
  readonly isActive: (member: NodeId) => boolean
  readonly unknownKey: (id: VerifiedBody['keyId'], from: NodeId) => void
  readonly unknownAuthor: (author: NodeId, from: NodeId) => void
  /** A batch of a member, signed and in the window. */
  readonly batch: (author: NodeId, sequence: number, payload: Uint8Array) => void
  /** A signed beat of a member; repeated sequences come too. Answers whether it was a beat. */
  readonly beat: (
    author: NodeId,
    sequence: number,
    payload: Uint8Array,
    signedBody: Uint8Array,
  ) => boolean
  /** A message that no honest neighbour forwards, for the metrics. */
  readonly rejected: (why: string) => void
}

/** A message as it came from a neighbour. */
interface Arrival {
  readonly topic: GossipTopic
  readonly data: Uint8Array
  readonly from: NodeId
}

const ignore: GossipJudgement = { kind: 'ignore' }
const excess: GossipJudgement = { kind: 'ignore', isExcess: true }
const reject: GossipJudgement = { kind: 'reject' }

export class Inbox {
  readonly #ports: InboxPorts
  readonly #window = new ReplayWindow()
  readonly #held = new HeldMessages<Arrival>()

  constructor(ports: InboxPorts) {
    this.#ports = ports
  }

  /** Messages that wait for a key or a member. */
  get heldCount(): number {
    return this.#held.count
  }

  judge(topic: GossipTopic, data: Uint8Array, from: NodeId): GossipJudgement {
    const opened = this.#ports.traffic.unseal(topic, data)
    if (opened.kind === 'refused') return this.#reject(opened.code)
    if (opened.kind === 'unknown-key') {
      this.#hold({ kind: 'key', id: opened.keyId }, { topic, data, from })
      this.#ports.unknownKey(opened.keyId, from)
      return ignore
    }
    const { body } = opened
    const author = nodeIdOfKey(body.author)
    if (author === this.#ports.self) return ignore
    if (this.#ports.members.barred(author) !== undefined) return ignore
    const now = this.#ports.clock.monotonic()
    if (!this.#ports.members.isMember(author, now)) {
      this.#hold({ kind: 'author', node: author }, { topic, data, from })
      this.#ports.unknownAuthor(author, from)
      return ignore
    }
    // Its word that it is active may come by another way, and later.
    if (topics[topic].authors === 'active' && !this.#ports.isActive(author)) {
      this.#hold({ kind: 'author', node: author }, { topic, data, from })
      return ignore
    }
    const isFresh = this.#window.judge(author, topic, body.sequence) === 'fresh'
    // A repeated delta is the gossip of a neighbour that does not know better; a repeated beat may differ
    // from the first and is then evidence, so its signature is still worth checking.
    if (!isFresh && topic === 'delta') return ignore
    const { budgets } = this.#ports
    if (!budgets.allows(author, topic, data.length)) return author === from ? excess : ignore
    const verified = verifyBody(body)
    if (verified === undefined) return this.#reject('BAD_SIGNATURE')
    // Charged only now, or whoever holds the key could use up what another may send.
    budgets.charge(author, topic, data.length)
    if (isFresh) this.#window.accept(author, topic, body.sequence)
    return this.#deliver(topic, author, verified, isFresh)
  }

  /** A key or a member is known now, or the member became active: what waited for it is judged again. */
  release(awaited: HeldFor): void {
    for (const { topic, data, from } of this.#held.release(awaited)) this.judge(topic, data, from)
  }

  /** The author is no member any more. */
  forget(author: NodeId): void {
    this.#window.forget(author)
    this.#ports.budgets.forget(author)
    this.#held.release({ kind: 'author', node: author })
  }

  #reject(why: string): GossipJudgement {
    this.#ports.rejected(why)
    return reject
  }

  #hold(reason: HeldFor, arrival: Arrival): void {
    this.#held.hold(reason, arrival, { from: arrival.from, size: arrival.data.length })
  }

  #deliver(
    topic: GossipTopic,
    author: NodeId,
    body: VerifiedBody,
    isFresh: boolean,
  ): GossipJudgement {
    if (topic === 'delta') {
      this.#ports.batch(author, body.sequence, body.payload)
      return { kind: 'accept', author }
    }
    const signed = signedBodyCodec.encode(body)
    if (!this.#ports.beat(author, body.sequence, body.payload, signed)) {
      return this.#reject('NOT_A_BEAT')
    }
    return isFresh ? { kind: 'accept', author } : ignore
  }
}
