/** What a member that is no signer learns of groups: their public records, from whoever holds them. */

import { byteString, fixedBytes, list, message } from './schema.ts'
import { groupBytesMax } from './signing-group.ts'

/** The record that was asked for, and the newest of its key. */
export const recordsPerAnswer = 2

/** Asks for the record of a group, and for the newest of the same key. */
export interface GroupRequest {
  /** Group id, 32 bytes. */
  readonly group: Uint8Array
}

export const groupRequestCodec = message<GroupRequest>(
  'signing-group-request',
  1,
  { group: [1, fixedBytes(32)] },
  { bytesMax: 64, itemsMax: 16 },
)

/** What the answerer knows; nothing, if it knows neither. */
export interface GroupAnswer {
  /** Encoded by `groupCodec`. */
  readonly records: readonly Uint8Array[]
}

export const groupAnswerCodec = message<GroupAnswer>(
  'signing-group-answer',
  1,
  { records: [1, list(byteString(1, groupBytesMax), recordsPerAnswer)] },
  { bytesMax: recordsPerAnswer * groupBytesMax + 64, itemsMax: 16 },
)
