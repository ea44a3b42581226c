import { describe, expect, test } from 'vitest'
import { PeerFault } from '../../../src/base/errors.ts'
import type { SignedAnnouncement } from '../../../src/wire/epoch-key.ts'
import {
  decodeNamedPages,
  encodeNamedPages,
  isNamedPage,
  pageDigest,
  recoveryRecordCodec,
  removalsThatFit,
} from '../../../src/wire/recovery-record.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

const announcement: SignedAnnouncement = {
  kind: 'commit',
  id: filled(32, 1),
  creator: filled(32, 2),
  removalDigest: filled(32, 3),
  life: null,
  signature: filled(64, 4),
}
const record = {
  network: filled(32, 5),
  manifest: filled(32, 6),
  cut: 1_790_000_000_000,
  root: filled(32, 7),
  entries: 8,
  storageKey: filled(32, 9),
  pages: encodeNamedPages([{ number: 10, digest: filled(32, 11) }]),
  commitKeys: [{ announcement, key: filled(32, 12) }],
  removals: [filled(40, 13)],
  nonce: 14,
  removalsLeftOut: 15,
}

describe('a recovery record', () => {
  conformMessage({
    codec: recoveryRecordCodec,
    samples: {
      full: record,
      empty: { ...record, root: null, pages: filled(0, 0), commitKeys: [], removals: [] },
    },
    mutationsMax: 2000,
  })
})

test('pages come back by their numbers, and are told by their digests', () => {
  const bytes = filled(100, 1)
  const rows = [
    { number: 3, digest: pageDigest(bytes) },
    { number: 2 ** 40, digest: filled(32, 2) },
  ]
  const named = decodeNamedPages(encodeNamedPages(rows))
  expect([...named]).toEqual(rows.map(({ number, digest }) => [number, digest]))
  expect(isNamedPage(named, { number: 3, bytes })).toBe(true)
  expect(isNamedPage(named, { number: 4, bytes })).toBe(false)
  expect(isNamedPage(named, { number: 3, bytes: filled(100, 2) })).toBe(false)
})

test('rows that are cut off, or whose numbers do not rise, name no pages', () => {
  const row = (number: number) => ({ number, digest: filled(32, 1) })
  const whole = encodeNamedPages([row(1), row(2)])
  for (const bytes of [
    whole.subarray(1),
    encodeNamedPages([row(0)]),
    encodeNamedPages([row(2), row(2)]),
    encodeNamedPages([row(2), row(1)]),
    filled(40, 255),
  ]) {
    expect(() => decodeNamedPages(bytes)).toThrow(PeerFault)
  }
})

test('removals fill a record from the first on, by their number and by their bytes', () => {
  const small = Array.from({ length: 5_000 }, () => filled(10, 1))
  expect(removalsThatFit(small)).toHaveLength(4_352)
  const large = Array.from({ length: 300 }, (_, i) => filled(28 * 1024, i))
  const fit = removalsThatFit(large)
  expect(fit).toEqual(large.slice(0, 219))
  expect(removalsThatFit(large.slice(0, 3))).toHaveLength(3)
  const whole = { ...record, removals: removalsThatFit(small) }
  expect(recoveryRecordCodec.decode(recoveryRecordCodec.encode(whole)).removals).toHaveLength(4_352)
})
