import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clockPreload, parseOffset, shiftClock } from '../../../testnet/clock-file.ts'

const year = 365 * 86_400_000
let dir: string
let file: string
let child: ChildProcess | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coterie-clock-'))
  file = join(dir, 'clock offset')
})

afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

/** A process that answers each line with every way to tell the time. */
function startTeller(): (what: string) => Promise<number[]> {
  const script = `
    process.stdin.on('data', () => console.log(JSON.stringify([
      Date.now(), new Date().getTime(), Date.parse(Date()), new Date(5).getTime(),
      Number(new Date() instanceof Date), Date.UTC(1970, 0, 2), performance.now(),
    ])))`
  child = spawn(process.execPath, ['--import', clockPreload(file), '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })
  return async what => {
    child?.stdin?.write(`${what}\n`)
    const [line] = await once(lines, 'line')
    return JSON.parse(String(line)) as number[]
  }
}

test('a clock is off from the start and jumps while the process runs, in every way to ask', async () => {
  await shiftClock(file, 10 * year)
  const told = startTeller()
  const isOffBy = async (offset: number): Promise<boolean> => {
    const [now = 0, made = 0, text = 0] = await told('now')
    return [now, made, text].every(time => Math.abs(time - Date.now() - offset) < 60_000)
  }
  expect(await isOffBy(10 * year)).toBe(true)
  await shiftClock(file, -86_400_000)
  while (!(await isOffBy(-86_400_000))) await new Promise(resolve => setTimeout(resolve, 20))
  await shiftClock(file, 0)
  while (!(await isOffBy(0))) await new Promise(resolve => setTimeout(resolve, 20))
})

test('given dates, their arithmetic and the monotonic clock are what they were', async () => {
  await shiftClock(file, 10 * year)
  const [, , , given, isDate, utc, monotonic = 0] = await startTeller()('now')
  expect([given, isDate, utc]).toEqual([5, 1, 86_400_000])
  expect(monotonic).toBeLessThan(60_000)
})

test('offsets are read with their units, and nothing else is', () => {
  expect(parseOffset('+10y')).toBe(10 * year)
  expect(parseOffset('-1d')).toBe(-86_400_000)
  expect(parseOffset('90s')).toBe(90_000)
  expect(parseOffset('0')).toBe(0)
  for (const bad of ['', '10', '+y', '1w', '9999y', '1e3s']) {
    expect(() => parseOffset(bad)).toThrow(expect.objectContaining({ code: 'BAD_OFFSET' }))
  }
})
