/** Whether the firmware below the software is good enough for a policy. */
import { after, milliseconds, type Timestamp } from '../base/time.ts'
import type { Claims } from './claims.ts'
import type { TcbRule, TcbStatus } from './manifest-document.ts'
import type { PlatformName } from './platforms.ts'
import type { Refusal, RefusalFacts } from './verdict.ts'

/** What came of it. */
export interface TcbJudgement {
  /** The vendor's word, or what the rule's minimums make of it. */
  readonly status: TcbStatus
  readonly refusal: Refusal | undefined
  /** When a grace ends without which the firmware would be refused. */
  readonly graceEndsAt?: Timestamp
}

const outOfDate: ReadonlySet<TcbStatus> = new Set(['OutOfDate', 'OutOfDateConfigurationNeeded'])

/**
 * Judges the firmware. Without a rule nothing is allowed.
 *
 * Codes: `TCB_NOT_ALLOWED`, `ADVISORY_NOT_ALLOWED`.
 */
export function judgeTcb(
  { tcb }: Pick<Claims, 'tcb'>,
  rule: TcbRule | undefined,
  now: Timestamp,
): TcbJudgement {
  const { status, lacking } = statusOf(tcb, rule)
  const allowed = rule?.allowed ?? []
  const graceEndsAt = graceOf(status, { tcb, rule, now })
  if (!allowed.includes(status) && graceEndsAt === undefined) {
    const facts = { status, allowed: allowed.join(' '), ...lacking }
    return { status, refusal: { code: 'TCB_NOT_ALLOWED', facts } }
  }
  const accepted = rule?.advisories ?? null
  const open = tcb.advisories?.find(each => accepted !== null && !accepted.includes(each))
  if (open !== undefined) {
    const facts = { status, advisory: open, allowed: accepted?.join(' ') ?? '' }
    return { status, refusal: { code: 'ADVISORY_NOT_ALLOWED', facts } }
  }
  return { status, refusal: undefined, ...(graceEndsAt !== undefined && { graceEndsAt }) }
}

/** Code: `PRIVILEGE_LEVEL_NOT_ALLOWED`. A platform that tells no level has none to refuse. */
export function judgePrivilege(
  platform: PlatformName,
  { privilegeLevel }: Pick<Claims, 'privilegeLevel'>,
  rule: TcbRule | undefined,
): Refusal | undefined {
  const allowed = rule?.privilegeLevels ?? []
  if (privilegeLevel === undefined || allowed.includes(privilegeLevel)) return undefined
  const facts = { platform, found: privilegeLevel, allowed: allowed.join(' ') }
  return { code: 'PRIVILEGE_LEVEL_NOT_ALLOWED', facts }
}

/** Below a minimum of the rule firmware is out of date, whatever the vendor says. */
function statusOf(
  tcb: Claims['tcb'],
  rule: TcbRule | undefined,
): { readonly status: TcbStatus; readonly lacking: RefusalFacts } {
  for (const [component, minimum] of Object.entries(rule?.minimum ?? {})) {
    for (const level of tcb.levels) {
      const found = level[component]
      // Firmware without the component lacks it: a minimum of zero asks for its presence.
      if (found !== undefined && found >= minimum) continue
      const lacking = { component, found: found ?? 'absent', minimum }
      return { status: 'OutOfDate', lacking }
    }
  }
  return { status: tcb.status, lacking: {} }
}

/**
 * The end of the grace, if the firmware stands in it. Only what the vendor calls out of date has a date, so a minimum of the
 * rule knows no grace.
 */
function graceOf(
  status: TcbStatus,
  {
    tcb,
    rule,
    now,
  }: {
    readonly tcb: Claims['tcb']
    readonly rule: TcbRule | undefined
    readonly now: Timestamp
  },
): Timestamp | undefined {
  if (rule === undefined || rule.graceMs === 0 || tcb.date === undefined) return undefined
  if (!outOfDate.has(status) || status !== tcb.status || rule.allowed.includes(status)) {
    return undefined
  }
  const end = after(tcb.date, milliseconds(rule.graceMs))
  return now < end ? end : undefined
}
