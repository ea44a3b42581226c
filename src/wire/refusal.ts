import { PeerFault } from '../base/errors.ts'
import type { CborValue } from './cbor.ts'
import { type Field, list, message, row, text } from './schema.ts'

/**
 * A refusal as it travels: a stable code and public facts. What a peer writes here is shown to people and
 * put into logs, so the alphabet is narrow and everything is short.
 */
export interface RefusalFrame {
  readonly code: string
  readonly facts: readonly RefusalFact[]
}

/** One fact of a refusal. */
export interface RefusalFact {
  readonly name: string
  readonly value: string | number
}

const codePattern = /^[A-Z][A-Z0-9_]{1,63}$/
const namePattern = /^[a-z][A-Za-z0-9]{0,39}$/
const printable = /^[\x20-\x7e]{0,160}$/
const factsMax = 16

function matching(pattern: RegExp, max: number): Field<string> {
  const field = text(max)
  return {
    write: field.write,
    read: value => {
      const read = field.read(value)
      if (!pattern.test(read)) throw new PeerFault('BAD_FIELD', 'expected a plain word')
      return read
    },
  }
}

const factValue: Field<string | number> = {
  write: value => value,
  read: (value: CborValue) =>
    typeof value === 'number' ? value : matching(printable, 160).read(value),
}

/** The refusal as a message; `encodeRefusal` and `decodeRefusal` are the way in. */
export const refusalCodec = message<RefusalFrame>(
  'refusal',
  1,
  {
    code: [1, matching(codePattern, 64)],
    facts: [
      2,
      list(row<RefusalFact>({ name: matching(namePattern, 40), value: factValue }), factsMax),
    ],
  },
  { bytesMax: 4096, itemsMax: 64 },
)

/** Bytes of a refusal. Facts that may not travel are left out: the code is what counts. */
export function encodeRefusal(refusal: {
  readonly code: string
  readonly facts: Readonly<Record<string, string | number>>
}): Uint8Array {
  const facts = Object.entries(refusal.facts)
    .map(([name, value]) => ({ name, value }))
    .filter(({ name, value }) => namePattern.test(name) && maySay(value))
  return refusalCodec.encode({ code: refusal.code, facts: facts.slice(0, factsMax) })
}

/** A peer's refusal. @throws {PeerFault} for anything malformed. */
export function decodeRefusal(bytes: Uint8Array): {
  readonly code: string
  readonly facts: Readonly<Record<string, string | number>>
} {
  const { code, facts } = refusalCodec.decode(bytes)
  return { code, facts: Object.fromEntries(facts.map(({ name, value }) => [name, value])) }
}

function maySay(value: string | number): boolean {
  return typeof value === 'number' ? Number.isSafeInteger(value) : printable.test(value)
}
