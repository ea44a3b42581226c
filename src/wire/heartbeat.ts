/**
 * A heartbeat: what a node says about itself every interval, and proof that it heard the others.
 *
 * Author and sequence stand in the signed envelope around it. The citations are what makes a beat fresh:
 * a beat that names another beat was signed after it, so a recorded beat cannot be played back later.
 */
import type { Brand } from '../base/brand.ts'
import { concatBytes, toHex, uint64Bytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { keyOfNodeId, type NodeId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { checkpointBytesMax } from './checkpoint.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { byteString, choice, type Field, fixedBytes, message, nullable, uint } from './schema.ts'

export interface Heartbeat {
  readonly phase: 'joining' | 'active'
  /** 16 random bytes, so that two beats with the same news differ and no digest can be foretold. */
  readonly random: Uint8Array
  /** Milliseconds of the group's clock; `null` until its author adopted one. */
  readonly groupClock: number | null
  /** Root of the trie of public prefixes, 32 bytes. */
  readonly publicRoot: Uint8Array
  /** Root of the trie of private prefixes, 32 bytes. */
  readonly privateRoot: Uint8Array
  /** Index of the last committed entry of the log; 0 while there is no log. */
  readonly logPosition: number
  /** Coarse load, 0 (idle) to 255 (saturated): coarse, because it is visible to every member. */
  readonly load: number
  /** Counts turns of the author's main loop: larger in each beat, or the process hangs. */
  readonly progress: number
  /** Digests (8 bytes each) of the last beats received from others; authors not live first. */
  readonly citations: readonly Uint8Array[]
  /** The author's newest checkpoint, encoded, in the first beat after it was made. */
  readonly checkpoint: Uint8Array | null
}

/** Length of a citation, in bytes: a forger needs 2^64 tries within a few seconds. */
export const citationBytes = 8
/** Most citations in one beat: 256 bytes of a message of about 450. */
export const citationsMax = 32

/** Citations joined into one byte string: a list of 32 items costs a decoder ten times as much. */
const citationList: Field<readonly Uint8Array[]> = {
  write: citations => concatBytes(...citations),
  read: value => {
    const joined = byteString(0, citationBytes * citationsMax).read(value)
    if (joined.length % citationBytes !== 0)
      throw new PeerFault('BAD_FIELD', 'a citation has 8 bytes')
    return Array.from({ length: joined.length / citationBytes }, (_, i) =>
      joined.slice(i * citationBytes, (i + 1) * citationBytes),
    )
  },
}

export const heartbeatCodec = message<Heartbeat>(
  'heartbeat',
  1,
  {
    phase: [1, choice(['joining', 'active'])],
    random: [2, fixedBytes(16)],
    groupClock: [3, nullable(uint())],
    publicRoot: [4, fixedBytes(32)],
    privateRoot: [5, fixedBytes(32)],
    logPosition: [6, uint()],
    load: [7, uint(255)],
    progress: [8, uint()],
    citations: [9, citationList],
    checkpoint: [10, nullable(byteString(1, checkpointBytesMax))],
  },
  { bytesMax: limits.heartbeatBytesMax, itemsMax: 64 },
)

/** Names one beat of one author: 64 hexadecimal digits; its first 8 bytes are the citation. */
export type BeatDigest = Brand<string, 'BeatDigest'>
/** A citation as a map key: 16 hexadecimal digits. */
export type CitationKey = Brand<string, 'CitationKey'>

/**
 * The digest of all that its author signed of a beat: who, which, what.
 *
 * `payload` is the heartbeat exactly as received, so that fields of a later version are covered too.
 */
export function beatDigest(beat: {
  readonly author: NodeId
  readonly sequence: number
  readonly payload: Uint8Array
}): { readonly digest: BeatDigest; readonly citation: Uint8Array } {
  const author = keyOfNodeId(beat.author)
  const signed = framed(domains.heartbeatDigest, author, uint64Bytes(beat.sequence), beat.payload)
  const hash = sha256(signed)
  return { digest: toHex(hash) as BeatDigest, citation: hash.slice(0, citationBytes) }
}

/** The map key of a citation. */
export function citationKey(citation: Uint8Array): CitationKey {
  return toHex(citation) as CitationKey
}
