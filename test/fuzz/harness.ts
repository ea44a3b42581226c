/**
 * Random and mutated bytes against decoders. `FUZZ_SECONDS` (2) is the time per target; `FUZZ_RUNS` in its place is a
 * number of executions per target; `FUZZ_SEED` repeats a run. All are printed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { CoterieError } from '../../src/base/errors.ts'
import { type Draw, drawFrom, mutate, outline } from './mutator.ts'

const perTarget = Number(process.env['FUZZ_SECONDS'] ?? 2) * 1000
const runsMax = Number(process.env['FUZZ_RUNS'] ?? 0)
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
/** A hang is CPU time far above what the costliest input of the largest message needs. */
const cpuMillisecondsMax = 1000
/** After so many runs the loop turns once, so that the test runner hears of this process. */
const runsPerTurn = 4096

/** Throws unless `bytes` are refused by type or understood faithfully. */
export type Target = (bytes: Uint8Array) => void | Promise<void>

/** Runs a decoder that has no encoder beside it: only errors of the project's own types, and never a bug's. */
export function typed(decode: (bytes: Uint8Array) => unknown): (bytes: Uint8Array) => void {
  return bytes => {
    try {
      decode(bytes)
    } catch (error) {
      if (!(error instanceof CoterieError) || error.code === 'INVARIANT_BROKEN') throw error
    }
  }
}

/** The golden bytes of every family: what one decoder expects is a good start for another. */
export function goldenBytes(): Uint8Array[] {
  const folder = fileURLToPath(new URL('../vectors/golden/', import.meta.url))
  return readdirSync(folder).flatMap(file => {
    const golden: Record<string, unknown> = JSON.parse(readFileSync(`${folder}${file}`, 'utf8'))
    const samples = Object.values(golden).map(value => fromHex(String(value)))
    return samples.filter(bytes => bytes !== undefined && bytes.length > 0) as Uint8Array[]
  })
}

/** Mostly mutated samples; a quarter outlines of messages. */
export function messageOf(corpus: readonly Uint8Array[], draw: Draw): Uint8Array {
  switch (draw(4)) {
    case 0:
      return Uint8Array.from(outline(draw))
    case 1:
      return mutate([Uint8Array.from(outline(draw))], draw)
    default:
      return mutate(corpus, draw)
  }
}

/** One test for each target. */
export function fuzz(
  targets: readonly (readonly [string, Target])[],
  inputOf: (draw: Draw, name: string) => Uint8Array,
): void {
  test.each(targets)(
    '%s only refuses by type, keeps its spelling and never hangs',
    async (name, target) => {
      const draw = drawFrom(seed)
      const end = performance.now() + perTarget
      let [runs, slowest] = [0, 0]
      const isDone = (): boolean => (runsMax > 0 ? runs >= runsMax : performance.now() >= end)
      while (!isDone()) {
        const bytes = inputOf(draw, name)
        const before = process.cpuUsage()
        try {
          const pending = target(bytes)
          if (pending !== undefined) await pending
        } catch (error) {
          throw new Error(`${name}, FUZZ_SEED=${seed}, input ${toHex(bytes)}`, { cause: error })
        }
        const { user, system } = process.cpuUsage(before)
        slowest = Math.max(slowest, (user + system) / 1000)
        runs++
        if (runs % runsPerTurn === 0) await new Promise(setImmediate)
      }
      process.stdout.write(
        `fuzz ${name}: ${runs} runs, seed ${seed}, slowest ${slowest.toFixed(1)} ms\n`,
      )
      expect(slowest).toBeLessThan(cpuMillisecondsMax)
    },
  )
}
