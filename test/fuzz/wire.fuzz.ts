/**
 * Every decoder of src/wire against mutated and random bytes.
 *
 * Decoders are found, not listed: each exported codec is a target, and an exported function that is called
 * like a decoder and is not in the table below fails the run. `FUZZ_SECONDS` (2) is the time per target,
 * `FUZZ_SEED` repeats a run; both are printed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { PeerFault } from '../../src/base/errors.ts'
import type { Digest, NetworkId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { decodeAnswer, encodeAnswer } from '../../src/wire/answer.ts'
import { parseBatch } from '../../src/wire/batch.ts'
import { decodeCbor, encodeCbor } from '../../src/wire/cbor.ts'
import { domains } from '../../src/wire/domains.ts'
import { Opener, readHeader } from '../../src/wire/envelope.ts'
import { decodeHandshakeFrame } from '../../src/wire/handshake.ts'
import { limits } from '../../src/wire/limits.ts'
import { PackedReader, readIds } from '../../src/wire/packed.ts'
import { paddedLength } from '../../src/wire/padding.ts'
import { decodeRefusal } from '../../src/wire/refusal.ts'
import { decodeRemoval } from '../../src/wire/removal.ts'
import type { Codec } from '../../src/wire/schema.ts'
import { SealingKey } from '../../src/wire/sealing.ts'
import { parseSyncPage } from '../../src/wire/sync.ts'
import { refusedOrFaithful } from '../conformance/message.ts'
import { type Draw, drawFrom, mutate, outline } from './mutator.ts'

const perTarget = Number(process.env['FUZZ_SECONDS'] ?? 2) * 1000
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
/** A hang is CPU time far above what the costliest input of the largest message needs. */
const cpuMillisecondsMax = 1000

/** Throws unless `bytes` are refused with a `PeerFault` or understood faithfully. */
type Target = (bytes: Uint8Array) => void

/** Runs a decoder that has no encoder beside it: only typed refusals. */
function typed(decode: (bytes: Uint8Array) => unknown): Target {
  return bytes => {
    try {
      decode(bytes)
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error
    }
  }
}

const opener = new Opener({ network: '11'.repeat(32) as NetworkId, protocols: ['sync'] })
const epochKey = new Secret(new Uint8Array(32).fill(0x44))

/** Answers of one byte before a body: the body of an answer may be anything, a refusal may drop facts. */
function answer(bytes: Uint8Array): void {
  const frame = decodeAnswer(bytes)
  if (frame.kind === 'answer') expect(toHex(encodeAnswer(frame))).toBe(toHex(bytes))
}

const functions: Readonly<Record<string, Target>> = {
  decodeAnswer: typed(answer),
  decodeCbor: bytes =>
    refusedOrFaithful(
      {
        family: 'cbor',
        limits: { bytesMax: limits.gossipBytesMax },
        encode: value => encodeCbor(value as never),
        decode: input => decodeCbor(input, { bytesMax: limits.gossipBytesMax }) as never,
      },
      bytes,
    ),
  decodeHandshakeFrame: typed(decodeHandshakeFrame),
  decodeRefusal: typed(decodeRefusal),
  decodeRemoval: typed(decodeRemoval),
  parseBatch: typed(bytes => parseBatch(bytes).forEach(() => {})),
  parseSyncPage: typed(parseSyncPage),
  readHeader: bytes => void readHeader(bytes),
  readIds: typed(bytes => readIds(new PackedReader(bytes), bytes.length >> 5)),
}

const wire = fileURLToPath(new URL('../../src/wire/', import.meta.url))
const exported = new Map<string, unknown>()
for (const file of readdirSync(wire)) {
  const module: Record<string, unknown> = await import(`${wire}${file}`)
  for (const [name, value] of Object.entries(module)) exported.set(name, value)
}

const isCodec = (value: unknown): value is Codec<object> =>
  typeof value === 'object' && value !== null && 'family' in value && 'decode' in value

const targets: (readonly [string, Target])[] = [
  ...Object.entries(functions),
  ['Opener.unseal', bytes => void opener.unseal('delta', bytes, () => epochKey)],
  ['Opener.openFrame', bytes => void opener.openFrame('sync', bytes, () => epochKey)],
]
/** What a member could put inside an envelope: the tag holds, so the body is really parsed. */
const scope = { domain: domains.envelopeKey, network: '11'.repeat(32) as NetworkId, name: 'delta' }
const random = { bytes: (count: number) => new Uint8Array(count).fill(9) }
const insider = new SealingKey(scope, { keyId: '33'.repeat(32) as Digest, epochKey, random })
targets.push([
  'Opener.unseal of a body by an insider',
  bytes => {
    const padded = new Uint8Array(paddedLength(bytes.length, 256))
    padded.set(bytes)
    const unsealed = opener.unseal('delta', insider.seal(padded), () => epochKey)
    if (unsealed.kind === 'unsealed')
      expect(Number.isSafeInteger(unsealed.body.sequence)).toBe(true)
    else expect(unsealed).toEqual({ kind: 'refused', code: 'ENVELOPE_BODY' })
  },
])
for (const value of exported.values()) {
  if (isCodec(value)) targets.push([value.family, bytes => refusedOrFaithful(value, bytes)])
}

test('every exported decoder of src/wire is a target', () => {
  const isDecoder = (name: string): boolean => /^(decode|parse|read)[A-Z]/.test(name)
  const found = [...exported].filter(
    ([name, value]) => isDecoder(name) && typeof value === 'function',
  )
  expect(found.map(([name]) => name).filter(name => !(name in functions))).toEqual([])
  expect(targets.length).toBeGreaterThan(15)
})

/** The golden bytes of every family: what one decoder expects is a good start for another. */
function goldenBytes(): Uint8Array[] {
  const folder = fileURLToPath(new URL('../vectors/golden/', import.meta.url))
  return readdirSync(folder).flatMap(file => {
    const golden: Record<string, unknown> = JSON.parse(readFileSync(`${folder}${file}`, 'utf8'))
    const samples = Object.values(golden).map(value => fromHex(String(value)))
    return samples.filter(bytes => bytes !== undefined && bytes.length > 0) as Uint8Array[]
  })
}

function inputOf(corpus: readonly Uint8Array[], draw: Draw): Uint8Array {
  switch (draw(4)) {
    case 0:
      return Uint8Array.from(outline(draw))
    case 1:
      return mutate([Uint8Array.from(outline(draw))], draw)
    default:
      return mutate(corpus, draw)
  }
}

test.each(targets)(
  '%s only refuses by type, keeps its spelling and never hangs',
  (name, target) => {
    const corpus = goldenBytes()
    const draw = drawFrom(seed)
    const end = performance.now() + perTarget
    let [runs, slowest] = [0, 0]
    while (performance.now() < end) {
      const bytes = inputOf(corpus, draw)
      const before = process.cpuUsage()
      try {
        target(bytes)
      } catch (error) {
        throw new Error(`${name}, FUZZ_SEED=${seed}, input ${toHex(bytes)}`, { cause: error })
      }
      const { user, system } = process.cpuUsage(before)
      slowest = Math.max(slowest, (user + system) / 1000)
      runs++
    }
    process.stdout.write(
      `fuzz ${name}: ${runs} runs, seed ${seed}, slowest ${slowest.toFixed(1)} ms\n`,
    )
    expect(slowest).toBeLessThan(cpuMillisecondsMax)
  },
)
