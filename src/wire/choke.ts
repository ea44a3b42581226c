/**
 * What a member tells a neighbour about the gossip of others: whose messages it need not pass on, because
 * they come by a shorter way, and whose it should, because they come by no other (docs/spec/gossip.md).
 *
 * It speaks for the teller alone: nobody can turn off what others receive.
 */
import { fixedBytes, list, message } from './schema.ts'

/** Most authors in either list of one frame. */
export const chokedAuthorsMax = 64

export interface Choke {
  /** Identity keys, 32 bytes each, of authors whose messages the teller has from elsewhere. */
  readonly choked: readonly Uint8Array[]
  /** Identity keys of authors whose messages the teller wants passed on, all of them and at once. */
  readonly wanted: readonly Uint8Array[]
}

const authors = list(fixedBytes(32), chokedAuthorsMax)

export const chokeCodec = message<Choke>(
  'choke',
  1,
  { choked: [1, authors], wanted: [2, authors] },
  { bytesMax: 8 * 1024, itemsMax: 256 },
)
