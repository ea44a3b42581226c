/**
 * Whether a record is what its nodes wrote. Offline and from the bytes alone: a changed, missing, repeated or moved entry is named by its
 * place. What no bytes can say is whether a node of this id was ever a member, and whether a later record exists.
 */
import type { Refusal } from '../../attestation/verdict.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { ifReadable, type PeerFault } from '../../base/errors.ts'
import { type NetworkId, type NodeId, nodeId } from '../../base/ids.ts'
import {
  type AuditEntry,
  type AuditValue,
  auditEntryCodec,
  auditFrames,
  auditHash,
  verifyAuditHead,
} from '../../wire/audit-entry.ts'
import { ownKinds } from './kinds.ts'

/** An entry that holds its place. */
export interface Recorded extends AuditEntry {
  /** In hexadecimal. */
  readonly hash: string
  /** Whether a signature of its node covers it. What none covers, whoever had the file could write. */
  readonly isSigned: boolean
}

/** What one node wrote. `node` and `network` are what it says of itself; `null` if its beginning is missing and it signed nothing. */
export interface ChainReport {
  readonly node: NodeId | null
  readonly network: NetworkId | null
  readonly first: number
  readonly last: number
  /** The last entry that a signature of the node covers; 0 for none. */
  readonly signedThrough: number
  /** Of the last entry, hexadecimal. */
  readonly head: string
}

/** A record that holds together. */
export interface RecordReport {
  readonly kind: 'holds'
  readonly entries: readonly Recorded[]
  readonly chains: readonly ChainReport[]
  /** `first`: nothing was before. `dropped`: the record itself says that what was before went for want of room. `cut`: it is not in this file. */
  readonly begins: 'first' | 'dropped' | 'cut'
  /** `export`: the node ended the file so. `head`: it ends with a signature, and the node may have written more. */
  readonly ends: 'export' | 'head'
}

interface OpenChain {
  node: NodeId | null
  network: NetworkId | null
  readonly first: number
  signedThrough: number
}

/** The report of a record, or the first thing wrong with it: `AUDIT_…`, with the number of the entry in the file, from 1 on. */
export function verifyRecord(file: Uint8Array): RecordReport | Refusal {
  const frames = auditFrames(file)
  if (frames === undefined) return { code: 'AUDIT_NOT_A_RECORD', facts: {} }
  const reading = new Reading()
  for (const bytes of frames.entries) {
    const flaw = reading.take(bytes)
    if (flaw !== undefined) return flaw
  }
  if (frames.rest !== 'nothing') {
    const facts = { entry: frames.entries.length + 1, offset: frames.wholeBytes }
    return { code: frames.rest === 'torn' ? 'AUDIT_TORN' : 'AUDIT_BAD_ENTRY', facts }
  }
  return reading.report()
}

/** The value of a fact; `undefined` if the entry has none of this name. */
export function factOf({ facts }: Pick<AuditEntry, 'facts'>, name: string): AuditValue | undefined {
  return facts.find(fact => fact.name === name)?.value
}

class Reading {
  readonly #entries: Omit<Recorded, 'isSigned'>[] = []
  readonly #chains: ChainReport[] = []
  #chain: OpenChain | undefined

  /** What is wrong with the next entry; `undefined` if nothing is. */
  take(bytes: Uint8Array): Refusal | undefined {
    let why: PeerFault | undefined
    const entry = ifReadable(
      () => auditEntryCodec.decode(bytes),
      fault => {
        why = fault
      },
    )
    if (entry === undefined) return this.#no('AUDIT_BAD_ENTRY', { cause: why?.code ?? '' })
    const flaw = this.#placeFlaw(entry) ?? this.#signatureFlaw(entry)
    if (flaw !== undefined) return flaw
    this.#entries.push({ ...entry, hash: toHex(auditHash(bytes)) })
    return undefined
  }

