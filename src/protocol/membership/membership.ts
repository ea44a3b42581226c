/**
 * Membership: who belongs, what they may be told, and under which keys.
 *
 *     connections ─> Greetings ─> RemovalSync ─> RemovalSet ──┐ covers: out, everywhere, for good
 *          │             └─ announcements ─> KeyPulls ─> EpochKeys ─> sealing and opening
 *          └─> Roster <─ Records (strangers' evidence) <─ KeyServing, StepUps: fresh or nothing
 *                 └─> Joining: joining ─> active
 *
 * Nothing here is agreed on. Every node derives its members from its own verdicts; removals are proofs in a
 * set that only grows; keys are made by whoever misses one and found by id. So a partition keeps working,
 * and a heal is the same exchange as a first meeting: removals, then keys, then gossip.
 *
 * What this room does not do: appraise (a port), judge liveness (an input), carry gossip or state.
 */
import type { Refusal, TrustedVerdict } from '../../attestation/verdict.ts'
import { UsageError, unreachable } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { after, type Instant, milliseconds, seconds } from '../../base/time.ts'
import type { EpochKeyKind } from '../../wire/epoch-key.ts'
import type { Machine } from '../machine.ts'
import { Admissions } from './admissions.ts'
import type { Core } from './core.ts'
import { EpochKeys, type KeyConditions } from './epoch-keys.ts'
import { Exchanges } from './exchanges.ts'
import { Greetings } from './greetings.ts'
import { Joining } from './joining.ts'
import { holdsEveryKind, joiningFacts } from './joining-facts.ts'
import { KeyHolding } from './key-holding.ts'
import { KeyPulls } from './key-pulls.ts'
import { KeyServing } from './key-serving.ts'
import { Neighbours } from './neighbours.ts'
import { Outbox } from './outbox.ts'
import { OwnRecord } from './own-record.ts'
import { Records } from './records.ts'
import { RemovalSet } from './removal-set.ts'
import { Renewals } from './renewals.ts'
import { Roster } from './roster.ts'
import { StepUps } from './step-ups.ts'
import type {
  HeldKey,
  ManifestFacts,
  MemberFacts,
  MemberGoneCode,
  MembershipEffect,
  MembershipInput,
  MembershipOptions,
  MembershipPhase,
  MembershipPorts,
  MembershipQueries,
} from './types.ts'

/** How often a joining node asks active neighbours again which keys there are. */
const lookForKeysEvery = seconds(1)
/** Least rest after a step: an alarm that found nothing to do does not come back at once. */
const restMin = milliseconds(5)

type InputOf<Kind extends MembershipInput['kind']> = Extract<MembershipInput, { kind: Kind }>

export class Membership implements Machine<MembershipInput, MembershipEffect>, MembershipQueries {
  readonly #core: Core
  readonly #admissions: Admissions
  readonly #greetings: Greetings
  readonly #records: Records
  readonly #renewals: Renewals
  readonly #pulls: KeyPulls
  readonly #serving: KeyServing
  readonly #exchanges: Exchanges
  readonly #keys: KeyHolding
  readonly #joining: Joining
  #manifest: ManifestFacts
  #wakeAt: Instant | null = null

