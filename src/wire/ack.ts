/** Acknowledgements of batches: one number says it for all that came before. */
import { fixedBytes, message, uint } from './schema.ts'

/**
 * The teller holds all of `author`'s batches up to `mark`. Sent to the author alone; it names the author
 * so that a mark can never count for another.
 */
export interface Ack {
  /** Identity key of the author of the batches, 32 bytes. */
  readonly author: Uint8Array
  readonly mark: number
}

export const ackCodec = message<Ack>(
  'ack',
  1,
  { author: [1, fixedBytes(32)], mark: [2, uint()] },
  { bytesMax: 256, itemsMax: 64 },
)
