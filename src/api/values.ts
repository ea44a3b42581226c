/** Bytes of the state as JSON: `{"text": …}` where they are UTF-8, else `{"base64": …}`. */
import { base64 } from '@scure/base'
import { z } from 'zod'
import { fromUtf8, toHex, utf8 } from '../base/bytes.ts'
import { unreachable } from '../base/errors.ts'
import type { StateEntry, StateProof } from '../node/handle.ts'
import { limits } from '../wire/limits.ts'

/** Half a surrogate pair has no UTF-8 form and would silently become another text. */
const wellFormed = z.string().refine(text => text.isWellFormed(), 'text with half a surrogate pair')

/** Padded base64 in its one spelling (RFC 4648 §3.5). */
export const base64Shape = z
  .string()
  .refine(text => decoded(text) !== undefined, 'not padded base64 (RFC 4648 section 4)')

export const valueShape = z.union([
  z.strictObject({ text: wellFormed }),
  z.strictObject({ base64: base64Shape }),
])
/** Bytes as JSON. */
export type JsonValue = z.infer<typeof valueShape>

export const entryShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('register'), key: z.string(), value: valueShape }),
  z.object({ kind: z.literal('set'), key: z.string(), elements: z.array(valueShape) }),
  z.object({ kind: z.literal('multi'), key: z.string(), values: z.array(valueShape) }),
  // Decimal digits: a number of JSON would lose what exceeds 2^53.
  z.object({
    kind: z.literal('counter'),
    key: z.string(),
    value: z.string().regex(/^(0|-?[1-9]\d{0,39})$/),
  }),
])
/** An entry of the state as JSON. */
export type JsonEntry = z.infer<typeof entryShape>

/** A proof of a key, as the API answers it and files keep it: with it and a root that one trusts no node is needed. */
export const proofShape = z.strictObject({
  key: wellFormed.min(1).max(limits.stateKeyBytesMax),
  /** Hexadecimal. */
  root: z.string().regex(/^[0-9a-f]{64}$/),
  proof: base64Shape,
})
/** A proof of a key as JSON. */
export type JsonProof = z.infer<typeof proofShape>

function decoded(text: string): Uint8Array | undefined {
  try {
    return base64.decode(text)
  } catch {
    // The decoder throws Error for another alphabet, padding or stray bits, and for nothing else.
    return undefined
  }
}

/** The bytes that a JSON value spells, freshly allocated. */
export function bytesOfValue(value: JsonValue): Uint8Array {
  return 'text' in value ? utf8(value.text) : base64.decode(value.base64)
}

/** The JSON form that gives exactly these bytes back: text where they are UTF-8, a byte order mark included. */
export function valueOfBytes(bytes: Uint8Array): JsonValue {
  const text = fromUtf8(bytes)
  return text === undefined ? { base64: base64.encode(bytes) } : { text }
}

/** An entry of the state as JSON. */
export function jsonEntry(entry: StateEntry): JsonEntry {
  const { kind, key } = entry
  switch (kind) {
    case 'register':
      return { kind, key, value: valueOfBytes(entry.value) }
    case 'set':
      return { kind, key, elements: entry.elements.map(valueOfBytes) }
    case 'multi':
      return { kind, key, values: entry.values.map(valueOfBytes) }
    case 'counter':
      return { kind, key, value: String(entry.value) }
    default:
      return unreachable(kind)
  }
}

/** A proof of a key as JSON. */
export function jsonProof({ key, root, proof }: StateProof): JsonProof {
  return { key, root: toHex(root), proof: base64.encode(proof) }
}
