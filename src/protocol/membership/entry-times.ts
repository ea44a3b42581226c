/** When a verdict ends, by the two clocks, and when it is renewed. */
import type { TrustedVerdict } from '../../attestation/verdict.ts'
import {
  after,
  between,
  type Duration,
  type Instant,
  minutes,
  type Timestamp,
} from '../../base/time.ts'
import type { RosterEntry as Entry } from './roster-entry.ts'

/** Re-attestation begins this long before a verdict ends: time for several quotes that fail. */
const renewLeadMax = minutes(5)
/** How often a verdict that a date is about to end is renewed at most, within that lead. */
const renewalsPerLead = 5

export class EntryTimes {
  readonly #wall: () => Timestamp
  readonly #evidenceAge: () => Duration

  constructor(wall: () => Timestamp, evidenceAge: () => Duration) {
    this.#wall = wall
    this.#evidenceAge = evidenceAge
  }

  /** When a verdict of now ends: by its date, or when `span` is over, the evidence age unless said. */
  lapse(verdict: TrustedVerdict, now: Instant, span = this.#evidenceAge()): Instant {
    return earlier(after(now, span), after(now, between(this.#wall(), verdict.expiresAt)))
  }

  /** When a connected member is asked for a step-up, so that its verdict does not end. */
  renewAt(entry: Entry): Instant {
    const lead = Math.min(this.#evidenceAge() / 4, renewLeadMax)
    // A date of the manifest or a certificate is not put off by quotes: without a rest each would ask for the next.
    const rested = entry.freshAt === null ? 0 : entry.freshAt + lead / renewalsPerLead
    return Math.max(entry.until - lead, rested) as Instant
  }

  isLapsed(entry: Entry, now: Instant): boolean {
    return now >= entry.until || this.#wall() >= entry.verdict.expiresAt
  }

  isFresh(entry: Entry, now: Instant): boolean {
    return entry.freshAt !== null && now < after(entry.freshAt, this.#evidenceAge())
  }
}

export function earlier(left: Instant, right: Instant): Instant {
  return left < right ? left : right
}

/** When the evidence behind a verdict ends. */
export function evidenceEnd({ evidenceEndsAt, expiresAt }: TrustedVerdict): Timestamp {
  return evidenceEndsAt ?? expiresAt
}
