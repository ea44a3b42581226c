import type { Brand } from './brand.ts'

/** Milliseconds. */
export type Duration = Brand<number, 'Duration'>
/** A point of this process's monotonic clock, in milliseconds. Never sent to a peer. */
export type Instant = Brand<number, 'Instant'>
/** Milliseconds since the Unix epoch. */
export type Timestamp = Brand<number, 'Timestamp'>

/** A span of so many milliseconds. */
export const milliseconds = (count: number): Duration => count as Duration
/** A span of so many seconds. */
export const seconds = (count: number): Duration => (count * 1000) as Duration
/** A span of so many minutes. */
export const minutes = (count: number): Duration => (count * 60_000) as Duration
/** A span of so many hours. */
export const hours = (count: number): Duration => (count * 3_600_000) as Duration
export const days = (count: number): Duration => (count * 86_400_000) as Duration
/** The point of wall time so many milliseconds after the Unix epoch, as `Date.now()` counts them. */
export const timestamp = (sinceEpoch: number): Timestamp => sinceEpoch as Timestamp
export const instant = (sinceStart: number): Instant => sinceStart as Instant

/** A date and a time of day in UTC, as documents write them: the first month and the first day are 1. */
export interface CalendarTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

/** `undefined` for a date or a time of day that does not exist, leap seconds included, and before the year 100. */
export function utcTime({ year, month, day, hour, minute, second }: CalendarTime) {
  const isDate = year >= 100 && day >= 1 && day <= daysOf(month, year)
  if (!isDate || hour > 23 || minute > 59 || second > 59) return undefined
  return timestamp(Date.UTC(year, month - 1, day, hour, minute, second))
}

const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

/** In the Gregorian calendar; no month has the number 0 or 13, and no days. */
function daysOf(month: number, year: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (daysOfMonths[month - 1] ?? 0)
}

/** The instant `span` after `start`; works for both clocks. */
export function after<T extends Instant | Timestamp>(start: T, span: Duration): T {
  return (start + span) as T
}

/** How long after `start` `end` is; negative if it is before. Both of one clock. */
export function between<T extends Instant | Timestamp>(start: T, end: T): Duration {
  return (end - start) as unknown as Duration
}

/**
 * The two clocks of a machine.
 *
 * `monotonic` never goes back and is not comparable between processes. `wall` may jump either way and
 * the host controls it: only certificate dates and the founder's first group clock read it.
 */
export interface Clock {
  monotonic(): Instant
  wall(): Timestamp
}
