/** How much of what others cause is written down: the rest is counted, so that nobody fills a disk or pushes history out by knocking. */
import { between, type Clock, type Instant } from '../base/time.ts'
import type { AuditCause } from '../protocol/audit/kinds.ts'

interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

/**
 * Strangers: 64 at once and then four a minute, 2 MB a day. Members pay for each entry with an identity or a fault. Callers may hold the
 * right to sign: what they had signed is written one by one up to a hundred a second. Ceremonies take people or machines that agree, and
 * seconds: whoever makes more of them than this is at fault, and pushes nothing else out.
 */
const allowances: Readonly<Record<Exclude<AuditCause, 'node'>, Allowance>> = {
  stranger: { burst: 64, perSecond: 1 / 15 },
  member: { burst: 2_000, perSecond: 2 },
  caller: { burst: 10_000, perSecond: 100 },
  ceremony: { burst: 2_000, perSecond: 2 },
  attempt: { burst: 1_000, perSecond: 1 },
}

/** What was not written of one cause. */
export interface Withheld {
  readonly cause: AuditCause
  readonly count: number
  /** Wall time of the first. */
  readonly since: number
}

interface Bucket {
  tokens: number
  filledAt: Instant
  withheld: { count: number; readonly since: number } | undefined
}

export class AuditBudget {
  readonly #clock: Clock
  readonly #buckets = new Map<AuditCause, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether an entry of this cause may be written; if not, it is counted. */
  spend(cause: AuditCause): boolean {
    if (cause === 'node') return true
    const { burst, perSecond } = allowances[cause]
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(cause) ?? {
      ...{ tokens: burst, filledAt: now, withheld: undefined },
    }
    this.#buckets.set(cause, bucket)
    const earned = (between(bucket.filledAt, now) / 1000) * perSecond
    bucket.tokens = Math.min(burst, bucket.tokens + earned)
    bucket.filledAt = now
    if (bucket.tokens >= 1) {
      bucket.tokens--
      return true
    }
    bucket.withheld ??= { count: 0, since: this.#clock.wall() }
    bucket.withheld.count++
    return false
  }

  /** What was counted since the last call, and begins anew. */
  takeWithheld(): readonly Withheld[] {
    const taken: Withheld[] = []
    for (const [cause, bucket] of this.#buckets) {
      if (bucket.withheld !== undefined) taken.push({ cause, ...bucket.withheld })
      bucket.withheld = undefined
    }
    return taken
  }
}
