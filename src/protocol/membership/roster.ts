/**
 * Who is a member for this node: derived from its own trusted verdicts, never replicated.
 *
 * A verdict ends at the earlier of two clocks: its date by the wall clock, which the host may set back, and
 * a span of monotonic time, which it cannot. Departed identities fold away, so that the roster is as large
 * as the network is now and not as its history was.
 */
import type { Refusal, TrustedVerdict } from '../../attestation/verdict.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { after, between, type Instant, minutes, seconds, type Timestamp } from '../../base/time.ts'
import { evidenceDigest } from '../../wire/evidence.ts'
import type { MemberPhase } from '../../wire/hello.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import { EntryTimes, earlier, evidenceEnd } from './entry-times.ts'
import { InstanceQuota } from './instance-quota.ts'
import {
  type RosterEntry as Entry,
  hasDeparted,
  Lapsed,
  livingOn,
  restingOf,
} from './roster-entry.ts'
import type {
  AppraisedMember,
  Liveness,
  ManifestFacts,
  MemberFacts,
  MemberGoneCode,
  Rests,
} from './types.ts'

/** How long an identity whose verdict lapsed may take for its step-up: a quote on real hardware needs seconds. */
const returnGrace = seconds(30)
/** How long a step-up answers every doubt: a peer that earns doubts does not make this node check quotes all day. */
const doubtRest = seconds(5)
/** The longest rest before verdicts are held against the wall clock again: it may jump. */
const wallCheckEvery = minutes(1)

export class Roster {
  readonly #self: Pick<AppraisedMember, 'node' | 'verdict'>
  readonly #wall: () => Timestamp
  readonly #entries = new Map<NodeId, Entry>()
  readonly #lapsed = new Lapsed()
  readonly #quota = new InstanceQuota()
  readonly #times: EntryTimes
  #manifest: Pick<ManifestFacts, 'instanceLimits' | 'evidenceAge'>

  constructor(
    ports: { readonly wall: () => Timestamp },
    options: {
      readonly self: Pick<AppraisedMember, 'node' | 'verdict'>
      readonly manifest: Pick<ManifestFacts, 'instanceLimits' | 'evidenceAge'>
    },
  ) {
    this.#wall = ports.wall
    this.#self = options.self
    this.#manifest = options.manifest
    this.#times = new EntryTimes(ports.wall, () => this.#manifest.evidenceAge)
  }

  govern(manifest: Pick<ManifestFacts, 'instanceLimits' | 'evidenceAge'>): void {
    this.#manifest = manifest
  }

