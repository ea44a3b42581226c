/**
 * A delegated result that lies about what its subject's evidence says for ever, with all that shows it: a removal item of
 * other fields.
 */
import { resultBytesMax, resultLifeMsMax, resultsPerAnswer } from './delegated-result.ts'
import { limits } from './limits.ts'
import { type MemberRecord, memberRecordRow } from './member-record.ts'
import { byteString, fixedBytes, message, uint } from './schema.ts'

/** The first of its keys: those of the other items of the family are below. */
const firstKey = 4

export interface FalseResult {
  readonly kind: 'false-result'
  readonly network: Uint8Array
  /** The signer's: anybody can make up a key that signs lies. */
  readonly record: MemberRecord
  /** Whom the result is about. */
  readonly subject: MemberRecord
  /** What the signer signed beside the results. */
  readonly policy: Uint8Array
  readonly lifeMs: number
  readonly hashes: Uint8Array
  /** Place of the hash of `result` among `hashes`. */
  readonly index: number
  readonly result: Uint8Array
  readonly signature: Uint8Array
}

export const falseResultCodec = message<Omit<FalseResult, 'kind'>>(
  'removal',
  1,
  {
    network: [firstKey, fixedBytes(32)],
    record: [5, memberRecordRow],
    subject: [6, memberRecordRow],
    policy: [7, fixedBytes(32)],
    lifeMs: [8, uint(resultLifeMsMax)],
    hashes: [9, byteString(32, 32 * resultsPerAnswer)],
    index: [10, uint(resultsPerAnswer - 1)],
    result: [11, byteString(1, resultBytesMax)],
    signature: [12, fixedBytes(64)],
  },
  { bytesMax: limits.removalItemBytesMax, itemsMax: 256 },
)

/** Whether bytes claim to be one: the encoding is canonical, so the lowest key after the version is the fourth byte. */
export function isFalseResult(bytes: Uint8Array): boolean {
  return bytes[3] === firstKey
}
