/** The exported codecs of src/wire, in five parts: a file runs its targets one after the other, and files run side by side. */
import type { Codec } from '../../src/wire/schema.ts'
import { refusedOrFaithful } from '../conformance/message.ts'
import { goldenBytes, messageOf, type Target } from './harness.ts'
import { wireExports } from './wire-exports.ts'

type NamedTarget = readonly [string, Target]

const isCodec = (value: unknown): value is Codec<object> =>
  typeof value === 'object' && value !== null && 'family' in value && 'decode' in value

const targets: readonly NamedTarget[] = [...wireExports.values()]
  .filter(isCodec)
  .map(codec => [codec.family, bytes => refusedOrFaithful(codec, bytes)])

/** Dealt out in turn, so that none of the files is longer than another by more than one. */
export const codecParts = [0, 1, 2, 3, 4].map(part =>
  targets.filter((_, place) => place % 5 === part),
)

const corpus = goldenBytes()
export const codecInput = (draw: Parameters<typeof messageOf>[1]): Uint8Array =>
  messageOf(corpus, draw)