  /** Why this identity may not join now, whatever its verdict; `undefined` if it may. */
  admissible(node: NodeId, verdict: TrustedVerdict, now: Instant): Refusal | undefined {
    if (verdict.expiresAt <= this.#wall()) return { code: 'VERDICT_EXPIRED', facts: {} }
    const elsewhere = this.#elsewhere(node, verdict)
    if (elsewhere !== undefined) return elsewhere
    if (node === this.#self.node || this.#entries.has(node)) return undefined
    const { live, newPerHour } = this.#manifest.instanceLimits
    const { instance } = this.#self.verdict
    const own = instance === verdict.instance ? 1 : 0
    const living = own + livingOn(verdict.instance, this.#entries.values())
    if (living >= live) return { code: 'INSTANCE_LIVE_LIMIT', facts: { living, limit: live } }
    const arrived = this.#quota.arrivals({ instance: verdict.instance, node }, now)
    const limit = newPerHour + (this.#quota.isNewHere(verdict.instance, now) ? live : 0)
    return arrived < limit ? undefined : { code: 'INSTANCE_NEW_LIMIT', facts: { arrived, limit } }
  }

  /** Keys never leave the machine that made them: evidence of another one says that they did. */
  #elsewhere(node: NodeId, { instance }: TrustedVerdict): Refusal | undefined {
    const held = this.#ownWord(node)?.verdict.instance ?? this.#lapsed.instanceOf(node)
    if (held === undefined || held === instance) return undefined
    const reason = `attested on ${held}, now on ${instance}`
    return { code: 'INSTANCE_MISMATCH', facts: { reason } }
  }

  /** What this node saw itself: what others said of a member binds nobody. */
  #ownWord(node: NodeId): Entry | undefined {
    const entry = this.#entries.get(node)
    return entry?.rests === null ? entry : undefined
  }

  /** Whether this identity is known under other keys: a node makes all of them once, at boot. */
  hasOtherKeys({ node, keys }: Pick<AppraisedMember, 'node' | 'keys'>): boolean {
    const known = this.#ownWord(node)?.keys
    if (known === undefined) return false
    return !equalBytes(known.noise, keys.noise) || !equalBytes(known.kem, keys.kem)
  }

  /**
   * Takes the trusted verdict of an `admissible` identity in, which has no other keys. Appraising evidence again, the same or newer,
   * does not prolong it: only a step-up does.
   *
   * @returns whether the identity is new here.
   */
  admit(member: AppraisedMember, now: Instant): boolean {
    const { node, evidence, verdict } = member
    const known = this.#entries.get(node)
    const evidenceEndsAt = evidenceEnd(verdict)
    if (known !== undefined && known.rests !== null) {
      this.#overrule(known, member, now)
      return false
    }
    if (known !== undefined) {
      if (evidenceDigest(known.evidence) !== evidenceDigest(evidence)) {
        // Evidence does not date itself, but it ends: what ends sooner is older, and whoever shows it again takes nothing back.
        if (evidenceEndsAt <= known.evidenceEndsAt) return false
        Object.assign(known, { evidence, possession: null })
      }
      Object.assign(known, { evidenceEndsAt, verdict, keyVerdict: verdict })
      known.until = earlier(known.until, this.#times.lapse(verdict, now))
      return false
    }
    this.#add(member, now)
    return true
  }

  /** This node's own look takes the place of what others said; whoever was in doubt or owes a step-up still is, and does. */
  #overrule(known: Entry, member: AppraisedMember, now: Instant): void {
    const { keys, evidence, verdict } = member
    if (evidenceDigest(known.evidence) !== evidenceDigest(evidence)) known.possession = null
    const until = this.#times.lapse(verdict, now)
    known.until = this.#owes(known) ? earlier(known.until, until) : until
    const own = { verdict, keyVerdict: verdict, rests: null }
    Object.assign(known, { keys, evidence, evidenceEndsAt: evidenceEnd(verdict), ...own })
  }

  #owes({ node, isSuspected }: Entry): boolean {
    return isSuspected || this.#lapsed.has(node)
  }

  /**
   * Takes an `admissible` identity in on the word of others, or goes on trusting their word. Whoever this node appraised itself
   * is not touched.
   *
   * @returns whether the identity is new here.
   */
  vouch(member: AppraisedMember, rests: Rests, now: Instant): boolean {
    const known = this.#entries.get(member.node)
    if (known !== undefined && known.rests === null) return false
    const entry = known ?? this.#add(member, now)
    const ends = [this.#times.lapse(member.verdict, now), rests.until]
    if (known === undefined || this.#owes(entry)) ends.push(entry.until)
    const { verdict } = member
    Object.assign(entry, { ...member, keyVerdict: verdict, rests, until: Math.min(...ends) })
    return known === undefined
  }

  /** Members that rest on results of others. */
  resting(): readonly (AppraisedMember & { readonly rests: Rests })[] {
    return restingOf(this.#entries.values())
  }

  /** The verdict on the key evidence of a member that this node appraised itself and that showed possession of its keys. */
  appraised(node: NodeId, now: Instant): TrustedVerdict | undefined {
    const entry = this.#current(node, now)
    const isOwn = entry !== undefined && entry.rests === null && entry.possession !== null
    return isOwn && !entry.isSuspected ? entry.keyVerdict : undefined
  }

  /** Its key evidence was appraised anew, which prolongs nothing. */
  renewKeys(node: NodeId, verdict: TrustedVerdict): void {
    const entry = this.#ownWord(node)
    if (entry !== undefined) entry.keyVerdict = verdict
  }

  #add(member: AppraisedMember, now: Instant): Entry {
    const { node, keys, evidence, verdict } = member
    const evidenceEndsAt = evidenceEnd(verdict)
    const isReturning = this.#lapsed.has(node)
    const span = isReturning ? returnGrace : this.#manifest.evidenceAge
    const until = this.#times.lapse(verdict, now, span)
    this.#quota.arrived({ instance: verdict.instance, node }, now)
    const entry: Entry = {
      ...{
        node,
        keys,
        evidence,
        evidenceEndsAt,
        verdict,
        keyVerdict: verdict,
        until,
        addedAt: now,
      },
      ...{ rests: null, possession: null, phase: 'joining', liveness: 'new' },
      ...{ isConnected: false, freshAt: null, isSuspected: false },
    }
    this.#entries.set(node, entry)
    return entry
  }

  /** A step-up was answered just now: freshness and the verdict begin anew. */
  renew(node: NodeId, verdict: TrustedVerdict, now: Instant): void {
    const entry = this.#entries.get(node)
    if (entry === undefined || verdict.expiresAt <= this.#wall()) return
    entry.verdict = verdict
    entry.freshAt = now
    entry.isSuspected = false
    entry.until = this.#times.lapse(verdict, now)
    this.#lapsed.delete(node)
  }

  /** There is reason to doubt this member. @returns whether that is new: not in doubt yet, and no step-up just now. */
  suspect(node: NodeId, now: Instant): boolean {
    const entry = this.#entries.get(node)
    if (entry === undefined || entry.isSuspected) return false
    if (entry.freshAt !== null && between(entry.freshAt, now) < doubtRest) return false
    entry.isSuspected = true
    entry.freshAt = null
    this.#hurry(entry, now)
    return true
  }

  connect(node: NodeId, now: Instant): void {
    const entry = this.#entries.get(node)
    if (entry === undefined) return
    entry.isConnected = true
    this.#hurry(entry, now)
  }

  disconnect(node: NodeId): void {
    const entry = this.#entries.get(node)
    if (entry !== undefined) entry.isConnected = false
  }

  /** Connected members in doubt: each is to step up, or goes. */
  suspected(): readonly NodeId[] {
    return [...this.#entries.values()]
      .filter(({ isConnected, isSuspected }) => isConnected && isSuspected)
      .map(({ node }) => node)
  }

  /** @returns whether this made it active. Never back: an identity joins once, later words came late. */
  setPhase(node: NodeId, phase: MemberPhase): boolean {
    const entry = this.#entries.get(node)
    if (entry === undefined || !this.isNews(node, phase)) return false
    entry.phase = 'active'
    return true
  }

  /** Whether `setPhase` would change anything. */
  isNews(node: NodeId, phase: MemberPhase): boolean {
    return phase === 'active' && this.#entries.get(node)?.phase === 'joining'
  }

  setLiveness(node: NodeId, state: Liveness): void {
    const entry = this.#entries.get(node)
    if (entry !== undefined) entry.liveness = state
  }

  /** The signature must have been verified against the entry's own keys and evidence. */
  setPossession(node: NodeId, possession: Uint8Array): void {
    const entry = this.#entries.get(node)
    if (entry !== undefined) entry.possession = possession.slice()
  }

  drop(node: NodeId): void {
    this.#entries.delete(node)
  }

  /** Drops an identity that must step up before anything else when it comes back. */
  lapse(node: NodeId): void {
    this.#noteLapsed(node)
    this.#entries.delete(node)
  }

  isMember(node: NodeId, now: Instant): boolean {
    return node === this.#self.node || this.#current(node, now) !== undefined
  }

  isFresh(node: NodeId, now: Instant): boolean {
    if (node === this.#self.node) return true
    const entry = this.#current(node, now)
    return entry !== undefined && this.#times.isFresh(entry, now)
  }

  member(node: NodeId, now: Instant): MemberFacts | undefined {
    const entry = this.#current(node, now)
    return entry && this.#facts(entry, now)
  }

  /** Without this node, in id order. */
  members(now: Instant): readonly MemberFacts[] {
    return [...this.#entries.values()]
      .filter(entry => !this.#times.isLapsed(entry, now))
      .map(entry => this.#facts(entry, now))
      .toSorted((left, right) => (left.node < right.node ? -1 : 1))
  }

  /** All entries, lapsed ones too: for what must be judged anew. */
  known(): readonly AppraisedMember[] {
    return [...this.#entries.values()]
  }

  /** What the verdict on this identity says, lapsed or not; `undefined` if there is none. */
  verdictOf(node: NodeId): TrustedVerdict | undefined {
    return node === this.#self.node ? this.#self.verdict : this.#entries.get(node)?.verdict
  }

  /** The digest of the evidence that is held of it. */
  evidenceOf(node: NodeId): Digest | undefined {
    const entry = this.#entries.get(node)
    return entry && evidenceDigest(entry.evidence)
  }

  /** Whether its possession of the keys was shown. */
  hasPossession(node: NodeId): boolean {
    return this.#entries.get(node)?.possession !== null
  }

  /** The record of a member, to hand on; `undefined` if it is none or has shown no possession. */
  record(node: NodeId, now: Instant): MemberRecord | undefined {
    const entry = this.#current(node, now)
    if (entry === undefined || entry.possession === null) return undefined
    return { keys: entry.keys, evidence: entry.evidence, possession: entry.possession }
  }

  /** How many live active members have a smaller id than this node: who makes the next key first. */
  rank(now: Instant): number {
    let smaller = 0
    for (const entry of this.#entries.values()) {
      const isLive = entry.liveness === 'alive' || (entry.liveness === 'new' && entry.isConnected)
      const counts = isLive && entry.phase === 'active' && !this.#times.isLapsed(entry, now)
      if (counts && entry.node < this.#self.node) smaller++
    }
    return smaller
  }

  /** Connected members whose verdict ends within a quarter of its span, at most five minutes. */
  lapsingSoon(now: Instant): readonly NodeId[] {
    return [...this.#entries.values()]
      .filter(entry => entry.isConnected && now >= this.#times.renewAt(entry))
      .map(({ node }) => node)
  }

  /** Drops whoever is no member any more, and tells whom and why. */
  fold(now: Instant): readonly { readonly node: NodeId; readonly code: MemberGoneCode }[] {
    const gone: { node: NodeId; code: MemberGoneCode }[] = []
    for (const entry of this.#entries.values()) {
      if (this.#times.isLapsed(entry, now)) {
        this.#noteLapsed(entry.node)
        gone.push({ node: entry.node, code: 'VERDICT_EXPIRED' })
      } else if (hasDeparted(entry, this.#entries.values(), this.#self.verdict.instance)) {
        if (entry.isSuspected) this.#noteLapsed(entry.node)
        gone.push({ node: entry.node, code: 'DEPARTED' })
      }
    }
    for (const { node } of gone) this.#entries.delete(node)
    const present = [...this.#entries.values()].map(({ verdict }) => verdict.instance)
    this.#quota.fold(new Set(present), now)
    return gone
  }

  /** When `fold` or `lapsingSoon` may next find something. */
  wakeAt(now: Instant): Instant | null {
    let first: Instant | null = null
    for (const entry of this.#entries.values()) {
      const renewAt = this.#times.renewAt(entry)
      const at = entry.isConnected && renewAt > now ? renewAt : entry.until
      if (first === null || at < first) first = at
    }
    return first === null ? null : earlier(first, after(now, wallCheckEvery))
  }

  /** Whoever is in doubt and can be asked has seconds to answer. */
  #hurry(entry: Entry, now: Instant): void {
    if (!entry.isSuspected || !entry.isConnected) return
    entry.until = earlier(entry.until, after(now, returnGrace))
  }

  #current(node: NodeId, now: Instant): Entry | undefined {
    const entry = this.#entries.get(node)
    return entry === undefined || this.#times.isLapsed(entry, now) ? undefined : entry
  }

  #noteLapsed(node: NodeId): void {
    this.#lapsed.note(node, this.#ownWord(node)?.verdict.instance)
  }

  #facts(entry: Entry, now: Instant): MemberFacts {
    const { node, keys, evidence, verdict, rests, phase, liveness, isConnected } = entry
    const isFresh =
      this.#times.isFresh(entry, now) || (rests?.isFresh === true && !entry.isSuspected)
    const facts = { node, keys, evidence, verdict, rests, phase, liveness, isConnected, isFresh }
    return { ...facts, expiresAt: entry.until }
  }
}
