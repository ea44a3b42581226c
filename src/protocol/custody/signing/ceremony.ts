/**
 * Makes a key that nobody holds, or hands one on, among signers who trust no dealer.
 *
 *     phase        waits for                          then says                      who
 *     dealing      the dealing of every dealer        echo: all that it heard        receivers
 *     echoing      the echo of every receiver         a sealed share for each        dealers
 *     sharing      a good share from every dealer     confirmation of the group      receivers
 *     confirming   a confirmation of every receiver   all of them; its locks         everybody; old signers
 *     handing      the locks of t old signers                                        receivers of an old key
 *
 * Statements may come in any order, late, twice or not at all: each is kept when it comes, and the phases follow.
 * Whoever contradicts itself, deals wrongly or accuses falsely is named by what it signed. Silence ends a ceremony
 * with the names of the silent, but for one stretch: who confirmed a key that is handed on waits for ever, because
 * old signers may have given up their epoch in the meantime, and then the new one is all there is.
 */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import { nodeIdOfKey } from '../../../base/ids.ts'
import { after, type Duration, type Instant } from '../../../base/time.ts'
import {
  type Accusation,
  accusationCodec,
  complaintCodec,
  confirmationCodec,
  echoCodec,
  handoverCodec,
  openingCodec,
} from '../../../wire/key-ceremony.ts'
import {
  bodyOf,
  type SigningStatement,
  type StatementKind,
  statementCodec,
} from '../../../wire/signing-statement.ts'
import type { Machine } from '../../machine.ts'
import { isAccusable, isShown } from './accusations.ts'
import { accuse, CeremonyRecord, type Finding, nothing } from './ceremony-record.ts'
import {
  type CeremonyEffect,
  type CeremonyInput,
  type CeremonyOptions,
  type CeremonyPace,
  type CeremonyPorts,
  ceremonyPace,
} from './ceremony-types.ts'
import { Complaints } from './complaints.ts'
import { DealerPart } from './dealer.ts'
import { HandoverBook, handoverBodies } from './handover.ts'
import { indexOf, KeyShare } from './key-share.ts'
import { awaitedIn, type CeremonyPhase, type Part, partOf, wayOut } from './phases.ts'
import { type CeremonyPlan, dealerOf, hearOf, receiverIndex } from './plan.ts'
import { ReceiverPart } from './receiver.ts'
import { sendTo } from './statements.ts'
import { Voice } from './voice.ts'

/** One node's part in one ceremony. */
export class Ceremony implements Machine<CeremonyInput, CeremonyEffect> {
  readonly #plan: CeremonyPlan
  readonly #identity: Uint8Array
  readonly #pace: CeremonyPace
  readonly #record: CeremonyRecord
  readonly #complaints: Complaints
  readonly #own: KeyShare | undefined
  readonly #dealer: DealerPart | undefined
  readonly #receiver: ReceiverPart | undefined
  /** This node's place among the receivers; 0 if it receives nothing. */
  readonly #index: number
  readonly #part: Part
  readonly #voice: Voice
  /** Shares that came before all had heard the same dealings: until then nobody could judge a complaint. */
  readonly #early = new Map<string, SigningStatement>()
  readonly #deadline: Instant
  #phase: CeremonyPhase = 'dealing'
  #handovers: HandoverBook | undefined
  #share: KeyShare | undefined
  #repeatAt: Instant
  #isOverdue = false
  #hasLeft = false
  /** How it ended, for whoever asks. */
  #abort: Uint8Array | undefined
  readonly #effects: CeremonyEffect[] = []

