/** Who complained about whose share, and who turns out to be at fault. */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import { complaintCodec } from '../../../wire/key-ceremony.ts'
import {
  bodyOf,
  readable,
  type SigningStatement,
  statementCodec,
} from '../../../wire/signing-statement.ts'
import { judgeComplaint } from './accusations.ts'
import { accuse, type CeremonyRecord, type Finding, noted, nothing } from './ceremony-record.ts'
import { type CeremonyPlan, dealerOf, receiverIndex } from './plan.ts'

export class Complaints {
  readonly #plan: CeremonyPlan
  readonly #record: CeremonyRecord
  /** One of each receiver: the first is enough to end the ceremony. */
  readonly #complaints = new Map<string, SigningStatement>()
  /** Of each dealer, as many as there are receivers to answer. */
  readonly #openings = new Map<string, readonly SigningStatement[]>()
  /** By complaint: with what it was judged. What two statements come to never changes, and costs dearly to find out. */
  readonly #judged = new Map<SigningStatement, Set<SigningStatement | undefined>>()
  /** Receivers whose complaints this node answered. */
  readonly #answered = new Set<number>()

  constructor(plan: CeremonyPlan, record: CeremonyRecord) {
    this.#plan = plan
    this.#record = record
  }

  hearComplaint(said: SigningStatement): Finding {
    const name = toHex(said.sender)
    if (receiverIndex(this.#plan, said.sender) === 0 || this.#complaints.has(name)) return nothing
    this.#complaints.set(name, said)
    return noted
  }

  hearOpening(said: SigningStatement): Finding {
    const name = toHex(said.sender)
    const known = this.#openings.get(name) ?? []
    if (dealerOf(this.#plan, said.sender) === undefined) return nothing
    if (known.length >= this.#plan.receivers.length) return nothing
    this.#openings.set(name, [...known, said])
    return noted
  }

  /** The first complaint that can be judged, once the dealing that it is about is known. Each finding is told once. */
  judge(): Finding {
    for (const complaint of this.#complaints.values()) {
      const accused = this.#dealerIn(complaint)
      // A complaint about nobody is judged beside any dealing: it is false beside each.
      const dealing =
        accused === undefined
          ? this.#record.dealings?.[0]?.said
          : this.#record.dealingBy(accused)?.said
      if (dealing === undefined) continue
      const judged = this.#judged.get(complaint) ?? new Set()
      this.#judged.set(complaint, judged)
      for (const opening of [undefined, ...(this.#openings.get(toHex(dealing.sender)) ?? [])]) {
        if (judged.has(opening)) continue
        judged.add(opening)
        const fault = judgeComplaint(this.#plan, dealing, complaint, opening)
        const shown = [dealing, complaint, ...(opening === undefined ? [] : [opening])]
        if (fault === 'dealer') return accuse('DEALT_WRONG', shown, dealing.sender)
        if (fault === 'complainer') return accuse('COMPLAINT_FALSE', shown, complaint.sender)
      }
    }
    return nothing
  }

  /** What this dealer must open, once: its own statements that were said not to open, with the receiver's index. */
  toAnswer(
    dealer: Uint8Array,
  ): readonly { readonly receiver: number; readonly dealt: Uint8Array }[] {
    return [...this.#complaints.values()].flatMap(complaint => {
      const body = bodyOf(complaint, 'complaint', complaintCodec)
      const accused = this.#dealerIn(complaint)
      if (body?.opened !== null || accused === undefined) return []
      const receiver = receiverIndex(this.#plan, complaint.sender)
      if (!equalBytes(accused, dealer) || this.#answered.has(receiver)) return []
      this.#answered.add(receiver)
      return [{ receiver, dealt: body.dealt }]
    })
  }

  /** Whom a complaint is about, if anybody who deals. */
  #dealerIn(complaint: SigningStatement): Uint8Array | undefined {
    const body = bodyOf(complaint, 'complaint', complaintCodec)
    const dealt = body === undefined ? undefined : readable(statementCodec, body.dealt)
    return dealt === undefined ? undefined : dealerOf(this.#plan, dealt.sender)?.identity
  }
}
