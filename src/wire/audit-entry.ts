/**
 * The audit record byte for byte: what a node writes down of whom it let in and what it did with keys, each entry behind the hash of
 * the one before, in files that only ever grow.
 */
import { concatBytes, equalBytes, fromHex, utf8 } from '../base/bytes.ts'
import { ifReadable, PeerFault } from '../base/errors.ts'
import { keyOfNodeId, nodeId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { custodyDomains } from './custody-domains.ts'
import { type Field, fixedBytes, list, message, nullable, row, text, uint } from './schema.ts'

/** An identifier, a code, a digest, a number: never a secret, and never a value of the state. */
export type AuditValue = string | number | boolean | null

export interface AuditFact {
  readonly name: string
  readonly value: AuditValue
}

export interface AuditEntry {
  /** From 1 on in the chain of one node, one more each time. */
  readonly sequence: number
  /** `auditHash` of the entry before, 32 bytes; zeros before the first. */
  readonly previous: Uint8Array
  /** Milliseconds since 1970 by the host's clock: the host's word. */
  readonly at: number
  /** The group clock then, in milliseconds; `null` before the node knows it. */
  readonly groupClock: number | null
  readonly kind: string
  /** Whom or what it is about: a node id, an instance, empty for this node. */
  readonly subject: string
  /** By name, each once. */
  readonly facts: readonly AuditFact[]
}

export const auditKindMax = 48
export const auditSubjectMax = 128
export const auditFactsMax = 16
export const auditFactNameMax = 32
/** UTF-16 units of a text among the facts. */
export const auditTextMax = 256
/** Of the largest entry, all texts of the widest characters. */
export const auditEntryBytesMax = 16 * 1024

const value: Field<AuditValue> = {
  write: given => given,
  read: given => {
    if (typeof given === 'string' ? given.length <= auditTextMax : isPlain(given)) {
      return given as AuditValue
    }
    throw new PeerFault('BAD_FIELD', 'expected a text, a number, true, false or null')
  },
}

/** Facts are in the order of their names, so that one entry has one spelling. */
const facts: Field<readonly AuditFact[]> = {
  write: given => rows.write(given),
  read: given => {
    const read = rows.read(given)
    const isOrdered = read.every(({ name }, i) => i === 0 || (read[i - 1]?.name ?? '') < name)
    if (!isOrdered) throw new PeerFault('BAD_FIELD', 'expected facts in the order of their names')
    return read
  },
}
const rows = list(row<AuditFact>({ name: text(auditFactNameMax), value }), auditFactsMax)

export const auditEntryCodec = message<AuditEntry>(
  'audit-entry',
  1,
  {
    sequence: [1, uint()],
    previous: [2, fixedBytes(32)],
    at: [3, uint()],
    groupClock: [4, nullable(uint())],
    kind: [5, text(auditKindMax)],
    subject: [6, text(auditSubjectMax)],
    facts: [7, facts],
  },
  { bytesMax: auditEntryBytesMax, itemsMax: 128 },
)

/** Names an entry, by its bytes: what the next one carries as `previous`. */
export function auditHash(entry: Uint8Array): Uint8Array {
  return sha256(framed(custodyDomains.auditEntry, entry))
}

/** The fact of an entry that holds the signature of its node, in lower-case hexadecimal. */
export const auditSignature = 'signature'

/** What a node signs in an entry: all of it but the signature, and by its `previous` all entries before it. */
export function auditHeadMessage(entry: AuditEntry): Uint8Array {
  const facts = entry.facts.filter(({ name }) => name !== auditSignature)
  return framed(custodyDomains.auditHead, auditEntryCodec.encode({ ...entry, facts }))
}

/** Whether the node that is the entry's subject signed it. Never throws. */
export function verifyAuditHead(entry: AuditEntry): boolean {
  const spelled = entry.facts.find(({ name }) => name === auditSignature)?.value
  // One signature, one spelling.
  if (typeof spelled !== 'string' || !/^[0-9a-f]{128}$/.test(spelled)) return false
  const node = ifReadable(() => nodeId(entry.subject))
  const signature = fromHex(spelled)
  if (node === undefined || signature === undefined) return false
  const publicKey = keyOfNodeId(node)
  return verifySignature({ publicKey, message: auditHeadMessage(entry), signature })
}

/** How every file of a record begins. */
export const auditMagic: Uint8Array = utf8('coterie-audit/1\n')

/** An entry as it stands in a file: its length in four bytes, most significant first, and itself. */
export function auditFrame(entry: Uint8Array): Uint8Array {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, entry.length)
  return concatBytes(length, entry)
}

/** What a file holds, as far as its lengths go; views into it. */
export interface AuditFrames {
  readonly entries: readonly Uint8Array[]
  /** Where the last whole entry ends. */
  readonly wholeBytes: number
  /** What comes after it: nothing, the beginning of an entry, or a length that none has. */
  readonly rest: 'nothing' | 'torn' | 'broken'
}

/** The entries of a file; `undefined` if it does not begin as one. What they say is not looked at. */
export function auditFrames(file: Uint8Array): AuditFrames | undefined {
  if (!equalBytes(file.subarray(0, auditMagic.length), auditMagic)) return undefined
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const entries: Uint8Array[] = []
  let offset = auditMagic.length
  while (offset < file.length) {
    if (file.length - offset < 4) return { entries, wholeBytes: offset, rest: 'torn' }
    const length = view.getUint32(offset)
    if (length === 0 || length > auditEntryBytesMax) {
      return { entries, wholeBytes: offset, rest: 'broken' }
    }
    if (file.length - offset - 4 < length) return { entries, wholeBytes: offset, rest: 'torn' }
    entries.push(file.subarray(offset + 4, offset + 4 + length))
    offset += 4 + length
  }
  return { entries, wholeBytes: offset, rest: 'nothing' }
}

function isPlain(given: unknown): boolean {
  return given === null || typeof given === 'boolean' || typeof given === 'number'
}
