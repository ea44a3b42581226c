/** The kinds of values that an option of the host takes, each told to people and checked in one place. */
import { z } from 'zod'
import { type Duration, milliseconds } from '../base/time.ts'
import { type AppSocket, appSocketsOf, appSocketsShape } from './app-sockets.ts'

/** What values an option takes: as JSON in a file, and as text in a flag or the environment. */
export interface OptionKind<T> {
  /** What a person is told to write. */
  readonly expected: string
  readonly schema: z.ZodType<T>
  /** The JSON value that a text means; what it cannot mean is left for `schema` to refuse. */
  readonly fromText: (text: string) => unknown
  /** The JSON value of a value that a program gave. */
  readonly fromValue: (value: OptionValue) => unknown
}

/** What an option may hold. */
export type OptionValue = string | number | boolean | readonly string[] | readonly AppSocket[]

const asIs = <T>(given: T): unknown => given

/** Any text without a zero byte. */
export const text = (expected: string): OptionKind<string> => ({
  expected,
  schema: z
    .string()
    .max(4096)
    .refine(value => !value.includes('\0')),
  fromText: asIs,
  fromValue: asIs,
})

/** Yes or no. */
export const toggle: OptionKind<boolean> = {
  expected: 'true or false',
  schema: z.boolean(),
  fromText: value => (value === 'true' ? true : value === 'false' ? false : value),
  fromValue: asIs,
}

/** A whole number from `min` to `max`. */
export const count = (min: number, max: number): OptionKind<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  schema: z.int().min(min).max(max),
  fromText: value => (/^\d{1,15}$/.test(value) ? Number(value) : value),
  fromValue: asIs,
})

/** One of a few words. */
export const choice = <const T extends readonly [string, ...string[]]>(
  names: T,
): OptionKind<T[number]> => ({
  expected: `one of ${names.join(', ')}`,
  schema: z.enum(names),
  fromText: asIs,
  fromValue: asIs,
})

/** Multiaddrs of TCP, at most 64. */
export const addresses: OptionKind<readonly string[]> = {
  expected: 'multiaddrs such as /ip4/127.0.0.1/tcp/9600, separated by commas',
  schema: z
    .array(
      z
        .string()
        .max(512)
        .regex(/^\/(ip4|ip6|dns|dns4|dns6)\/[^/,\s]+\/tcp\/\d{1,5}(\/p2p\/\w+)?$/),
    )
    .max(64),
  fromText: value => (value === '' ? [] : value.split(',').map(address => address.trim())),
  fromValue: asIs,
}

/** Up to 16 names of one pattern, in small letters. */
export const names = (expected: string, pattern: RegExp): OptionKind<readonly string[]> => ({
  expected: `${expected}, separated by commas`,
  schema: z.array(z.string().regex(pattern)).max(16),
  fromText: value => (value === '' ? [] : value.split(',').map(name => name.trim().toLowerCase())),
  fromValue: asIs,
})

/** A service of the web by its origin, without a path; empty for none. */
export const origin: OptionKind<string> = {
  expected: 'an origin such as https://pccs.example:8081, or nothing',
  schema: z
    .string()
    .max(300)
    .regex(/^(https?:\/\/[a-z0-9.[\]:-]{1,253})?$/),
  fromText: asIs,
  fromValue: asIs,
}

/** Up to 16 absolute paths. */
export const paths: OptionKind<readonly string[]> = {
  expected: 'absolute paths, separated by commas',
  schema: z
    .array(
      z
        .string()
        .max(4096)
        .regex(/^\/[^\0]*$/),
    )
    .max(16),
  fromText: value => (value === '' ? [] : value.split(',').map(path => path.trim())),
  fromValue: asIs,
}

/** Applications beside the node; see `AppSocket`. */
export const applications: OptionKind<readonly AppSocket[]> = {
  expected: 'a JSON list of {"name", "socket", "prefix", "rights"}',
  schema: appSocketsShape,
  fromText: appSocketsOf,
  fromValue: asIs,
}

const spanUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Spans carry their unit, so that nobody has to guess whether `10` is seconds. */
export const span = (min: Duration, max: Duration): OptionKind<Duration> => ({
  expected: `a time with its unit (ms, s, m, h) from ${min} ms to ${max} ms`,
  schema: z
    .string()
    .regex(/^\d{1,9}(ms|s|m|h)$/)
    .transform(value => {
      const unit = value.replace(/^\d+/, '')
      return milliseconds(Number.parseInt(value, 10) * (spanUnits[unit] ?? Number.NaN))
    })
    .refine(value => value >= min && value <= max),
  fromText: asIs,
  fromValue: value => `${value}ms`,
})
