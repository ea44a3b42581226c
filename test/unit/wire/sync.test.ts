import { ackCodec } from '../../../src/wire/ack.ts'
import { syncAnswerCodec, syncRequestCodec } from '../../../src/wire/sync.ts'
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
  },
})
