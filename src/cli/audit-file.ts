/** Audit records as people meet them: verified, or refused with what it means. */
import type { Refusal } from '../attestation/verdict.ts'
import { PeerFault } from '../base/errors.ts'
import { isoOf } from '../protocol/audit/members-at.ts'
import { type Recorded, type RecordReport, verifyRecord } from '../protocol/audit/verify.ts'
import { timeOf } from '../protocol/audit/window.ts'

/** Largest record that is read: more than a node keeps. */
export const recordBytesMax = 64 * 1024 * 1024

const words: Readonly<Record<string, { readonly message: string; readonly next: string }>> = {
  AUDIT_NOT_A_RECORD: {
    message: 'This is no audit record.',
    next: 'Make one with coterie log audit export --out FILE.',
  },
  AUDIT_EMPTY: {
    message: 'The record holds no entry.',
    next: 'Export it again.',
  },
  AUDIT_TORN: {
    message: 'The file ends within an entry.',
    next: 'Copy it again. A file of the data directory after a crash is mended when a node starts there.',
  },
  AUDIT_BAD_ENTRY: {
    message: 'An entry is not one that a node writes.',
    next: 'Somebody changed the file: keep it, and compare it with an earlier export.',
  },
  AUDIT_OUT_OF_ORDER: {
    message: 'An entry stands where it does not belong.',
    next: 'Somebody moved or repeated entries: keep the file, and compare it with an earlier export.',
  },
  AUDIT_GAP: {
    message: 'Entries are missing.',
    next: 'Somebody took them out, or the disk was full for long: see the log of the node.',
  },
  AUDIT_BROKEN_LINK: {
    message: 'An entry is not the one that the next was written behind.',
    next: 'Somebody changed the entry before it: keep the file, and compare it with an earlier export.',
  },
  AUDIT_BAD_SIGNATURE: {
    message: 'A signature is not that of the node.',
    next: 'Somebody changed entries, or made some up: keep the file, and compare it with an earlier export.',
  },
  AUDIT_CHAIN_MISSING: {
    message: 'A node found another end on the disk than the file has before it.',
    next: 'The end of the chain before, or a whole chain, is missing: compare it with an earlier export.',
  },
  AUDIT_UNSIGNED_END: {
    message: 'No signature is over the last entries.',
    next: 'The file was cut, or is no export: export it again.',
  },
  AUDIT_OTHER_NODE: {
    message: 'The record ends with the chain of another node.',
    next: 'Ask the node that you mean.',
  },
  AUDIT_ROLLED_BACK: {
    message: 'What the earlier record ends with is not in this one.',
    next: 'The files of the node were set back, or its oldest entries went for want of room.',
  },
  AUDIT_NOT_COVERED: {
    message: 'The record says nothing of that time.',
    next: 'Ask for a later time, or another node.',
  },
}

/** @throws {PeerFault} the code of the first thing wrong with it, and where. */
export function verifiedRecord(file: Uint8Array): RecordReport {
  const report = verifyRecord(file)
  if ('code' in report) throw recordFault(report)
  return report
}

/** A refusal of a record as an error: what it means, where, and what to do. */
export function recordFault({ code, facts }: Refusal): PeerFault {
  const { message, next } = words[code] ?? { message: code, next: '' }
  const where = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const place = where.length === 0 ? '' : ` (${where.join(', ')})`
  return new PeerFault(code, `${message.replace(/\.$/, '')}${place}.`, { next })
}

/** An entry as programs read it. */
export function entryJson(entry: Recorded): object {
  return {
    sequence: entry.sequence,
    at: isoOf(entry.at),
    groupClock: entry.groupClock === null ? null : isoOf(entry.groupClock),
    kind: entry.kind,
    subject: entry.subject,
    facts: Object.fromEntries(entry.facts.map(({ name, value }) => [name, value])),
    hash: entry.hash,
    isSigned: entry.isSigned,
  }
}

/** An entry as a person reads it, on one line; `unsigned` stands before the kind of what nobody signed. */
export function entryLine(entry: Recorded): string {
  const facts = entry.facts.map(({ name, value }) => `${name}=${value}`)
  const time = isoOf(timeOf(entry))
  const place = String(entry.sequence).padStart(6)
  const words = [time, place, entry.isSigned ? '' : 'unsigned', entry.kind, entry.subject, ...facts]
  return words.filter(word => word !== '').join(' ')
}
