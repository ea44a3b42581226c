import {
  type EndorsementAnswer,
  endorsementAnswerCodec,
  endorsementRequestCodec,
} from '../../../src/wire/endorsement-pull.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({
  codec: endorsementRequestCodec,
  samples: { name: { name: 'tcb-info tdx 90c06f000000' } },
})

const list: EndorsementAnswer = {
  items: [
    { kind: 'crl', bytes: filled(20, 1) },
    { kind: 'certificates', bytes: filled(9, 2) },
  ],
}
conformMessage({
  codec: endorsementAnswerCodec,
  mutationsMax: 2000,
  samples: {
    list,
    collateral: {
      items: [
        { kind: 'tcb-info', bytes: filled(12, 3) },
        { kind: 'qe-identity', bytes: filled(8, 4) },
      ],
    },
    nothing: { items: [] },
  },
})
