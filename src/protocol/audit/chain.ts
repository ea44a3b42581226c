/** The chain of one node's record: every entry behind the hash of the one before, so that none is changed, taken out or put in later. */
import { toHex } from '../../base/bytes.ts'
import type { NetworkId, NodeId } from '../../base/ids.ts'
import {
  type AuditEntry,
  type AuditFact,
  type AuditValue,
  auditEntryCodec,
  auditFactNameMax,
  auditFactsMax,
  auditHash,
  auditHeadMessage,
  auditKindMax,
  auditSignature,
  auditSubjectMax,
  auditTextMax,
} from '../../wire/audit-entry.ts'
import { ownKinds } from './kinds.ts'

export type Facts = Readonly<Record<string, AuditValue>>

/** What an entry says, before it has its place. */
export interface Said {
  /** Milliseconds by the host's clock. */
  readonly at: number
  readonly groupClock: number | null
  readonly kind: string
  readonly facts: Facts
}

export interface Whose {
  readonly network: NetworkId
  readonly node: NodeId
}

/** Why a head is signed: before an answer to whoever exports, at the end of the node, or because it was time. */
export type SigningReason = 'export' | 'stop' | 'interval'

export class AuditChain {
  readonly #whose: Whose
  readonly #sign: (message: Uint8Array) => Uint8Array
  #sequence = 0
  #hash: Uint8Array = new Uint8Array(32)
  #signedThrough = 0

  constructor(whose: Whose, sign: (message: Uint8Array) => Uint8Array) {
    this.#whose = whose
    this.#sign = sign
  }

  /** `auditHash` of the latest entry, hexadecimal. */
  get head(): string {
    return toHex(this.#hash)
  }

  /** Whether entries came after the last signature. A signature alone is none that needs another. */
  get isUnsigned(): boolean {
    return this.#sequence > this.#signedThrough
  }

  /** The bytes of the next entry. The node that a fact names, or what is banned, becomes its subject. */
  append(said: Said): Uint8Array {
    return this.#take(this.#placed(said))
  }

  /** The bytes of an entry that signs itself and all before it. */
  signHead(when: Pick<Said, 'at' | 'groupClock'>, reason: SigningReason): Uint8Array {
    const { network, node } = this.#whose
    const unsigned = this.#placed({
      ...when,
      kind: ownKinds.signed,
      facts: { node, network, reason },
    })
    const value = toHex(this.#sign(auditHeadMessage(unsigned)))
    const facts = inOrder([...unsigned.facts, { name: auditSignature, value }])
    const bytes = this.#take({ ...unsigned, facts })
    this.#signedThrough = this.#sequence
    return bytes
  }

  #placed({ at, groupClock, kind, facts }: Said): AuditEntry {
    const { subject, rest } = subjectOf(facts)
    return {
      sequence: this.#sequence + 1,
      previous: this.#hash,
      at: Math.max(0, Math.floor(at)),
      groupClock: groupClock === null ? null : Math.max(0, Math.floor(groupClock)),
      kind: kind.slice(0, auditKindMax),
      subject,
      facts: factsOf(rest),
    }
  }

  #take(entry: AuditEntry): Uint8Array {
    const bytes = auditEntryCodec.encode(entry)
    this.#sequence = entry.sequence
    this.#hash = auditHash(bytes)
    return bytes
  }
}

function subjectOf(facts: Facts): { readonly subject: string; readonly rest: Facts } {
  const { node, subject, ...rest } = facts
  const named = node ?? subject
  if (typeof named !== 'string') return { subject: '', rest: facts }
  const both = node !== undefined && subject !== undefined ? { subject } : {}
  return { subject: bounded(named, auditSubjectMax), rest: { ...rest, ...both } }
}

function factsOf(facts: Facts): readonly AuditFact[] {
  const named = Object.entries(facts)
    .filter(([name]) => name.length <= auditFactNameMax)
    .map(([name, value]) => ({ name, value: factValue(value) }))
  return inOrder(named).slice(0, auditFactsMax)
}

function inOrder(facts: readonly AuditFact[]): readonly AuditFact[] {
  return facts.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function factValue(value: AuditValue): AuditValue {
  if (typeof value === 'string') return bounded(value, auditTextMax)
  // Floats do not travel.
  return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : value
}

/** Text that can be written down: well-formed, printable, and cut where it is too long. */
function bounded(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  return cut.replace(/[\u0000-\u001f\u007f-\u009f\ufeff]/g, '\ufffd').toWellFormed()
}
