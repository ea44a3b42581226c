/**
 * Threshold signing between members: statements come in, are paid for, and go to the one machine that they are about.
 *
 * A peer here is a member, and budgeted all the same: what a statement costs at most is taken off before anything is verified. A request to
 * a signer, and its answer, are taken from their author alone, so that nobody spends another's budget; what is said in a ceremony speaks
 * for its signer, whoever brings it.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import { equalBytes } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { RateBudget } from '../../base/rate-budget.ts'
import type { Net } from '../../host/net/port.ts'
import type { Host } from '../../host/port.ts'
import { hear } from '../../protocol/custody/signing/statements.ts'
import { type Proposal, proposalCodec, proposalId } from '../../wire/signing-group.ts'
import { readable, type SigningStatement, statementCodec } from '../../wire/signing-statement.ts'
import { noncesPerOffer } from '../../wire/threshold-signing.ts'
import { signingError } from '../signing-errors.ts'
import { StatementOutbox } from '../statement-outbox.ts'
import { Ceremonies, type CeremoniesPorts } from './ceremonies.ts'
import { Coordinators } from './coordinators.ts'
import { Signers, type SignersPorts } from './signers.ts'

/**
 * What one member may say: two hundred signatures a second, with a vote and a share each, or the locks of a whole table in two seconds.
 * Five seconds' worth at once.
 */
const statementRate = { messagesPerSecond: 500, bytesPerSecond: 4 * 1024 * 1024 }
/** Proposals of one member: each may cost a ceremony. */
const proposalRate = { messagesPerSecond: 1, bytesPerSecond: 256 * 1024 }
/** Members whose budgets are kept. */
const peersMax = 512

/** Statements about what is not known here yet: whoever accepted a proposal first may be heard before it. */
const earlySubjectsMax = 32
const earlyPerSubject = 64
const earlyBytesMax = 8 * 1024

const toSigners: ReadonlySet<string> = new Set(['nonce-request', 'lock-request', 'sign-request'])
const toCoordinators: ReadonlySet<string> = new Set([
  'nonce-offer',
  'lock-vote',
  'signature-share',
  'signing-refusal',
])

export interface SigningDriverPorts
  extends Omit<CeremoniesPorts, 'send' | 'made' | 'liveShare' | 'hasRoom' | 'host'>,
    Pick<SignersPorts, 'permits'>,
    Pick<CeremoniesPorts, 'made'> {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly net: () => Pick<Net, 'tell'>
  readonly self: NodeId
  /** Network id, 32 bytes. */
  readonly network: Uint8Array
  readonly isMember: (node: NodeId) => boolean
  /** Whether this node takes part in what a member proposes. */
  readonly joins: (proposer: NodeId, proposal: Proposal) => boolean
  /** A member sent what no member sends. */
  readonly faulted: (node: NodeId, code: string) => void
  /** A statement was not taken, and why. */
  readonly dropped: (why: 'rate' | 'unknown' | 'not-its-own' | 'buffer') => void
}

export class SigningDriver {
  readonly ceremonies: Ceremonies
  readonly coordinators: Coordinators
  readonly signers: Signers
  readonly #ports: SigningDriverPorts
  readonly #outbox: StatementOutbox
  readonly #budgets = new BoundedMap<NodeId, RateBudget>(peersMax)
  readonly #proposals = new BoundedMap<NodeId, RateBudget>(peersMax)
  readonly #early = new BoundedMap<Digest, Uint8Array[]>(earlySubjectsMax)
  #isStopped = false

  constructor(ports: SigningDriverPorts) {
    this.#ports = ports
    this.#outbox = new StatementOutbox(ports.net)
    const send = (to: NodeId, statement: Uint8Array): void => this.#send(to, statement)
    this.signers = new Signers({ ...ports, clock: ports.host.clock, send })
    this.coordinators = new Coordinators({ ...ports, send })
    this.ceremonies = new Ceremonies({
      ...ports,
      send,
      liveShare: group => this.signers.liveShare(group),
      hasRoom: shares => this.signers.hasRoom(shares),
      made: (share, proposal) => {
        this.signers.adopt(share)
        ports.made(share, proposal)
        this.#replay(digestOf(share.id))
      },
    })
  }

