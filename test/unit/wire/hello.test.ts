import { expect, test } from 'vitest'
import type { SignedAnnouncement } from '../../../src/wire/epoch-key.ts'
import {
  type Announce,
  announceCodec,
  announcementsMax,
  type Hello,
  helloCodec,
} from '../../../src/wire/hello.ts'
import { limits } from '../../../src/wire/limits.ts'
import { removalsPerMessage, removalsThatFit } from '../../../src/wire/removal.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const announcement: SignedAnnouncement = {
  ...{ kind: 'storage', id: filled(32, 1), creator: filled(32, 2), removalDigest: filled(32, 3) },
  ...{ life: 2_592_000_000, signature: filled(64, 4) },
}
const hello: Hello = {
  ...{ phase: 'active', manifest: { nonce: 4, hash: filled(32, 5) } },
  ...{ removalDigest: filled(32, 3), possession: filled(64, 6), evidence: filled(32, 9) },
  announcements: [announcement, { ...announcement, kind: 'commit', life: null }],
}

conformMessage({
  codec: helloCodec,
  mutationsMax: 2000,
  samples: { active: hello, joining: { ...hello, phase: 'joining', announcements: [] } },
})

const digest = filled(32, 3)
conformMessage({
  codec: announceCodec,
  mutationsMax: 2000,
  samples: {
    keys: {
      ...{ phase: 'active', removalDigest: digest, announcements: [announcement], removals: [] },
      ...{ manifest: { nonce: 4, hash: filled(32, 5) }, rival: null, evidence: filled(32, 9) },
    },
    removals: {
      ...{ phase: 'joining', removalDigest: digest, announcements: [] },
      manifest: { nonce: 4, hash: filled(32, 5) },
      rival: { nonce: 4, hash: filled(32, 7) },
      ...{ removals: [filled(30, 8)], evidence: filled(32, 9) },
    },
  },
})

test('the largest hello and the largest frame fit their limits', () => {
  const announcements = Array.from({ length: announcementsMax }, () => announcement)
  const largest = { ...hello, announcements }
  expect(helloCodec.decode(helloCodec.encode(largest))).toEqual(largest)
  const removals = removalsThatFit(
    Array.from({ length: removalsPerMessage }, () => filled(limits.removalItemBytesMax, 1)),
  )
  const manifest = { nonce: Number.MAX_SAFE_INTEGER, hash: digest }
  const frame: Announce = {
    ...{ removalDigest: digest, announcements, removals },
    ...{ phase: 'active', manifest, rival: manifest, evidence: digest },
  } as const
  const bytes = announceCodec.encode(frame)
  expect(bytes.length).toBeLessThan(limits.frameBytesMax)
  expect(announceCodec.decode(bytes)).toEqual(frame)
})
