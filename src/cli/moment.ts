import { UsageError } from '../base/errors.ts'

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * A moment as a person writes it, in milliseconds since 1970: RFC 3339 with its offset (`2026-01-31T12:00:00Z`), or how long ago (`-90s`,
 * `-2h`, `-7d`).
 *
 * @throws {UsageError} `BAD_TIME`.
 */
export function momentOf(text: string, now: number): number {
  const ago = /^-(\d{1,9})([smhd])$/.exec(text)
  if (ago !== null) return now - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs]
  const isFull = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/.test(text)
  const time = isFull ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return time
  throw new UsageError('BAD_TIME', `${text} is no time.`, {
    next: 'Write 2026-01-31T12:00:00Z, or how long ago: -90s, -30m, -2h, -7d.',
  })
}
