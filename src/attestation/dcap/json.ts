/** JSON of Intel's provisioning certification service, read field by field: every value has a form and a bound, or is refused. */
import { fromHex, fromUtf8, utf8 } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import { type Timestamp, utcTime } from '../../base/time.ts'

/** A document and what Intel signed of it: these very bytes, because JSON has many spellings. */
export interface SignedDocument {
  /** The text that is signed. */
  readonly text: string
  readonly message: Uint8Array
  /** r and s on P-256. */
  readonly signature: Uint8Array
}

/** The one fault of everything here, `BAD_COLLATERAL`. */
export const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_COLLATERAL', `expected ${expected} in collateral`)

const responses = {
  tcbInfo: /^\s*\{\s*"tcbInfo"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:(.*)$/s,
  enclaveIdentity: /^\s*\{\s*"enclaveIdentity"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:(.*)$/s,
} as const

/**
 * Cuts a response apart: one object with the member `name`, which is signed, and then `signature`, in lower-case
 * hexadecimal: the signature has one spelling, since nothing signs it.
 *
 * @throws {PeerFault} `BAD_COLLATERAL`.
 */
export function parseSigned(bytes: Uint8Array, name: keyof typeof responses): SignedDocument {
  const [, text, rest = ''] = responses[name].exec(fromUtf8(bytes) ?? '') ?? []
  const [, digits = ''] = /^\s*"([0-9a-f]{128})"\s*\}\s*$/.exec(rest) ?? []
  const signature = fromHex(digits)
  if (text === undefined || signature?.length !== 64) throw bad(`${name} and its signature`)
  return { text, message: utf8(text), signature }
}

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

type Members = Readonly<Record<string, unknown>>

const hasMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Members by name. Members that are not asked for are passed over: Intel adds some without a new version. */
export class JsonObject {
  readonly #members: Members

  private constructor(members: Members) {
    this.#members = members
  }

  /** @throws {PeerFault} `BAD_COLLATERAL`. */
  static parse(text: string): JsonObject {
    try {
      return JsonObject.of(JSON.parse(text))
    } catch (cause) {
      // JSON.parse throws SyntaxError for what is no JSON.
      if (cause instanceof SyntaxError) throw bad('JSON')
      throw cause
    }
  }

  static of(value: unknown): JsonObject {
    if (!hasMembers(value)) throw bad('an object')
    return new JsonObject(value)
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#members, name)
  }

  object(name: string): JsonObject {
    return JsonObject.of(this.#member(name))
  }

  objects(name: string, max: number): readonly JsonObject[] {
    return this.#list(name, max).map(JsonObject.of)
  }

  /** Texts of 1 to 64 printable letters; none if the member is not there. */
  texts(name: string, max: number): readonly string[] {
    return this.has(name) ? this.#list(name, max).map(each => textOf(each, name)) : []
  }

  text(name: string): string {
    return textOf(this.#member(name), name)
  }

  whole(name: string, max: number): number {
    const value = this.#member(name)
    const isWhole = typeof value === 'number' && Number.isInteger(value)
    if (!isWhole || value < 0 || value > max) throw bad(`${name} from 0 to ${max}`)
    return value
  }

  /** Hexadecimal of either case. */
  bytes(name: string, length: number): Uint8Array {
    const value = this.#member(name)
    const bytes = typeof value === 'string' ? fromHex(value) : undefined
    if (bytes?.length !== length) throw bad(`${name} as ${length} bytes in hexadecimal`)
    return bytes
  }

  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  time(name: string): Timestamp {
    const text = this.text(name)
    const number = (start: number, end: number): number => Number(text.slice(start, end))
    const date = { year: number(0, 4), month: number(5, 7), day: number(8, 10) }
    const ofDay = { hour: number(11, 13), minute: number(14, 16), second: number(17, 19) }
    const at = timeForm.test(text) ? utcTime({ ...date, ...ofDay }) : undefined
    if (at === undefined) throw bad(`${name} as a time`)
    return at
  }

  /** Own members alone: what every object has is in no document. */
  #member(name: string): unknown {
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined
  }

  #list(name: string, max: number): readonly unknown[] {
    const value = this.#member(name)
    if (!Array.isArray(value) || value.length > max) throw bad(`at most ${max} ${name}`)
    return value
  }
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,64}$/.test(value)) throw bad(`${name} as text`)
  return value
}
