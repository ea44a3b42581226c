/**
 * A small strict reader of JSON documents: unknown, missing and repeated keys are errors, nothing is
 * coerced, nothing defaults. Own code and not a schema library, because light clients in browsers read
 * manifests with it and pay for every byte.
 */
import { fromUtf8 } from '../base/bytes.ts'
import { CoterieError } from '../base/errors.ts'
import type { Refusal, RefusalFacts } from './verdict.ts'

/** Reads one value found at `path`. Throws `DocumentFault` and nothing else. */
export type Reader<T> = (value: unknown, path: string) => T

/** A document is not what its shape says. Caught at the door of the room, where it becomes a refusal. */
export class DocumentFault extends CoterieError {
  readonly facts: RefusalFacts

  constructor(code: string, facts: RefusalFacts & { readonly reason: string }) {
    super(code, facts.reason)
    this.facts = facts
  }
}

/** Runs `read` and gives its fault as a refusal. */
export function orRefusal<T>(read: () => T): T | Refusal {
  try {
    return read()
  } catch (error) {
    if (error instanceof DocumentFault) return { code: error.code, facts: error.facts }
    throw error
  }
}

/** The JSON value of at most `bytesMax` bytes. Keys that come twice are refused, because parsers differ on which one counts. */
export function readJson(bytes: Uint8Array, bytesMax: number): unknown {
  if (bytes.length > bytesMax) {
    const reason = `The document has ${bytes.length} bytes; at most ${bytesMax} are read.`
    throw new DocumentFault('MANIFEST_TOO_LARGE', { reason, bytes: bytes.length, bytesMax })
  }
  const text = fromUtf8(bytes)
  if (text === undefined) throw notJson('it is not UTF-8')
  if (isDeeperThan(depthMax, text)) throw expected(`nested at most ${depthMax} deep`, 'document')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError for malformed text and nothing else; its words quote the input.
    throw notJson('its syntax is broken')
  }
  const key = repeatedKey(text)
  if (key !== undefined) {
    const reason = `The key "${printable(key)}" stands twice in one object.`
    throw new DocumentFault('MANIFEST_KEY_TWICE', { reason, key: printable(key) })
  }
  return value
}

/** Exactly the keys of `shape`, in any order. */
export function object<T extends object>(
  shape: {
    readonly [K in keyof T]-?: Reader<T[K]>
  },
  mayLack: readonly (keyof T & string)[] = [],
): Reader<T> {
  const names = Object.keys(shape) as (keyof T & string)[]
  return (value, path) => {
    if (!isObject(value)) throw expected('an object', path)
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(shape, key)) throw unknownKey(key, path, names)
    }
    const result: Partial<T> = {}
    for (const name of names) {
      if (!Object.hasOwn(value, name)) {
        if (mayLack.includes(name)) continue
        throw missingKey(name, path)
      }
      result[name] = shape[name](value[name], `${path}.${name}`)
    }
    return result as T
  }
}

/** Names of the form of an identifier to values. */
export function dictionary<T>(item: Reader<T>, max: number): Reader<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (!isObject(value)) throw expected('an object', path)
    const entries = Object.entries(value)
    if (entries.length > max) throw expected(`at most ${max} keys`, path)
    return Object.fromEntries(
      entries.map(([key, each]) => {
        if (!/^[a-z][A-Za-z0-9]{0,31}$/.test(key)) throw expected('names as keys', path)
        return [key, item(each, `${path}.${key}`)]
      }),
    )
  }
}

/** At most `max` items. */
export function list<T>(item: Reader<T>, max: number): Reader<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > max) throw expected(`a list up to ${max}`, path)
    return value.map((each, i) => item(each, `${path}[${i}]`))
  }
}

/** A list without repetition, in rising order: one set has one spelling and one hash. */
export function risingList(item: Reader<string>, max: number): Reader<readonly string[]> {
  const read = list(item, max)
  return (value, path) => {
    const items = read(value, path)
    for (let i = 1; i < items.length; i++) {
      if ((items[i - 1] ?? '') >= (items[i] ?? '')) {
        throw expected('rising items without repetition', path)
      }
    }
    return items
  }
}

/** The value or `null`. */
export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : read(value, path))
}

