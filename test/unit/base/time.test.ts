import fc from 'fast-check'
import { expect, test } from 'vitest'
import { timestamp, utcTime } from '../../../src/base/time.ts'

const fields = {
  year: fc.integer({ min: 100, max: 9_999 }),
  month: fc.nat(13),
  day: fc.nat(32),
  hour: fc.nat(25),
  minute: fc.nat(61),
  second: fc.nat(61),
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')

test('a date and a time of day exist exactly where they are written back as they were', () => {
  fc.assert(
    fc.property(fc.record(fields), written => {
      const { month, day, hour, minute, second } = written
      const date = [String(written.year).padStart(4, '0'), ...[month, day].map(twoDigits)].join('-')
      const text = `${date}T${[hour, minute, second].map(twoDigits).join(':')}.000Z`
      const at = Date.parse(text)
      const exists = !Number.isNaN(at) && new Date(at).toISOString() === text
      expect(utcTime(written)).toBe(exists ? at : undefined)
    }),
    { numRuns: 5_000 },
  )
})

const midnight = { hour: 0, minute: 0, second: 0 }

test.each([
  [2024, true],
  [2023, false],
  [2000, true],
  [1900, false],
])('February of %i has a 29th: %s', (year, exists) => {
  const at = exists ? timestamp(Date.UTC(year, 1, 29)) : undefined
  expect(utcTime({ year, month: 2, day: 29, ...midnight })).toBe(at)
})

test('a year of two digits is none', () => {
  expect(utcTime({ year: 99, month: 1, day: 1, ...midnight })).toBeUndefined()
})
