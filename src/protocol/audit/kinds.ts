/**
 * What of all that happens goes into the audit record, and who can make it happen: nobody fills a disk by knocking.
 *
 * The key of an entry is the kind of the node's event. Kinds of custody and of signing are taken by the beginning of their name: a
 * ceremony that learns a new word is recorded from that day on.
 */

/**
 * Who can cause entries of a kind, and so how many of them are written before they are only counted. A `caller` asks for signatures and for
 * uses of the quorum key, as often as it likes. Whatever it does, a `ceremony` is written: an export, a share, a group. Who asks for
 * one in vain makes an `attempt`, and hides none that came about.
 */
export type AuditCause = 'node' | 'member' | 'caller' | 'ceremony' | 'attempt' | 'stranger'

const causes: Readonly<Record<string, AuditCause>> = {
  started: 'node',
  phase: 'node',
  leaving: 'node',
  lease: 'node',
  'own-standing': 'node',
  'evidence-renewed': 'node',
  'evidence-not-renewed': 'node',
  recovered: 'node',
  manifest: 'node',
  'manifest-equivocation': 'node',
  banned: 'node',
  unbanned: 'node',
  removals: 'node',
  'member-admitted': 'member',
  'member-renewed': 'member',
  'member-gone': 'member',
  'member-suspected': 'member',
  'peer-fault': 'member',
  equivocation: 'member',
  'custody-used': 'caller',
  'signing-made': 'caller',
  'signing-locked': 'caller',
  // Of a signature that did not come about, too.
  'signing-failed': 'caller',
  refused: 'stranger',
}

/** Who causes entries of this kind; `undefined` for what is not recorded. */
export function auditCauseOf(kind: string): AuditCause | undefined {
  if (Object.hasOwn(causes, kind)) return causes[kind]
  if (!/^(custody|signing)-/.test(kind)) return undefined
  return kind.endsWith('-refused') ? 'attempt' : 'ceremony'
}

/** Kinds that the record itself writes. */
export const ownKinds = {
  /** The first of a chain: which node, and what record it found on the disk. */
  opened: 'chain-opened',
  /** The node signs all entries before this one. */
  signed: 'head-signed',
  /** More happened of a kind than is written down: how much. */
  withheld: 'entries-withheld',
  /** The oldest file goes: its last entry, whose hash the next file begins with. */
  dropped: 'entries-dropped',
  /** Who is a member now, said again where a reader may begin; so many `member-carried` follow. */
  carried: 'members-carried',
  member: 'member-carried',
} as const
