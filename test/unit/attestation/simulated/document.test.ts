import fc from 'fast-check'
import {
  documentCodec,
  reportCodec,
  type SimulatedDocument,
  type SimulatedReport,
} from '../../../../src/attestation/simulated/document.ts'
import { conformMessage } from '../../../conformance/message.ts'

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const svn = fc.nat(0xff)
const tcb = fc.record({ bootloader: svn, tee: svn, snp: svn, microcode: svn })

const plain: SimulatedReport = {
  instance: bytes(64, 0x11),
  debug: false,
  registers: {
    measurement: bytes(48, 0x22),
    rtmrs: [0x30, 0x31, 0x32, 0x33].map(value => bytes(48, value)),
    hostData: bytes(32, 0x44),
    signer: bytes(48, 0x55),
    productId: 0,
    svn: 1,
  },
  tcb: { bootloader: 4, tee: 2, snp: 22, microcode: 213 },
  committedTcb: { bootloader: 3, tee: 0, snp: 21, microcode: 0 },
  reportData: bytes(64, 0x66),
}
const extreme: SimulatedReport = {
  ...plain,
  debug: true,
  registers: { ...plain.registers, productId: 0xffff, svn: 0xffff },
  tcb: { bootloader: 255, tee: 255, snp: 255, microcode: 255 },
}

conformMessage<SimulatedReport>({
  codec: reportCodec,
  samples: { plain, extreme },
  arbitrary: fc.record({
    instance: exactly(64),
    debug: fc.boolean(),
    registers: fc.record({
      measurement: exactly(48),
      rtmrs: fc.array(exactly(48), { minLength: 4, maxLength: 4 }),
      hostData: exactly(32),
      signer: exactly(48),
      productId: fc.nat(0xffff),
      svn: fc.nat(0xffff),
    }),
    tcb,
    committedTcb: tcb,
    reportData: exactly(64),
  }),
})

conformMessage<SimulatedDocument>({
  codec: documentCodec,
  samples: {
    leaf: {
      report: reportCodec.encode(plain),
      signature: bytes(64, 0x77),
      chain: [bytes(3, 0x88)],
    },
    chain: {
      report: reportCodec.encode(extreme),
      signature: bytes(64, 0x77),
      chain: [bytes(300, 0x88), bytes(24, 0x99), bytes(1, 0xaa)],
    },
  },
  arbitrary: fc.record({
    report: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    signature: exactly(64),
    chain: fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 3 }),
  }),
})