  report(): RecordReport | Refusal {
    const last = this.#entries.at(-1)
    if (last === undefined) return { code: 'AUDIT_EMPTY', facts: {} }
    if (last.kind !== ownKinds.signed) {
      const through = this.#chain?.signedThrough ?? 0
      return this.#no('AUDIT_UNSIGNED_END', { sequence: last.sequence, signedThrough: through }, 0)
    }
    this.#closeChain()
    return {
      kind: 'holds',
      entries: withSigned(this.#entries),
      chains: this.#chains,
      begins: this.#beginning(),
      ends: factOf(last, 'reason') === 'export' ? 'export' : 'head',
    }
  }

  #placeFlaw(entry: AuditEntry): Refusal | undefined {
    const last = this.#entries.at(-1)
    const { sequence, kind } = entry
    if (kind === ownKinds.opened) return this.#open(entry, last)
    if (sequence < 2) return this.#no('AUDIT_BAD_ENTRY', { cause: 'NOT_OPENED' })
    if (last === undefined) {
      this.#chain = { node: null, network: null, first: sequence, signedThrough: 0 }
      return undefined
    }
    if (sequence !== last.sequence + 1) {
      const code = sequence <= last.sequence ? 'AUDIT_OUT_OF_ORDER' : 'AUDIT_GAP'
      return this.#no(code, { expected: last.sequence + 1, found: sequence })
    }
    if (toHex(entry.previous) === last.hash) return undefined
    return this.#no('AUDIT_BROKEN_LINK', {
      sequence,
      expected: last.hash,
      found: toHex(entry.previous),
    })
  }

  /** A node begins a chain of its own and names the last entry that it found on the disk. */
  #open(entry: AuditEntry, last: Omit<Recorded, 'isSigned'> | undefined): Refusal | undefined {
    const node = nodeIn(entry)
    const network = networkIn(entry)
    const isFirst = entry.sequence === 1 && equalBytes(entry.previous, new Uint8Array(32))
    if (!isFirst || node === null || network === null) {
      return this.#no('AUDIT_BAD_ENTRY', { cause: 'BAD_OPENING' })
    }
    const found = factOf(entry, 'foundHash') ?? ''
    if (last !== undefined && found !== last.hash) {
      return this.#no('AUDIT_CHAIN_MISSING', { expected: last.hash, found: String(found) })
    }
    this.#closeChain()
    this.#chain = { node, network, first: 1, signedThrough: 0 }
    return undefined
  }

  #signatureFlaw(entry: AuditEntry): Refusal | undefined {
    const chain = this.#chain
    if (entry.kind !== ownKinds.signed || chain === undefined) return undefined
    const node = nodeIn(entry)
    const network = networkIn(entry)
    const isSame = (chain.node ?? node) === node && (chain.network ?? network) === network
    if (network === null || !isSame || !verifyAuditHead(entry)) {
      return this.#no('AUDIT_BAD_SIGNATURE', { sequence: entry.sequence })
    }
    Object.assign(chain, { node, network, signedThrough: entry.sequence })
    return undefined
  }

  #closeChain(): void {
    const last = this.#entries.at(-1)
    if (this.#chain === undefined || last === undefined) return
    this.#chains.push({ ...this.#chain, last: last.sequence, head: last.hash })
  }

  #beginning(): RecordReport['begins'] {
    const [first] = this.#entries
    if (first === undefined) return 'cut'
    const before =
      first.sequence > 1 ? toHex(first.previous) : String(factOf(first, 'foundHash') ?? '')
    if (before === '') return 'first'
    const isSaid = this.#entries.some(
      entry => entry.kind === ownKinds.dropped && factOf(entry, 'hash') === before,
    )
    return isSaid ? 'dropped' : 'cut'
  }

  #no(code: string, facts: Refusal['facts'], ahead = 1): Refusal {
    return { code, facts: { entry: this.#entries.length + ahead, ...facts } }
  }
}

/** A signature covers all before it in its chain. */
function withSigned(entries: readonly Omit<Recorded, 'isSigned'>[]): readonly Recorded[] {
  let isSigned = false
  const marked = entries.toReversed().map(entry => {
    isSigned ||= entry.kind === ownKinds.signed
    const one = { ...entry, isSigned }
    // Whoever wrote before signed, if at all, with another key.
    if (entry.kind === ownKinds.opened) isSigned = false
    return one
  })
  return marked.reverse()
}

function nodeIn({ subject }: AuditEntry): NodeId | null {
  return ifReadable(() => nodeId(subject)) ?? null
}

function networkIn(entry: AuditEntry): NetworkId | null {
  const network = String(factOf(entry, 'network') ?? '')
  return /^[0-9a-f]{64}$/.test(network) ? (network as NetworkId) : null
}