  /** @throws {UsageError} `FOUNDING_NOT_ALLOWED` for a founder that may not found. */
  constructor(ports: MembershipPorts, options: MembershipOptions) {
    if (options.isFounder && !options.mayFound) {
      throw new UsageError('FOUNDING_NOT_ALLOWED', 'This node may not found the network.', {
        next: 'Start it without --found, or found from a machine that the founding block lists.',
      })
    }
    this.#manifest = options.manifest
    this.#joining = new Joining(options)
    this.#core = this.#buildCore(ports, options)
    const greetings = (): Greetings => this.#greetings
    this.#pulls = new KeyPulls(this.#core, greetings)
    this.#keys = new KeyHolding(this.#core, {
      greetings,
      isPulling: kind => this.#pulls.isPulling(kind),
    })
    this.#greetings = new Greetings(this.#core, (from, announcements, now) =>
      this.#pulls.announced(from, announcements, now),
    )
    this.#serving = new KeyServing(this.#core, greetings)
    this.#admissions = new Admissions(this.#core, { greetings, forget: node => this.#forget(node) })
    this.#records = new Records(this.#core, this.#admissions.delegation)
    this.#renewals = new Renewals(this.#core, this.#admissions)
    this.#exchanges = new Exchanges(this.#core, {
      ...{ greetings: this.#greetings, records: this.#records, pulls: this.#pulls },
      ...{ serving: this.#serving, renewals: this.#renewals, results: this.#admissions.delegation },
    })
  }

  step(input: MembershipInput, now: Instant): readonly MembershipEffect[] {
    if (this.#isKnown(input) && (this.#wakeAt === null || now < this.#wakeAt)) return []
    this.#take(input, now)
    this.#settle(now)
    this.#wakeAt = this.#nextDue(now)
    return this.#core.outbox.drain()
  }

  wakeAt(): Instant | null {
    return this.#wakeAt
  }

  /**
   * Nearly all inputs are beats that say what their authors said before. To settle looks at every member, so to
   * settle at each beat would cost the square of the network; and before the next alarm nothing else is due.
   */
  #isKnown(input: MembershipInput): boolean {
    return input.kind === 'beat' && !this.#core.roster.isNews(input.node, input.phase)
  }

  #nextDue(now: Instant): Instant | null {
    if (this.phase === 'removed') return null
    const { roster, keys, stepUps } = this.#core
    const facts = joiningFacts(this.#core, now)
    const isLookingForKeys = this.phase !== 'active' && facts.isActiveInReach
    const all = [
      ...[roster.wakeAt(now), keys.wakeAt(now), stepUps.wakeAt(), this.#greetings.wakeAt()],
      ...[this.#records.wakeAt(), this.#renewals.wakeAt(), this.#pulls.wakeAt()],
      ...[this.#serving.wakeAt(), this.#keys.wakeAt(), this.#joining.wakeAt(facts, now)],
      this.#admissions.delegation.wakeAt(now),
      isLookingForKeys ? after(now, lookForKeysEvery) : null,
    ].filter(at => at !== null)
    return all.length === 0 ? null : (Math.max(Math.min(...all), now + restMin) as Instant)
  }

  /** Wipes every key. Nothing is asked of the machine afterwards. */
  [Symbol.dispose](): void {
    this.#core.keys.wipeAll()
  }

  get phase(): MembershipPhase {
    return this.#joining.phase
  }

  get next(): string {
    return this.#joining.next
  }

  get removalDigest(): Digest {
    return this.#core.removals.digest
  }

  get removalCount(): number {
    return this.#core.removals.count
  }

  removalItems(): readonly Uint8Array[] {
    return this.#core.removals.items()
  }

  sealingKey(kind: EpochKeyKind, now: Instant): HeldKey | undefined {
    return this.#core.keys.sealing(kind, this.#core.conditions(), now)
  }

  openingKey(id: Digest, now: Instant): HeldKey | undefined {
    return this.#core.keys.opening(id, now)
  }

  readonly keptKey: MembershipQueries['keptKey'] = (id, now) => this.#core.keys.toGrant(id, now)
  readonly keyCounts: MembershipQueries['keyCounts'] = now => this.#core.keys.counts(now)
  readonly record: MembershipQueries['record'] = (node, now) => this.#records.of(node, now)

  isMember(node: NodeId, now: Instant): boolean {
    return this.#core.roster.isMember(node, now) && !this.#core.isRemoved(node)
  }

  isFresh(node: NodeId, now: Instant): boolean {
    return this.#core.roster.isFresh(node, now) && !this.#core.isRemoved(node)
  }

  member(node: NodeId, now: Instant): MemberFacts | undefined {
    return this.#core.roster.member(node, now)
  }

  members(now: Instant): readonly MemberFacts[] {
    return this.#core.roster.members(now)
  }

  barred(node: NodeId): Refusal | undefined {
    return this.#admissions.refusal(node)
  }

  admissible(node: NodeId, verdict: TrustedVerdict, now: Instant): Refusal | undefined {
    return this.#admissions.admissible(node, verdict, now)
  }

  #buildCore(ports: MembershipPorts, options: MembershipOptions): Core {
    const { network, self, manifest } = options
    const outbox = new Outbox()
    const own = new OwnRecord(ports, { network, ...self })
    const roster = new Roster(ports, { self, manifest })
    const removals = new RemovalSet(manifest, { network, attestor: ports.attestor })
    const isRemoved = (node: NodeId): boolean => {
      const verdict = roster.verdictOf(node)
      return removals.covers(verdict === undefined ? { node } : { node, verdict }) !== undefined
    }
    return {
      ...{ network, self, own, ports, outbox, roster, removals, isRemoved },
      ...{ keys: new EpochKeys(), neighbours: new Neighbours(), stepUps: new StepUps(outbox) },
      manifest: () => this.#manifest,
      phase: () => this.phase,
      conditions: (): KeyConditions => ({ removalDigest: removals.digest, isRemoved }),
      removalsGrew: (items, from, now) => this.#admissions.removalsGrew(items, from, now),
      keyHeld: (name, now) => this.#keys.held(name, now),
    }
  }

  #take(input: MembershipInput, now: Instant): void {
    const { roster, keys } = this.#core
    if (this.phase === 'removed') return this.#takeRemoved(input, now)
    switch (input.kind) {
      case 'started':
        return this.#joining.started(now)
      case 'tick':
        return
      case 'connected':
        return this.#admissions.connected(input.member, now)
      case 'disconnected':
        return this.#forget(input.node)
      case 'asked':
        return this.#exchanges.asked(input, now)
      case 'told':
        return this.#exchanges.told(input, now)
      case 'answered':
        return this.#exchanges.answered(input, now)
      case 'askFailed':
        return this.#exchanges.askFailed(input, now)
      case 'steppedUp':
      case 'stepUpFailed':
      case 'suspected':
      case 'freshnessNeeded':
        return this.#admissions.freshness(input, now)
      case 'beat':
        return void roster.setPhase(input.node, input.phase)
      case 'livenessChanged':
        return this.#admissions.livenessChanged(input.node, input.state, now)
      case 'left':
        return this.#admissions.left(input.node)
      case 'fullSyncCompleted':
        if (roster.member(input.node, now)?.phase === 'active') this.#joining.synced()
        return
      case 'commitKeysNamed':
        return keys.nameCommitKeys(input.ids)
      case 'recovered':
        return this.#recovered(input, now)
      case 'contradicted':
        return this.#admissions.contradicted(input)
      case 'removalItems':
        return this.#admissions.takeOwn(input.items, now)
      case 'unknownAuthor':
        return this.#unknownAuthor(input, now)
      case 'unknownKey':
        return this.#unknownKey(input, now)
      case 'evidenceRenewed':
        return this.#greetings.evidenceRenewed(input.evidence)
      case 'manifestChanged':
        this.#manifest = input.manifest
        return this.#admissions.govern(input.manifest, now)
      case 'manifestJudged':
        return this.#greetings.manifests.judged(input.node, input.refusal)
      default:
        return unreachable(input)
    }
  }

  /** A removed node says why it is gone and nothing else; whoever hears it closes the connection. */
  #takeRemoved(input: MembershipInput, now: Instant): void {
    const { outbox } = this.#core
    if (input.kind === 'asked') {
      if (input.protocol === 'removals') return this.#exchanges.asked(input, now)
      outbox.emit({ kind: 'refuse', request: input.request, code: 'NOT_ACTIVE' })
    }
    if (input.kind === 'recovered') for (const { key } of input.keys) key[Symbol.dispose]()
    if (input.kind === 'disconnected') this.#forget(input.node)
    if (input.kind === 'connected') outbox.disconnect(input.member.node, 'REMOVED')
    if (input.kind === 'freshnessNeeded') {
      outbox.emit({ kind: 'memberNotFresh', node: input.node, code: 'NOT_ACTIVE' })
    }
    if (input.kind === 'removalItems') {
      outbox.emit({ kind: 'removalsJudged', added: 0, refused: [] })
    }
  }

  #unknownAuthor({ author, from }: InputOf<'unknownAuthor'>, now: Instant): void {
    if (this.isMember(author, now)) this.#core.outbox.emit({ kind: 'memberAdded', node: author })
    else this.#records.need(author, from, now)
  }

  #unknownKey({ id, from }: InputOf<'unknownKey'>, now: Instant): void {
    const held = this.openingKey(id, now)
    if (held !== undefined) this.#keys.heldAlready(held.kind, id)
    else this.#pulls.need(id, from, now)
  }

  /** Drops what hangs on a connection. */
  #forget(node: NodeId): void {
    this.#core.neighbours.close(node)
    this.#core.roster.disconnect(node)
    this.#core.outbox.forgetAsks(node)
    this.#core.stepUps.forget(node)
    this.#pulls.forget(node)
    this.#serving.forget(node)
    this.#records.forget(node)
    this.#renewals.forget(node)
    this.#greetings.manifests.forget(node)
  }

  /** Everything that time and the input made due. */
  #settle(now: Instant): void {
    const { outbox, roster, stepUps } = this.#core
    for (const node of outbox.takeClosed()) this.#forget(node)
    for (const { node, code } of roster.fold(now)) this.#leave(node, code)
    stepUps.fold(now)
    for (const node of [...roster.lapsingSoon(now), ...roster.suspected()]) {
      stepUps.request(node, 're-attest', now)
    }
    if (this.phase !== 'removed') {
      this.#greetings.tick(now)
      if (this.phase !== 'active' && !holdsEveryKind(this.#core, now)) this.#pulls.lookAgain(now)
      this.#records.drive(now)
      this.#renewals.drive(now)
      this.#admissions.drive(now)
      this.#pulls.drive(now)
    }
    this.#serving.drive(now)
    this.#advance(now)
    this.#keys.drive(now)
    for (const node of outbox.takeClosed()) this.#forget(node)
    this.#keys.fold(now)
  }

  #leave(node: NodeId, code: MemberGoneCode): void {
    const { outbox, neighbours } = this.#core
    outbox.emit({ kind: 'memberGone', node, code })
    if (neighbours.of(node) === undefined) return
    outbox.disconnect(node, code)
    this.#forget(node)
  }

  #advance(now: Instant): void {
    for (;;) {
      const step = this.#joining.advance(joiningFacts(this.#core, now), now)
      if (step.kind === 'stay') return
      if (step.kind === 'found') this.#found(now)
      this.#entered(now)
    }
  }

  #found(now: Instant): void {
    this.#keys.makeAll(now)
    this.#joining.founded()
  }

  #recovered({ keys, isWhole }: InputOf<'recovered'>, now: Instant): void {
    for (const kept of keys) this.#keys.takeKept(kept, now)
    if (!isWhole || !this.#joining.mayRecover) return
    this.#found(now)
    this.#entered(now)
  }

  #entered(now: Instant): void {
    const { outbox, keys } = this.#core
    outbox.emit({ kind: 'phaseChanged', phase: this.phase, next: this.next })
    if (this.phase === 'active') {
      const announcements = keys.announcements(this.#core.conditions(), now)
      this.#greetings.broadcast({ announcements }, null)
    }
  }
}
