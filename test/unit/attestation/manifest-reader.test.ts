/** What a document may be before anybody asks what it says. */
import { expect, test } from 'vitest'
import { orRefusal, readJson } from '../../../src/attestation/manifest-reader.ts'
import { utf8 } from '../../../src/base/bytes.ts'

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
const read = (text: string) => orRefusal(() => ({ value: readJson(utf8(text), 2 ** 23) }))

test('documents nest 32 deep and no deeper, closed or not, also in millions', () => {
  expect(read(nested(32))).toMatchObject({ value: [expect.any(Array)] })
  for (const text of [nested(33), '{"a":'.repeat(33), '['.repeat(8_000_000)]) {
    expect(read(text)).toMatchObject({
      code: 'MANIFEST_BAD_VALUE',
      facts: { reason: expect.stringContaining('nested') },
    })
  }
})

test('brackets in texts are no levels, and one after an escaped quote is none either', () => {
  const value = { a: `${'['.repeat(99)}"\\`, b: ['\\"[{', '"]'] }
  expect(read(JSON.stringify(value))).toEqual({ value })
  expect(read(`["\\"${'['.repeat(99)}"]`)).toMatchObject({ value: [expect.any(String)] })
})
