import fc from 'fast-check'
import { expect, test } from 'vitest'
import { segmentsOf } from '../../../src/web/verify/difference.ts'

test('of two hexadecimal values of one length the bytes that differ are marked, and no others', () => {
  expect(segmentsOf('00ff10aa', '00fe10ab')).toEqual([
    { text: '00', differs: false },
    { text: 'ff', differs: true },
    { text: '10', differs: false },
    { text: 'aa', differs: true },
  ])
})

test('of several words those that are alike are left alone', () => {
  expect(segmentsOf('mrtd 00ff', 'mrtd 00fe')).toEqual([
    { text: 'mrtd 00', differs: false },
    { text: 'ff', differs: true },
  ])
  expect(segmentsOf('a b', 'a b c')).toEqual([{ text: 'a b', differs: true }])
})

test('what is as expected is one run, and what cannot be compared byte by byte differs as a whole', () => {
  expect(segmentsOf('00ff', '00ff')).toEqual([{ text: '00ff', differs: false }])
  expect(segmentsOf('UpToDate', 'OutOfDate')).toEqual([{ text: 'UpToDate', differs: true }])
  expect(segmentsOf('00ff', '00ff00')).toEqual([{ text: '00ff', differs: true }])
  expect(segmentsOf('', '00')).toEqual([])
})

test('nothing of what was found is lost, and something is marked exactly if it differs', () => {
  const hex = fc.uint8Array({ maxLength: 48 }).map(bytes => Buffer.from(bytes).toString('hex'))
  const text = fc.oneof(hex, fc.string())
  fc.assert(
    fc.property(text, text, (found, expected) => {
      const segments = segmentsOf(found, expected)
      expect(segments.map(({ text: part }) => part).join('')).toBe(found)
      const isMarked = segments.some(({ differs }) => differs)
      // An empty word in place of another leaves nothing to mark.
      const areWhole = !` ${found} `.includes('  ')
      if (areWhole) expect(isMarked).toBe(found !== expected)
      if (found === expected) expect(isMarked).toBe(false)
      for (const [place, { differs }] of segments.entries()) {
        expect(segments[place + 1]?.differs).not.toBe(differs)
      }
    }),
  )
})