/** A whole number in `min..max`. */
export function whole(min: number, max: number): Reader<number> {
  return (value, path) => {
    const fits = typeof value === 'number' && Number.isSafeInteger(value)
    if (!fits || value < min || value > max || Object.is(value, -0)) {
      throw expected(`a whole number in ${min}..${max}`, path)
    }
    return value
  }
}

export const flag: Reader<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw expected('true or false', path)
  return value
}

/** One of `names`. */
export function oneOf<const T extends readonly string[]>(...names: T): Reader<T[number]> {
  return (value, path) => {
    const name = names.find(each => each === value)
    if (name === undefined) throw expected(`one of ${names.join(', ')}`, path)
    return name
  }
}

/** A text that `pattern` matches from end to end; `description` says so in words. */
export function matching(pattern: RegExp, description: string): Reader<string> {
  return (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw expected(description, path)
    return value
  }
}

/** Exactly `count` bytes in lower-case hexadecimal. */
export function hex(count: number): Reader<string> {
  return matching(
    new RegExp(`^[0-9a-f]{${2 * count}}$`),
    `${count} bytes in lower-case hexadecimal`,
  )
}

/** A text of `min..max` characters without control characters or lone surrogates. */
export function text(min: number, max: number): Reader<string> {
  return (value, path) => {
    const fits = typeof value === 'string' && value.length >= min && value.length <= max
    if (!fits || !value.isWellFormed() || /\p{Cc}/u.test(value)) {
      throw expected(`a text of ${min}..${max} printable characters`, path)
    }
    return value
  }
}

/** A point in time as `YYYY-MM-DDTHH:MM:SSZ`. */
export const time: Reader<string> = (value, path) => {
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) {
    const parsed = new Date(value)
    // A calendar date that does not exist comes back as another one.
    const isReal = Number.isFinite(parsed.getTime())
    if (isReal && parsed.toISOString() === value.replace('Z', '.000Z')) return value
  }
  throw expected('a time as YYYY-MM-DDTHH:MM:SSZ', path)
}

/** The item of `names` that takes the fewest edits from `word`, or `undefined` if none is close. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map(name => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(2, best.name.length / 2)
    ? best.name
    : undefined
}

function editDistance(source: string, target: string): number {
  let row = Array.from({ length: target.length + 1 }, (_, i) => i)
  for (let i = 1; i <= source.length; i++) {
    const next = [i]
    for (let j = 1; j <= target.length; j++) {
      const change = source[i - 1] === target[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + change))
    }
    row = next
  }
  return row[target.length] ?? 0
}

/** Levels of objects and lists: every document of ours has fewer than ten, and each level that a stranger writes costs memory. */
const depthMax = 32

/** Counts brackets outside of strings, in one pass over text that may be anything. */
function isDeeperThan(levels: number, text: string): boolean {
  let [depth, isString] = [0, false]
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (isString) {
      if (char === '\\') i++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === '{' || char === '[') {
      if (++depth > levels) return true
    } else if (char === '}' || char === ']') depth--
  }
  return false
}

/** Walks text that JSON.parse accepted: a string before a colon is a key of the innermost object. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token, word, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (word !== undefined && colon !== undefined) {
      const key: unknown = JSON.parse(word)
      const keys = open.at(-1)
      if (typeof key !== 'string' || keys === undefined) continue
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const notJson = (why: string): DocumentFault =>
  new DocumentFault('MANIFEST_NOT_JSON', { reason: `The document is not JSON: ${why}.` })

/** The fault of a value that is not `what`. */
export function expected(what: string, path: string): DocumentFault {
  const reason = `${path} must be ${what}.`
  return new DocumentFault('MANIFEST_BAD_VALUE', { reason, path, expected: what })
}

function missingKey(name: string, path: string): DocumentFault {
  const reason = `${path}.${name} is missing; a manifest writes out every key.`
  return new DocumentFault('MANIFEST_KEY_MISSING', { reason, path: `${path}.${name}` })
}

function unknownKey(key: string, path: string, names: readonly string[]): DocumentFault {
  const shown = printable(key)
  const close = nearest(shown, names)
  const hint = close === undefined ? '' : ` Did you mean "${close}"?`
  const reason = `${path} has an unknown key "${shown}".${hint}`
  return new DocumentFault('MANIFEST_KEY_UNKNOWN', {
    reason,
    path,
    key: shown,
    nearest: close ?? '',
  })
}

/** At most 64 harmless characters of a text that somebody else wrote. */
function printable(word: string): string {
  return word.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')
}
