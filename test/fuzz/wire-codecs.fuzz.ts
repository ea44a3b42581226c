/** Every exported codec of src/wire: only typed refusals, and one spelling for each message. */
import { expect, test } from 'vitest'
import type { Codec } from '../../src/wire/schema.ts'
import { refusedOrFaithful } from '../conformance/message.ts'
import { fuzz, goldenBytes, messageOf, type Target } from './harness.ts'
import { wireExports } from './wire-exports.ts'

const isCodec = (value: unknown): value is Codec<object> =>
  typeof value === 'object' && value !== null && 'family' in value && 'decode' in value

const targets = [...wireExports.values()]
  .filter(isCodec)
  .map(codec => [codec.family, (bytes: Uint8Array) => refusedOrFaithful(codec, bytes)] as const)

test('the codecs of src/wire are found', () => {
  expect(targets.length).toBeGreaterThan(15)
})

const corpus = goldenBytes()
fuzz(targets satisfies readonly (readonly [string, Target])[], draw => messageOf(corpus, draw))
