/**
 * Message shapes: a small strict schema over canonical CBOR.
 *
 * A message is a map from small integers to fields; key 0 is the version. Unknown keys below 64 are
 * critical and refuse the message; keys from 64 on are optional: kept as `extensions` and written again.
 */
import { assert, PeerFault } from '../base/errors.ts'
import { type CborLimits, type CborMap, type CborValue, decodeCbor, encodeCbor } from './cbor.ts'

/** How one value is written and read. `read` throws `PeerFault` `BAD_FIELD` for anything unexpected. */
export interface Field<T> {
  readonly write: (value: T) => CborValue
  readonly read: (value: CborValue) => T
}

const bad = (expected: string): PeerFault => new PeerFault('BAD_FIELD', `expected ${expected}`)

/** A whole number in `0..max`. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Field<number> {
  return {
    write: value => value,
    read: value => {
      if (typeof value !== 'number' || value < 0 || value > max) throw bad(`a number up to ${max}`)
      return value
    },
  }
}

/** A byte string of exactly `length` bytes. */
export function fixedBytes(length: number): Field<Uint8Array> {
  return byteString(length, length)
}

/** A byte string of `min..max` bytes. */
export function byteString(min: number, max: number): Field<Uint8Array> {
  return {
    write: value => value,
    read: value => {
      if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
        throw bad(`${min}..${max} bytes`)
      }
      return value
    },
  }
}

/** A text of at most `max` UTF-16 units. */
export function text(max: number): Field<string> {
  return {
    write: value => value,
    read: value => {
      if (typeof value !== 'string' || value.length > max) throw bad(`a text up to ${max}`)
      return value
    },
  }
}

export const flag: Field<boolean> = {
  write: value => value,
  read: value => {
    if (typeof value !== 'boolean') throw bad('true or false')
    return value
  },
}

/** One of `names`, written as its position: append only. */
export function choice<const T extends readonly string[]>(names: T): Field<T[number]> {
  return {
    write: value => {
      const position = names.indexOf(value)
      assert(position >= 0, 'a variant is one of its names')
      return position
    },
    read: value => {
      const name = typeof value === 'number' ? names[value] : undefined
      if (name === undefined) throw bad(`one of ${names.length} variants`)
      return name
    },
  }
}

/** At most `max` items. */
export function list<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return {
    write: values => values.map(item.write),
    read: value => {
      if (!Array.isArray(value) || value.length > max) throw bad(`a list up to ${max}`)
      return value.map(item.read)
    },
  }
}

/** The field or `null`. */
export function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    write: value => (value === null ? null : field.write(value)),
    read: value => (value === null ? null : field.read(value)),
  }
}

/** A fixed row of fields, written as an array in the order given. */
export function row<T extends object>(fields: { readonly [K in keyof T]: Field<T[K]> }): Field<T> {
  const entries = Object.entries(fields) as [keyof T, Field<T[keyof T]>][]
  return {
    write: value => entries.map(([name, field]) => field.write(value[name])),
    read: value => {
      if (!Array.isArray(value) || value.length !== entries.length) {
        throw bad(`a row of ${entries.length}`)
      }
      const result: Partial<T> = {}
      entries.forEach(([name, field], i) => {
        result[name] = field.read(value[i] as CborValue)
      })
      return result as T
    },
  }
}

/** What a message looks like on the wire: field name → [key, field]; keys 1..63, never used again. */
export type MessageShape<T> = { readonly [K in keyof T]: readonly [number, Field<T[K]>] }

export type Extended = { readonly extensions?: CborMap }

/** Encodes and decodes one message family. `decode` throws only `PeerFault`. */
export interface Codec<T> {
  readonly family: string
  readonly limits: CborLimits
  encode(value: T & Extended): Uint8Array
  decode(bytes: Uint8Array): T & Extended
}

const firstOptionalKey = 64

const isOptionalKey = (key: number | string): boolean =>
  typeof key === 'number' && key >= firstOptionalKey

/** A versioned message family. */
export function message<T extends object>(
  family: string,
  version: number,
  shape: MessageShape<T>,
  limits: CborLimits,
): Codec<T> {
  const entries = Object.entries(shape) as [keyof T, readonly [number, Field<T[keyof T]>]][]
  const known = new Set(entries.map(([, [key]]) => key))
  const isSound = entries.every(
    ([, [key]]) => Number.isInteger(key) && key > 0 && !isOptionalKey(key),
  )
  assert(
    isSound && known.size === entries.length,
    `the fields of ${family} have keys of their own in 1..63`,
  )
  return {
    family,
    limits,
    encode: value => {
      const map = new Map<number | string, CborValue>([[0, version]])
      for (const [name, [key, field]] of entries) map.set(key, field.write(value[name]))
      for (const [key, extension] of value.extensions ?? []) {
        assert(isOptionalKey(key), 'an extension never replaces a field')
        map.set(key, extension)
      }
      return encodeCbor(map)
    },
    decode: bytes => {
      const map = decodeCbor(bytes, limits)
      if (!(map instanceof Map)) throw new PeerFault('BAD_MESSAGE', `${family}: not a map`)
      if (map.get(0) !== version) {
        throw new PeerFault('UNKNOWN_VERSION', `${family}: only version ${version} is understood`)
      }
      const result: Record<string, unknown> = {}
      for (const [name, [key, field]] of entries) {
        const value = map.get(key)
        if (value === undefined) throw new PeerFault('BAD_MESSAGE', `${family}: a field is missing`)
        result[name as string] = field.read(value)
      }
      const extensions = readExtensions(family, map, known)
      return (extensions.size > 0 ? { ...result, extensions } : result) as T & Extended
    },
  }
}

function readExtensions(family: string, map: CborMap, known: ReadonlySet<number>): CborMap {
  const extensions = new Map<number | string, CborValue>()
  for (const [key, value] of map) {
    if (key === 0 || (typeof key === 'number' && known.has(key))) continue
    if (!isOptionalKey(key)) {
      throw new PeerFault('UNKNOWN_FIELD', `${family}: an unknown critical field`)
    }
    extensions.set(key, value)
  }
  return extensions
}
