/** A part of a record, by time; and whether one record goes on where another ended. */
import type { Refusal } from '../../attestation/verdict.ts'
import { concatBytes } from '../../base/bytes.ts'
import { auditEntryCodec, auditFrame, auditMagic } from '../../wire/audit-entry.ts'

import { ownKinds } from './kinds.ts'
import type { Recorded, RecordReport } from './verify.ts'

/** Milliseconds since 1970, both within; `undefined` for no bound. */
export interface Window {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** When an entry was made: by the members' clock where the node knew it, else by its host's. */
export function timeOf({ groupClock, at }: Pick<Recorded, 'groupClock' | 'at'>): number {
  return groupClock ?? at
}

/**
 * The entries of a window without a gap: from the first one at or after `from` up to the signature behind the last one at or before `to`.
 * None, if the window is empty.
 */
export function entriesWithin(
  { entries }: Pick<RecordReport, 'entries'>,
  { from, to }: Window,
): readonly Recorded[] {
  const first = from === undefined ? 0 : entries.findIndex(entry => timeOf(entry) >= from)
  const last = to === undefined ? -1 : entries.findLastIndex(entry => timeOf(entry) <= to)
  if (first < 0 || (to !== undefined && last < first)) return []
  if (to === undefined) return entries.slice(first)
  const signed = entries.findIndex(({ kind }, i) => i >= last && kind === ownKinds.signed)
  return entries.slice(first, signed < 0 ? entries.length : signed + 1)
}

/** The bytes of a record with these entries alone. */
export function cutRecord(entries: readonly Recorded[]): Uint8Array {
  return concatBytes(
    auditMagic,
    ...entries.map(({ hash: _, isSigned: __, ...entry }) =>
      auditFrame(auditEntryCodec.encode(entry)),
    ),
  )
}

/** `AUDIT_ROLLED_BACK` unless the last entry of the earlier record is in the later one: hashes name all that is before them. */
export function continues(
  later: Pick<RecordReport, 'entries'>,
  earlier: Pick<RecordReport, 'entries'>,
): Refusal | undefined {
  const end = earlier.entries.at(-1)
  if (end === undefined || later.entries.some(({ hash }) => hash === end.hash)) return undefined
  return { code: 'AUDIT_ROLLED_BACK', facts: { sequence: end.sequence, hash: end.hash } }
}