  /** A frame of a member's stream. */
  told(frame: Uint8Array, from: NodeId): void {
    if (this.#isStopped) return
    const { clock } = this.#ports.host
    const budget = this.#budgets.get(from) ?? new RateBudget(statementRate, clock)
    this.#budgets.set(from, budget)
    if (!budget.spend(frame.length)) return this.#ports.dropped('rate')
    const said = readable(statementCodec, frame)
    if (said === undefined) return this.#ports.faulted(from, 'BAD_STATEMENT')
    // One request, one round of arithmetic for each pair that it may ask for.
    const isDear = said.kind === 'nonce-request'
    if (isDear && !budget.spendMore(noncesPerOffer - 1)) return this.#ports.dropped('rate')
    const isRequest = toSigners.has(said.kind) || toCoordinators.has(said.kind)
    if (isRequest && nodeIdOfKey(said.sender) !== from) return this.#ports.dropped('not-its-own')
    this.#route(said, frame)
  }

  /**
   * A member proposes a ceremony; this node takes part, or says why not.
   *
   * @throws {CoterieError} `NOT_PERMITTED`, `TOO_MANY_REQUESTS`, and as `Ceremonies.open`.
   */
  proposed(bytes: Uint8Array, from: NodeId): Uint8Array {
    const budget = this.#proposals.get(from) ?? new RateBudget(proposalRate, this.#ports.host.clock)
    this.#proposals.set(from, budget)
    if (!budget.spend(bytes.length)) throw signingError('TOO_MANY_REQUESTS')
    const said = statementCodec.decode(bytes)
    const proposal = proposalCodec.decode(said.body)
    const { session, epoch } = proposal
    const about = { network: this.#ports.network, subject: proposalId(proposal), epoch, session }
    const isTheirs = (sender: Uint8Array): boolean => nodeIdOfKey(sender) === from
    const isOurs = equalBytes(proposal.network, this.#ports.network)
    if (said.kind !== 'proposal' || !isOurs || hear(bytes, about, isTheirs) === undefined) {
      throw signingError('REQUEST_MALFORMED')
    }
    if (!this.#ports.joins(from, proposal)) throw signingError('NOT_PERMITTED')
    void this.join(proposal, from)
    return new Uint8Array(0)
  }

  /** Takes part in a ceremony. @throws as `Ceremonies.open`. */
  join(proposal: Proposal, proposer: NodeId = this.#ports.self): ReturnType<Ceremonies['open']> {
    if (this.#isStopped) throw new HostError('STOPPING', 'the node stops')
    const made = this.ceremonies.open(proposal, proposer)
    this.#replay(digestOf(proposalId(proposal)))
    return made
  }

  /** Ends every machine and wipes every share: whoever waits is told. Idempotent. */
  stop(): void {
    this.#isStopped = true
    const reason = new HostError('STOPPING', 'the node stops')
    this.#outbox.stop()
    this.ceremonies.stop(reason)
    this.coordinators.stop(reason)
    this.signers.stop()
    this.#early.clear()
  }

  #send(to: NodeId, frame: Uint8Array): void {
    if (this.#isStopped) return
    if (to !== this.#ports.self) {
      if (!this.#outbox.send(to, frame)) this.#ports.dropped('buffer')
      return
    }
    this.#route(statementCodec.decode(frame), frame)
  }

  #route(said: SigningStatement, frame: Uint8Array): void {
    const subject = digestOf(said.subject)
    if (toSigners.has(said.kind)) {
      if (!this.#ports.isMember(nodeIdOfKey(said.sender))) return this.#ports.dropped('unknown')
      if (this.signers.has(subject)) return this.signers.hear(subject, frame)
      return this.#keepEarly(subject, frame)
    }
    if (toCoordinators.has(said.kind)) return this.coordinators.hear(subject, frame)
    if (this.ceremonies.has(subject)) return this.ceremonies.hear(subject, frame)
    return this.#keepEarly(subject, frame)
  }

  #keepEarly(subject: Digest, frame: Uint8Array): void {
    const kept = this.#early.get(subject) ?? []
    if (frame.length > earlyBytesMax || kept.length >= earlyPerSubject) {
      return this.#ports.dropped('unknown')
    }
    kept.push(frame)
    this.#early.set(subject, kept)
  }

  #replay(subject: Digest): void {
    for (const frame of this.#early.take(subject) ?? []) {
      this.#route(statementCodec.decode(frame), frame)
    }
  }
}
