import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PlaintextSearch } from '../../../testnet/plaintext-search.ts'

const run = { name: 'canary', bytes: Uint8Array.from({ length: 16 }, (_, i) => 200 - i) }

/** Cuts `bytes` behind each of `cuts`. */
function chunks(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...[...cuts].sort((left, right) => left - right), bytes.length]
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
}

test('a planted run is found once however the stream is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64, max: 100 }),
      fc.uint8Array({ maxLength: 64, max: 100 }),
      fc.array(fc.nat(144), { maxLength: 40 }),
      (before, behind, cuts) => {
        const stream = Buffer.concat([before, run.bytes, behind])
        const search = new PlaintextSearch([run])
        const parts = chunks(
          stream,
          cuts.map(cut => Math.min(cut, stream.length)),
        )
        expect(parts.flatMap(part => search.push(part))).toEqual(['canary'])
      },
    ),
  )
})

test('a run that repeats is told each time', () => {
  const search = new PlaintextSearch([run])
  const stream = Buffer.concat([run.bytes, run.bytes, run.bytes])
  const seen = [...stream].flatMap(byte => search.push(Uint8Array.of(byte)))
  expect(seen).toEqual(['canary', 'canary', 'canary'])
})

test('nearly the run is not the run', () => {
  const search = new PlaintextSearch([run])
  for (let i = 0; i < run.bytes.length; i++) {
    const wrong = run.bytes.slice()
    wrong[i] = (wrong[i] ?? 0) ^ 1
    expect(search.push(wrong)).toEqual([])
  }
})

test('runs of several lengths are searched at once, planted while the stream flows', () => {
  const runs = [run]
  const search = new PlaintextSearch(runs)
  expect(search.push(Uint8Array.of(1, 2, 3))).toEqual([])
  const long = { name: 'long', bytes: Uint8Array.from({ length: 40 }, (_, i) => 50 + i) }
  runs.push(long)
  expect(search.push(long.bytes.subarray(0, 20))).toEqual([])
  expect(search.push(Buffer.concat([long.bytes.subarray(20), run.bytes]))).toEqual([
    'canary',
    'long',
  ])
})
