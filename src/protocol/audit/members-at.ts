/** Who was a member at a time, as the node that wrote the record saw it. */
import type { Refusal } from '../../attestation/verdict.ts'
import type { NodeId } from '../../base/ids.ts'
import { ownKinds } from './kinds.ts'
import { factOf, type Recorded, type RecordReport } from './verify.ts'
import { timeOf } from './window.ts'

/** A member, and what it was let in by. Digests in hexadecimal, empty where the record has none. */
export interface PastMember {
  readonly node: string
  readonly instance: string
  readonly owner: string | null
  readonly platform: string
  readonly measurement: string
  readonly evidence: string
  readonly policy: string
  readonly manifest: string
  /** ISO 8601: when the verdict was to end. Whoever stepped up meanwhile stayed longer, and whoever did not is gone by an entry of its own. */
  readonly until: string
  /** ISO 8601: when the entry was made. */
  readonly since: string
  /** Whether the node signed the entry that says so. */
  readonly isSigned: boolean
}

export interface PastMembers {
  readonly members: readonly PastMember[]
  /** Whose record this was then. */
  readonly by: NodeId | null
  /** ISO 8601: its last entry at or before the time asked for. What is later than the last entry of a chain was seen by nobody. */
  readonly lastEntry: string
  /** Whether the node had ended by then: a later chain follows, and its members are those of its last entry. */
  readonly hasEnded: boolean
  /** Whether the node signed all that this answer comes from. If not, who had the file could add members and take members away. */
  readonly isSigned: boolean
}

/** `AUDIT_NOT_COVERED` for a time before the record, or before the first entry of it that says who is in. */
export function membersAt(
  report: Pick<RecordReport, 'entries' | 'chains'>,
  time: number,
): PastMembers | Refusal {
  const end = report.entries.findLastIndex(entry => timeOf(entry) <= time)
  const last = report.entries[end]
  const first = report.entries[0]
  const since = first === undefined ? '' : isoOf(timeOf(first))
  if (last === undefined) return { code: 'AUDIT_NOT_COVERED', facts: { since } }
  const start = report.entries.findLastIndex(
    ({ kind }, i) => i <= end && (kind === ownKinds.opened || kind === ownKinds.carried),
  )
  if (start < 0) return { code: 'AUDIT_NOT_COVERED', facts: { since } }
  const members = new Map<string, PastMember>()
  for (const entry of report.entries.slice(start, end + 1)) {
    const { kind, subject } = entry
    if (kind === 'member-gone') members.delete(subject)
    else if (isIn.has(kind)) members.set(subject, memberOf(entry))
  }
  const opened = report.entries.slice(0, end + 1).filter(({ kind }) => kind === ownKinds.opened)
  const isCut = report.entries[0]?.kind !== ownKinds.opened
  const place = opened.length - (isCut ? 0 : 1)
  const isLastOfChain = report.entries[end + 1]?.kind === ownKinds.opened
  return {
    members: [...members.values()].sort((left, right) => (left.node < right.node ? -1 : 1)),
    by: report.chains[place]?.node ?? null,
    lastEntry: isoOf(timeOf(last)),
    hasEnded: isLastOfChain,
    isSigned: last.isSigned,
  }
}

const isIn: ReadonlySet<string> = new Set(['member-admitted', 'member-renewed', ownKinds.member])

function memberOf(entry: Recorded): PastMember {
  const word = (name: string): string => String(factOf(entry, name) ?? '')
  return {
    node: entry.subject,
    instance: word('instance'),
    owner: word('owner') || null,
    platform: word('platform'),
    measurement: word('measurement'),
    evidence: word('evidence'),
    policy: word('policy'),
    manifest: word('manifest'),
    until: word('until'),
    since: isoOf(timeOf(entry)),
    isSigned: entry.isSigned,
  }
}

/** ISO 8601; a file may hold numbers beyond the last moment that a date can say. */
export function isoOf(time: number): string {
  return new Date(Math.min(time, 8_640_000_000_000_000)).toISOString()
}
