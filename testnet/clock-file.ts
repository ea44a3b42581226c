/** How far the wall clock of a node is off: a file that `shifted-clock.ts` watches inside its process. */
import { writeFile } from 'node:fs/promises'
import { UsageError } from '../src/base/errors.ts'
import { removeFile } from './folder.ts'
import { sibling } from './processes.ts'

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
}
/** What a clock can be off at most, in milliseconds: dates end 273,790 years from now. */
const offsetMax = 1_000 * 365 * 86_400_000

/** The module to preload into a process whose clock follows the file at `path`. */
export function clockPreload(path: string): string {
  const url = sibling('shifted-clock')
  url.searchParams.set('offset', path)
  return url.href
}

/** Sets a clock off by `offset` milliseconds; 0 sets it right. */
export async function shiftClock(path: string, offset: number): Promise<void> {
  if (offset === 0) await removeFile(path)
  else await writeFile(path, String(offset), { mode: 0o600 })
}

/** Milliseconds of `+10y`, `-1d`, `+90s` or `0`. @throws {UsageError} `BAD_OFFSET`. */
export function parseOffset(text: string): number {
  const parts = /^([+-]?)(\d{1,9})([smhdy])$/.exec(text)
  const span = Number(parts?.[2] ?? 0) * (units[parts?.[3] ?? ''] ?? Number.NaN)
  if (text === '0') return 0
  if (parts !== null && span <= offsetMax) return parts[1] === '-' ? -span : span
  throw new UsageError('BAD_OFFSET', `${text} is no offset of a clock`, {
    next: 'Write +10y, -1d, +90s (units s, m, h, d, y; up to 1000 years), or 0 for the right time.',
  })
}
