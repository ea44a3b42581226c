/**
 * What every message family owes: golden bytes, a round trip, and a typed refusal or a faithful value for
 * whatever else arrives.
 *
 * `UPDATE_GOLDEN=1 vitest run <file>` writes the golden bytes of samples that have none; it never changes
 * bytes that are there, because from a release on they are a promise to other nodes. Delete by hand what
 * must change.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { PeerFault } from '../../src/base/errors.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/wire/cbor.ts'
import type { Codec, Extended } from '../../src/wire/schema.ts'

export interface MessageUnderTest<T extends object> {
  /** How the suite is called; the codec's family unless said. */
  readonly name?: string
  readonly codec: Codec<T>
  /** Named values that together use every field and variant. Names are keys of the golden file. */
  readonly samples: Readonly<Record<string, T & Extended>>
  /** The golden file's name in test/vectors/golden, without `.json`; the codec's family unless said. */
  readonly golden?: string
  /** Values for the round-trip law. */
  readonly arbitrary?: fc.Arbitrary<T>
  /** How many mutated messages are tried per sample, spread evenly over its bytes; 20,000 unless said. */
  readonly mutationsMax?: number
}

/** Registers the suite of one message family with vitest. */
export function conformMessage<T extends object>(subject: MessageUnderTest<T>): void {
  const { codec, samples, arbitrary, mutationsMax = 20_000 } = subject
  describe(`message ${subject.name ?? codec.family}`, () => {
    for (const [name, sample] of Object.entries(samples)) {
      describe(name, () => conformSample({ subject, name, sample, mutationsMax }))
    }
    if (arbitrary !== undefined) {
      test('whatever is encoded is decoded to itself', () => {
        fc.assert(
          fc.property(arbitrary, value => {
            const bytes = codec.encode(value)
            expect(codec.decode(bytes)).toEqual(value)
            expect(toHex(codec.encode(codec.decode(bytes)))).toBe(toHex(bytes))
          }),
        )
      })
    }
    test('random bytes are refused with a typed fault', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 512 }), bytes => refusedOrFaithful(codec, bytes)),
        { numRuns: 300 },
      )
    })
    test('a message above the limit is refused unread', () => {
      const large = new Uint8Array(codec.limits.bytesMax + 1)
      expect(faultOf(() => codec.decode(large))).toBe('CBOR_TOO_LARGE')
    })
  })
}

function conformSample<T extends object>(options: {
  subject: MessageUnderTest<T>
  name: string
  sample: T & Extended
  mutationsMax: number
}): void {
  const { subject, name, sample, mutationsMax } = options
  const { codec } = subject
  const bytes = codec.encode(sample)

  test('the bytes are the golden ones', () => {
    expect(toHex(bytes)).toBe(goldenOf(subject.golden ?? codec.family, name, bytes))
  })
  test('it is decoded to itself', () => {
    expect(codec.decode(bytes)).toEqual(sample)
  })
  test('it is refused when cut at any length or followed by a byte', () => {
    const step = Math.max(1, Math.ceil(bytes.length / 2000))
    for (let length = 0; length < bytes.length; length += step) {
      expect(
        faultOf(() => codec.decode(bytes.slice(0, length))),
        `cut at ${length}`,
      ).toBeTruthy()
    }
    expect(faultOf(() => codec.decode(Uint8Array.of(...bytes, 0)))).toBe('CBOR_TRAILING')
  })
  test('every changed byte gives a typed fault or a value that encodes to the changed bytes', () => {
    for (const mutated of mutations(bytes, mutationsMax)) refusedOrFaithful(codec, mutated)
  })
  test('an unknown critical field and another version are refused', () => {
    const map = decodeCbor(bytes, wide) as CborMap
    const unused = Array.from({ length: 63 }, (_, i) => i + 1).find(key => !map.has(key))
    const critical = encodeCbor(new Map([...map, [unused ?? 'x', 0]]))
    expect(faultOf(() => codec.decode(critical))).toBe('UNKNOWN_FIELD')
    expect(faultOf(() => codec.decode(encodeCbor(new Map([...map, ['x', 0]]))))).toBe(
      'UNKNOWN_FIELD',
    )
    const version = map.get(0)
    const newer = encodeCbor(new Map([...map, [0, (version as number) + 1]]))
    expect(faultOf(() => codec.decode(newer))).toBe('UNKNOWN_VERSION')
  })
  test('a missing field is refused', () => {
    const map = decodeCbor(bytes, wide) as CborMap
    for (const key of map.keys()) {
      if (typeof key !== 'number' || key === 0 || key >= 64) continue
      const less = encodeCbor(new Map([...map].filter(([other]) => other !== key)))
      expect(
        faultOf(() => codec.decode(less)),
        `without field ${key}`,
      ).toBe('BAD_MESSAGE')
    }
  })
  test('an optional extension is kept and written again', () => {
    const extension: readonly (readonly [number, CborValue])[] = [[4711, Uint8Array.of(1, 2)]]
    const extended = encodeCbor(new Map([...(decodeCbor(bytes, wide) as CborMap), ...extension]))
    const value = codec.decode(extended)
    expect(value.extensions?.get(4711)).toEqual(Uint8Array.of(1, 2))
    expect(toHex(codec.encode(value))).toBe(toHex(extended))
  })
}

const wide = { bytesMax: 2 ** 24, itemsMax: 10 ** 6 }

/** The code of the `PeerFault` that `action` throws, `undefined` if it returns; any other error is rethrown. */
export function faultOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    if (error instanceof PeerFault) return error.code
    throw error
  }
  return undefined
}

/** Asserts that `bytes` are refused with a `PeerFault` or mean a value that encodes to exactly them. */
export function refusedOrFaithful<T>(codec: Codec<T>, bytes: Uint8Array): void {
  let value: T & Extended
  try {
    value = codec.decode(bytes)
  } catch (error) {
    if (error instanceof PeerFault) return
    throw new Error(`not a PeerFault for ${toHex(bytes)}`, { cause: error })
  }
  const again = toHex(codec.encode(value))
  if (again !== toHex(bytes)) throw new Error(`${toHex(bytes)} was understood as ${again}`)
}

/** Each bit of each byte, and each byte as 0x00 and 0xff; thinned out evenly above `max`. */
export function* mutations(bytes: Uint8Array, max: number): Generator<Uint8Array> {
  const step = Math.max(1, Math.ceil((bytes.length * 10) / max))
  for (let i = 0; i < bytes.length * 10; i += step) {
    const [at, way] = [Math.floor(i / 10), i % 10]
    const mutated = bytes.slice()
    const byte = bytes[at] ?? 0
    mutated[at] = way < 8 ? byte ^ (1 << way) : way === 8 ? 0 : 0xff
    yield mutated
  }
}

/** The stored golden bytes of a sample, in hexadecimal. */
export function goldenOf(family: string, name: string, bytes: Uint8Array): string {
  const path = fileURLToPath(new URL(`../vectors/golden/${family}.json`, import.meta.url))
  const golden: Record<string, string> = existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : {}
  const stored = golden[name]
  if (stored !== undefined && fromHex(stored) !== undefined) return stored
  if (process.env['UPDATE_GOLDEN'] !== '1') {
    throw new Error(`no golden bytes for ${family} ${name}: run once with UPDATE_GOLDEN=1`)
  }
  golden[name] = toHex(bytes)
  writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`)
  return golden[name]
}
