/**
 * Re-runs: now and then one result that is believed here is appraised again by exactly its basis.
 *
 * What follows is not the same for every difference:
 *
 * - *What lasts* (the machine, its registers, that it attested these keys) every node answers alike for ever, from the evidence
 *   alone. A result that says otherwise is a lie that proves itself to everybody: a removal item.
 * - *What passes* (firmware, dates, endorsements) hangs on bytes and a policy that others may not hold, and on the release that
 *   judges: two releases may differ about one level of Intel's. It is this node's own ground to disbelieve its neighbour, no more.
 */
import { agrees } from '../../attestation/delegated.ts'
import { bytesOfDigest, type NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import { encodeRemoval } from '../../wire/removal.ts'
import type { Core } from './core.ts'
import { disproveLasting } from './false-results.ts'
import { Rechecks } from './rechecks.ts'
import type { HeldResult, ResultBook } from './result-book.ts'
import type { AppraisedMember } from './types.ts'

export class ResultChecks {
  readonly #core: Core
  readonly #book: ResultBook
  readonly #withdraw: (signer: NodeId) => void
  readonly #rechecks: Rechecks

  /** `withdraw` drops all that a signer said, and who rests on it. */
  constructor(core: Core, book: ResultBook, withdraw: (signer: NodeId) => void) {
    this.#core = core
    this.#book = book
    this.#withdraw = withdraw
    this.#rechecks = new Rechecks(core.ports.random)
  }

  /** Something is believed that this node did not see itself. */
  start(now: Instant): void {
    this.#rechecks.start(now)
  }

  wakeAt(): Instant | null {
    return this.#rechecks.wakeAt()
  }

  drive(now: Instant): void {
    if (!this.#rechecks.takeDue(now)) return
    const member = this.#rechecks.pick(this.#core.roster.resting())
    const counted = this.#book.of(member?.node ?? this.#core.self.node)
    const held = this.#rechecks.pick(
      counted.filter(({ signer }) => member?.rests.by.includes(signer.node)),
    )
    if (member !== undefined && held !== undefined) this.#check(member, held, now)
  }

  #check(member: AppraisedMember, held: HeldResult, now: Instant): void {
    const { keys, evidence } = member
    const { outbox, ports, roster } = this.#core
    const { signer, basis, finding } = held
    const verdict = ports.rerun(keys, evidence, basis)
    const isTrue = verdict?.kind === 'trusted' && agrees(verdict, finding)
    outbox.event('debug', 'RESULT_CHECKED', { node: signer.node, facts: { subject: member.node } })
    if (isTrue) return void roster.admit({ ...member, verdict }, now)
    const record = roster.record(member.node, now)
    const item = record && this.#proof(record, held, now)
    if (item !== undefined) return this.#remove(item, held, now)
    if (verdict !== undefined) this.#disbelieve(held)
  }

  /** A removal item, if the result lies about what lasts. */
  #proof(record: MemberRecord, held: HeldResult, now: Instant): Uint8Array | undefined {
    const { network, ports, roster } = this.#core
    const attested = ports.attestor.attest(record.keys, record.evidence)
    if (disproveLasting(held.result, record.evidence.platform, attested) === undefined)
      return undefined
    const { signed, signature, index, bytes } = held
    const signer = roster.record(held.signer.node, now)
    if (signer === undefined) return undefined
    const { policy, lifeMs, hashes } = signed
    const item = encodeRemoval({
      ...{ kind: 'false-result', network: bytesOfDigest(network), record: signer, subject: record },
      ...{ policy, lifeMs, hashes, index, result: bytes, signature },
    })
    return item.length <= limits.removalItemBytesMax ? item : undefined
  }

  #remove(item: Uint8Array, held: HeldResult, now: Instant): void {
    const { removals, outbox } = this.#core
    const { node } = held.signer
    outbox.event('warn', 'RESULT_DISPROVED', { node, facts: {} })
    const taken = removals.take(item)
    if (taken.kind === 'added') this.#core.removalsGrew([item], null, now)
    if (taken.kind === 'refused') this.#disbelieve(held)
  }

  #disbelieve({ signer }: HeldResult): void {
    this.#core.outbox.event('warn', 'RESULT_FALSE', { node: signer.node, facts: {} })
    this.#book.distrust(signer.node)
    this.#withdraw(signer.node)
  }
}
