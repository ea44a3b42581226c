import { expect, test } from 'vitest'
import { PeerFault } from '../../../src/base/errors.ts'
import { ackCodec } from '../../../src/wire/ack.ts'
import {
  syncAnswerCodec,
  syncRequestCodec,
  toldUsage,
  usageExtension,
} from '../../../src/wire/sync.ts'
import { conformMessage } from '../../conformance/message.ts'

const author = new Uint8Array(32).fill(3)

conformMessage({
  codec: ackCodec,
  samples: { first: { author, mark: 1 }, late: { author, mark: 2 ** 31 } },
})

conformMessage({
  codec: syncRequestCodec,
  samples: {
    snapshot: { log: null, cursor: 0, marks: [] },
    cursor: { log: new Uint8Array(16).fill(1), cursor: 70_000, marks: [{ author, mark: 12 }] },
  },
})

conformMessage({
  codec: syncAnswerCodec,
  samples: {
    empty: {
      log: new Uint8Array(16).fill(1),
      next: 0,
      isLast: true,
      marks: [{ author, mark: 4 }],
      groupClock: 1_780_000_000_000,
      floor: 1_779_912_000_000,
      syncedAt: 1_779_999_999_999,
      page: Uint8Array.of(0),
    },
    told: {
      ...{ log: new Uint8Array(16).fill(1), next: 3, isLast: true, marks: [] },
      ...{ groupClock: 1_780_000_000_000, floor: 1_779_912_000_000, syncedAt: 0 },
      page: Uint8Array.of(0),
      extensions: usageExtension({ entries: 900_000, bytes: 2 ** 33 }),
    },
  },
})

test('what an answer tells of an instance is read back, and nonsense is the fault of who sent it', () => {
  const usage = { entries: 5, bytes: 700 }
  expect(toldUsage({ extensions: usageExtension(usage) })).toEqual(usage)
  expect(toldUsage({})).toBeUndefined()
  for (const value of [7, [1], [1, -1], [2 ** 41, 1], [1, 2 ** 51], 'x', null]) {
    expect(() => toldUsage({ extensions: new Map([[64, value]]) })).toThrow(PeerFault)
  }
})