  constructor(
    ports: CeremonyPorts,
    options: CeremonyOptions & { readonly plan: CeremonyPlan },
    now: Instant,
  ) {
    const { plan, identity, own, pace = ceremonyPace } = options
    this.#plan = plan
    this.#identity = identity
    this.#pace = pace
    this.#own = own
    this.#voice = new Voice(plan, { identity, sign: ports.sign })
    this.#record = new CeremonyRecord(plan)
    this.#complaints = new Complaints(plan, this.#record)
    this.#index = receiverIndex(plan, identity)
    const dealer = dealerOf(plan, identity)
    if (dealer !== undefined) {
      const given = { plan, dealer, own: plan.predecessor === null ? null : (own ?? null) }
      this.#dealer = new DealerPart(given, ports.random)
    }
    if (this.#index > 0) this.#receiver = new ReceiverPart({ plan, index: this.#index }, ports)
    this.#part = partOf(plan, identity)
    this.#deadline = after(now, pace.patience)
    this.#repeatAt = after(now, pace.repeat)
  }

  /** Whether all that was dealt is kept, or nothing is: what there is to open is wiped, and no complaint changes anything. */
  get #isDealt(): boolean {
    return this.isOver || this.#phase === 'handing'
  }

  /** How this node may still get out of it. */
  get #wayOut(): ReturnType<typeof wayOut> {
    return this.#hasLeft ? undefined : wayOut(this.#phase, this.#part)
  }

  /** Whether this node is through with it: it awaits nothing, and answers those who do. */
  get isOver(): boolean {
    return this.#hasLeft || this.#phase === 'failed' || this.#phase === 'done'
  }

  /** What is said first. */
  begin(now: Instant): readonly CeremonyEffect[] {
    if (this.#dealer !== undefined) this.#tellAll('dealing', this.#dealer.body(), now)
    return this.step({ kind: 'tick' }, now)
  }

  step(input: CeremonyInput, now: Instant): readonly CeremonyEffect[] {
    if (input.kind === 'tick') this.#tick(now)
    else {
      const said = hearOf(this.#plan, input.bytes)
      if (said !== undefined) this.#hear(said, now)
    }
    this.#advance(now)
    return this.#effects.splice(0)
  }

  wakeAt(): Instant | null {
    if (this.isOver) return null
    const isEarlier = !this.#isOverdue && this.#deadline < this.#repeatAt
    return isEarlier ? this.#deadline : this.#repeatAt
  }

  #hear(said: SigningStatement, now: Instant): void {
    this.#judged(this.#findIn(said, now))
  }

  #judged(finding: Finding): void {
    if (finding.kind === 'accused') this.#fail(finding.accusation)
  }

  #findIn(said: SigningStatement, now: Instant): Finding {
    if (this.#phase === 'failed') {
      this.#reply(said.sender, now)
      return nothing
    }
    switch (said.kind) {
      case 'dealing':
        return this.#record.hearDealing(said)
      case 'echo':
        return this.#record.hearEcho(said)
      case 'dealt-share':
        return this.#hearDealt(said, now)
      case 'complaint':
        return this.#isDealt ? nothing : this.#complaints.hearComplaint(said)
      case 'opening':
        return this.#isDealt ? nothing : this.#complaints.hearOpening(said)
      case 'confirmation': {
        const finding = this.#record.hearConfirmation(said)
        if (finding.kind === 'nothing') this.#reply(said.sender, now)
        return finding
      }
      case 'handover':
        return this.#hearHandover(said)
      case 'abort':
        return this.#hearAbort(said, now)
      default:
        return nothing
    }
  }

  #hearDealt(said: SigningStatement, now: Instant): Finding {
    const isDealer = dealerOf(this.#plan, said.sender) !== undefined
    if (this.#receiver === undefined || !isDealer) return nothing
    if (this.#receiver.isThroughWith(said.sender)) return nothing
    if (this.#phase === 'dealing' || this.#phase === 'echoing') {
      this.#early.set(toHex(said.sender), said)
      return nothing
    }
    const dealing = this.#record.dealingBy(said.sender)
    if (this.#phase !== 'sharing' || dealing === undefined) return nothing
    const received = this.#receiver.receive(said, dealing.body)
    if (received.kind !== 'complaint') return nothing
    this.#tellAll('complaint', complaintCodec.encode(received.complaint), now)
    return nothing
  }

  #hearHandover(said: SigningStatement): Finding {
    const { predecessor } = this.#plan
    const body = bodyOf(said, 'handover', handoverCodec)
    const isOld = predecessor !== null && indexOf(predecessor.group, said.sender) > 0
    if (body !== undefined && isOld) this.#handovers?.hear(said.sender, body)
    return nothing
  }

  #hearAbort(said: SigningStatement, now: Instant): Finding {
    // Where nothing ends any more, nothing is worth what it costs to judge an accusation.
    if (this.#wayOut === undefined) return nothing
    const accusation = bodyOf(said, 'abort', accusationCodec)
    if (accusation?.code === 'SILENT') {
      // Nobody's patience is over at half of mine: who says so ended it itself.
      const isEarly = now < after(this.#deadline, (-this.#pace.patience / 2) as Duration)
      const silent = awaitedIn(this.#phase, this.#record, this.#receiver)
      this.#fail(accusation, isEarly ? [said.sender] : silent)
      return nothing
    }
    if (accusation !== undefined && isShown(this.#plan, accusation)) {
      return { kind: 'accused', accusation }
    }
    return isAccusable(said, accusation) ? accuse('ABORT_FALSE', [said]) : nothing
  }

  /** Goes through the phases as far as what was heard allows. */
  #advance(now: Instant): void {
    this.#answerComplaints(now)
    this.#judged(this.#complaints.judge())
    for (let phase: CeremonyPhase | undefined; phase !== this.#phase; ) {
      phase = this.#phase
      if (phase === 'dealing') this.#leaveDealing(now)
      if (phase === 'echoing') this.#leaveEchoing(now)
      if (phase === 'sharing') this.#leaveSharing(now)
      if (phase === 'confirming') this.#leaveConfirming()
      if (phase === 'handing') this.#leaveHanding()
    }
  }

  #leaveDealing(now: Instant): void {
    const { dealings } = this.#record
    if (dealings === undefined) return
    this.#phase = 'echoing'
    if (this.#receiver === undefined) return
    const heard = dealings.map(({ said }) => statementCodec.encode(said))
    this.#tellAll('echo', echoCodec.encode({ dealings: heard }), now)
  }

  #leaveEchoing(now: Instant): void {
    if (this.#record.missing('echo').length > 0) return
    this.#phase = this.#receiver === undefined ? 'confirming' : 'sharing'
    const early = this.#record.judgeEarly()
    if (early.kind === 'accused') {
      this.#fail(early.accusation)
      return
    }
    this.#plan.receivers.forEach(({ identity }, i) => {
      if (this.#dealer === undefined) return
      if (i + 1 === this.#index) {
        this.#receiver?.keep(this.#identity, this.#dealer.shareFor(this.#index))
        return
      }
      const body = this.#dealer.sealedFor(i + 1)
      if (body !== undefined) this.#tell(identity, 'dealt-share', body)
    })
    for (const said of this.#early.values()) this.#hear(said, now)
    this.#early.clear()
  }

  #leaveSharing(now: Instant): void {
    const { made } = this.#record
    if (this.#receiver === undefined || this.#receiver.missing.length > 0) return
    if (made === undefined) return
    const { group, key } = made
    const share = key.shareOf(this.#receiver.shares)
    this.#share = new KeyShare({ group, identity: this.#identity, share })
    this.#receiver[Symbol.dispose]()
    this.#phase = 'confirming'
    if (this.#plan.predecessor !== null) this.#handovers = new HandoverBook(made.id)
    this.#tellAll('confirmation', confirmationCodec.encode({ group: made.id }), now)
  }

  #leaveConfirming(): void {
    const { made } = this.#record
    if (made === undefined || this.#record.missing('confirmation').length > 0) return
    // Whoever hears all of them needs nobody else to finish, should the one be gone whose own was lost.
    for (const identity of this.#voice.others) this.#certify(identity)
    if (this.#own?.giveUpFor(made.id) === true) {
      this.#effects.push({ kind: 'gaveUp', group: made.group })
      for (const { identity } of this.#plan.receivers) this.#handOver(identity)
    }
    this.#dealer?.[Symbol.dispose]()
    const isHandedOn = this.#plan.predecessor !== null
    if (this.#receiver !== undefined && isHandedOn) this.#phase = 'handing'
    else this.#finish()
  }

  #leaveHanding(): void {
    const { predecessor } = this.#plan
    const book = this.#handovers
    if (predecessor === null || book === undefined || this.#share === undefined) return
    if (book.count < predecessor.group.threshold) return
    this.#share.locks.absorb(book.union.entries())
    this.#finish()
  }

  #finish(): void {
    this.#phase = 'done'
    if (this.#share === undefined) return
    this.#effects.push({ kind: 'made', share: this.#share })
    this.#share = undefined
  }

  /** All confirmations, to one. */
  #certify(identity: Uint8Array): void {
    this.#effects.push(...this.#record.confirmations.map(bytes => sendTo(identity, bytes)))
  }

  /** All locks of the epoch that was given up, to one. */
  #handOver(identity: Uint8Array): void {
    const { made } = this.#record
    const successor = this.#own?.successor
    const locks = this.#own?.locks
    if (made === undefined || locks === undefined || successor === undefined) return
    // Given up for another: what this one would get from here, the other could have as well.
    if (!equalBytes(successor, made.id)) return
    for (const bytes of this.#voice.handover(() => handoverBodies(locks, made.id))) {
      if (equalBytes(identity, this.#identity)) this.#hearHandover(statementCodec.decode(bytes))
      else this.#effects.push(sendTo(identity, bytes))
    }
  }

  /** Whoever goes on lacks something that is known here: that it ended, or all confirmations. */
  #reply(identity: Uint8Array, now: Instant): void {
    if (!this.#voice.mayReply(identity, now, this.#pace.repeat)) return
    if (this.#abort !== undefined) {
      this.#effects.push(sendTo(identity, this.#voice.statement('abort', this.#abort)))
    } else if (this.#record.missing('confirmation').length === 0) {
      this.#certify(identity)
      this.#handOver(identity)
    }
  }

  #answerComplaints(now: Instant): void {
    if (this.#dealer === undefined || this.#isDealt) return
    for (const { receiver, dealt } of this.#complaints.toAnswer(this.#identity)) {
      const opened = this.#dealer.openedFor(receiver)
      this.#tellAll('opening', openingCodec.encode({ dealt, opened }), now)
    }
  }

  #tick(now: Instant): void {
    if (this.isOver) return
    if (now >= this.#repeatAt) {
      // Past the deadline nothing hastens any more.
      const slower = this.#isOverdue ? 10 : 1
      this.#repeatAt = after(now, (this.#pace.repeat * slower) as Duration)
      this.#effects.push(...this.#voice.again())
    }
    if (this.#isOverdue || now < this.#deadline) return
    this.#isOverdue = true
    const silent = awaitedIn(this.#phase, this.#record, this.#receiver)
    const accused = silent[0] ?? new Uint8Array(32)
    const accusation: Accusation = { code: 'SILENT', accused, statements: [] }
    if (this.#wayOut !== undefined) this.#fail(accusation, silent)
    else this.#effects.push({ kind: 'stalled', silent: silent.map(nodeIdOfKey) })
  }

  #fail(accusation: Accusation, silent: readonly Uint8Array[] = []): void {
    const way = this.#wayOut
    if (way === undefined) return
    // The others go on, and should they succeed, this node hears of it.
    this.#hasLeft = way === 'leave'
    if (way === 'end') {
      this.#phase = 'failed'
      this.#abort = accusationCodec.encode(accusation)
      for (const each of this.#voice.others) this.#tell(each, 'abort', this.#abort)
      this[Symbol.dispose]()
    }
    this.#effects.push({ kind: 'failed', accusation, silent: silent.map(nodeIdOfKey) })
  }

  /** Wipes all that is secret in it; a share that was made is its owner's. Nothing may be fed after. */
  [Symbol.dispose](): void {
    this.#dealer?.[Symbol.dispose]()
    this.#receiver?.[Symbol.dispose]()
    this.#share?.[Symbol.dispose]()
    this.#share = undefined
    this.#voice.forget()
  }

  #tell(identity: Uint8Array, kind: StatementKind, body: Uint8Array): void {
    this.#effects.push(this.#voice.to(identity, kind, body))
  }

  /** To everybody, and to itself at once. */
  #tellAll(kind: StatementKind, body: Uint8Array, now: Instant): void {
    const { bytes, sends } = this.#voice.toAll(kind, body)
    this.#effects.push(...sends)
    this.#hear(statementCodec.decode(bytes), now)
  }
}
