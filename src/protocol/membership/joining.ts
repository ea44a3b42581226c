/**
 * How a node becomes active.
 *
 *     joining ──────── keys of each kind and one full sync, from an active member ──> active
 *      │  ▲ └───────── a founder: nobody active answered within foundWait ──────────────▲
 *      ▼  │ somebody active in reach                                                    │
 *     alone ─────────────────────────────────────────────────────────────────────────────┘
 *
 *     any phase ── the removal set takes this node out ──> removed
 *
 * A joining node attests and is attested, spreads removals, and does nothing else that anybody relies on.
 */
import { after, type Duration, type Instant } from '../../base/time.ts'
import type { MembershipPhase } from './types.ts'

/** What the next phase depends on. */
export interface JoiningFacts {
  /** A connected member that is active, its gate open or about to be. */
  readonly isActiveInReach: boolean
  /** A connected member whose first hello has not come yet: it may turn out to be active. */
  readonly isGreeting: boolean
  /** A usable key of each kind, every one pulled from an active member: a joining node has no other way to get one. */
  readonly holdsEveryKind: boolean
  readonly isSelfRemoved: boolean
}

export interface JoiningOptions {
  readonly isFounder: boolean
  readonly mayFound: boolean
  readonly foundWait: Duration
}

/** What to do now: `found` asks for a key of each kind and then is active. */
export type JoiningStep =
  | { readonly kind: 'stay' }
  | { readonly kind: 'enter'; readonly phase: MembershipPhase }
  | { readonly kind: 'found' }

export class Joining {
  readonly #options: JoiningOptions
  #phase: MembershipPhase = 'joining'
  #startedAt: Instant | null = null
  /** Since when nobody active is in reach. */
  #aloneSince: Instant | null = null
  #metActive = false
  #isSynced = false

  constructor(options: JoiningOptions) {
    this.#options = options
  }

  get phase(): MembershipPhase {
    return this.#phase
  }

  /** What a person can do; empty if nothing is needed. */
  get next(): string {
    switch (this.#phase) {
      case 'alone':
        return this.#metActive ? lastActiveGone : nobodyAnswered
      case 'removed':
        return 'This identity was removed from the network and never returns. Find out why before starting another node on this machine.'
      default:
        return ''
    }
  }

  started(now: Instant): void {
    this.#startedAt ??= now
    this.#aloneSince ??= now
  }

  /** One full sync with an active member is merged. */
  synced(): void {
    this.#isSynced = true
  }

  /** Moves at most one phase on; ask again until it stays. */
  advance(facts: JoiningFacts, now: Instant): JoiningStep {
    if (this.#phase === 'removed') return { kind: 'stay' }
    if (facts.isSelfRemoved) return this.#enter('removed')
    if (this.#phase === 'active' || this.#startedAt === null) return { kind: 'stay' }
    if (facts.isActiveInReach) {
      this.#metActive = true
      this.#aloneSince = null
      if (facts.holdsEveryKind && this.#isSynced) return this.#enter('active')
      return this.#phase === 'alone' ? this.#enter('joining') : { kind: 'stay' }
    }
    this.#aloneSince ??= now
    if (now < this.#lookUntil(facts)) return { kind: 'stay' }
    if (this.#mayFoundNow()) return { kind: 'found' }
    return this.#phase === 'joining' ? this.#enter('alone') : { kind: 'stay' }
  }

  /** The state came back from a disk: this node may go on with the network, unless somebody active may still be in reach. */
  get mayRecover(): boolean {
    return this.#phase === 'alone'
  }

  /** The three keys are made. */
  founded(): JoiningStep {
    return this.#enter('active')
  }

  wakeAt(facts: Pick<JoiningFacts, 'isGreeting'>, now: Instant): Instant | null {
    const isLooking = this.#phase === 'joining' && this.#aloneSince !== null
    const until = this.#lookUntil(facts)
    return isLooking && until > now ? until : null
  }

  /**
   * A founder looks for `foundWait`; everybody else twice as long, so that a founder started beside it is
   * heard of first. Twice as long also while somebody is in the middle of its first hello, and not longer,
   * for it may never come.
   */
  #lookUntil(facts: Pick<JoiningFacts, 'isGreeting'>): Instant {
    const { foundWait } = this.#options
    const isPatient = facts.isGreeting || !this.#mayFoundNow()
    const span = (isPatient ? foundWait * 2 : foundWait) as Duration
    return after(this.#aloneSince ?? (0 as Instant), span)
  }

  /** Whoever once saw the network does not found another: its state may only be out of reach. */
  #mayFoundNow(): boolean {
    const { isFounder, mayFound } = this.#options
    return isFounder && mayFound && !this.#metActive
  }

  #enter(phase: MembershipPhase): JoiningStep {
    this.#phase = phase
    return { kind: 'enter', phase }
  }
}

const nobodyAnswered =
  'No active member answers. Check the bootstrap addresses and that a member runs; to begin a new network, start one node that may found it with --found.'
const lastActiveGone =
  'The last active member is gone, and with it the state if no other runs elsewhere. Bring an active member back in reach; to begin anew, start one node that may found the network with --found.'
