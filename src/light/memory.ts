/**
 * What a light client remembers between looks, so that nobody can lead it back: what it last believed, and the last checkpoint of each
 * node as signed, so that a second one of the same place is proof of a fork for others too.
 */

import { equalBytes } from '../base/bytes.ts'
import { CoterieError, PeerFault } from '../base/errors.ts'
import { bytesOfDigest, type NetworkId } from '../base/ids.ts'
import { checkpointBytesMax, claimBytesMax } from '../wire/checkpoint.ts'
import { limits } from '../wire/limits.ts'
import {
  byteString,
  type Codec,
  fixedBytes,
  list,
  message,
  nullable,
  uint,
} from '../wire/schema.ts'

/** Where memory is kept: a file, the storage of a browser. What `load` gives is what `save` was given last. */
export interface LightMemory {
  /** `undefined` if nothing was ever saved. */
  load(): Promise<Uint8Array | undefined>
  save(bytes: Uint8Array): Promise<void>
}

export interface Remembered {
  readonly network: Uint8Array
  /** Of the newest manifest that was believed: an earlier one is refused. */
  readonly manifestNonce: number
  /** The newest claim that enough machines signed, encoded; `null` before the first. */
  readonly claim: Uint8Array | null
  /** The last checkpoint of each node, encoded; the nodes seen last are last. */
  readonly heads: readonly Uint8Array[]
  /** Identity keys of nodes that forked, 32 bytes: nothing that they sign counts again. */
  readonly forked: readonly Uint8Array[]
}

/** Nodes whose last checkpoint is remembered: those of years of restarts are of no use. */
export const headsMax = 64

export const memoryCodec: Codec<Remembered> = message<Remembered>(
  'light-memory',
  1,
  {
    network: [1, fixedBytes(32)],
    manifestNonce: [2, uint()],
    claim: [3, nullable(byteString(1, claimBytesMax))],
    heads: [4, list(byteString(1, checkpointBytesMax), headsMax)],
    forked: [5, list(fixedBytes(32), headsMax)],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 512 },
)

/**
 * Reads what was remembered of `network`; nothing at the first look.
 *
 * @throws {CoterieError} `MEMORY_BROKEN`, `MEMORY_OF_ANOTHER_NETWORK`: to go on without would be to forget.
 */
export function recall(bytes: Uint8Array | null, network: NetworkId): Remembered {
  if (bytes === null) {
    return { network: bytesOfDigest(network), manifestNonce: 0, claim: null, heads: [], forked: [] }
  }
  const remembered = decoded(bytes)
  if (equalBytes(remembered.network, bytesOfDigest(network))) return remembered
  throw new CoterieError('MEMORY_OF_ANOTHER_NETWORK', 'What is remembered is of another network.', {
    next: 'Keep one memory for each network.',
  })
}

function decoded(bytes: Uint8Array): Remembered {
  try {
    return memoryCodec.decode(bytes)
  } catch (cause) {
    if (!(cause instanceof PeerFault)) throw cause
    throw new CoterieError('MEMORY_BROKEN', 'What is remembered cannot be read.', {
      cause,
      next: 'If you remove it, a host can show you an older state this one time.',
    })
  }
}
