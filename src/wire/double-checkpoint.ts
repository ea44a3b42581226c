/** Two checkpoints that one node signed at one place of its chain, with what says that it ever ran on a machine: a removal item. */
import { checkpointBytesMax } from './checkpoint.ts'
import { limits } from './limits.ts'
import { type MemberRecord, memberRecordRow } from './member-record.ts'
import { byteString, fixedBytes, message } from './schema.ts'

/** The first of its keys: those of the other items of the family are below. */
const firstKey = 13

export interface DoubleCheckpoint {
  readonly kind: 'double-checkpoint'
  readonly network: Uint8Array
  /** Encoded by `checkpointCodec`; the smaller bytes first. */
  readonly first: Uint8Array
  readonly second: Uint8Array
  /** The signer's. */
  readonly record: MemberRecord
}

export const doubleCheckpointCodec = message<Omit<DoubleCheckpoint, 'kind'>>(
  'removal',
  1,
  {
    network: [firstKey, fixedBytes(32)],
    first: [14, byteString(1, checkpointBytesMax)],
    second: [15, byteString(1, checkpointBytesMax)],
    record: [16, memberRecordRow],
  },
  { bytesMax: limits.removalItemBytesMax, itemsMax: 64 },
)

/** Whether bytes claim to be one: the encoding is canonical, so the lowest key after the version is the fourth byte. */
export function isDoubleCheckpoint(bytes: Uint8Array): boolean {
  return bytes[3] === firstKey
}
