/** The fourth part of the codecs of src/wire: only typed refusals, and one spelling for each message. */
import { expect, test } from 'vitest'
import { codecInput, codecParts } from './codec-targets.ts'
import { fuzz } from './harness.ts'

const targets = codecParts[3] ?? []

test('codecs of src/wire are found', () => {
  expect(targets.length).toBeGreaterThan(8)
})

fuzz(targets, codecInput)
