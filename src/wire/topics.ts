import { toHex, utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type NetworkId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'

/** Rules of one gossip topic. */
export interface TopicRules {
  /** Largest message with its envelope, in bytes. */
  readonly envelopeBytesMax: number
  /** Smallest padded body, in bytes; see `paddedLength`. */
  readonly paddedBytesMin: number
  /** `active`: only a member that finished joining may author; `member`: any member, joining ones too. */
  readonly authors: 'active' | 'member'
}

/** Every gossip topic: the only place where one is added. */
export const topics = {
  /** Batches of replica entries. One small write fits the smallest bucket. */
  delta: { envelopeBytesMax: limits.gossipBytesMax, paddedBytesMin: 256, authors: 'active' },
  /**
   * Signed beats. The floor is above the largest ordinary beat with 32 citations, so that the size of a
   * beat does not tell how many members its author hears.
   */
  heartbeat: {
    envelopeBytesMax: limits.heartbeatBytesMax,
    paddedBytesMin: 1024,
    authors: 'member',
  },
} as const satisfies Record<string, TopicRules>

export type Topic = keyof typeof topics

export const topicNames: readonly Topic[] = ['delta', 'heartbeat']

/**
 * The topic's name on the wire: SHA-256 over domain, network id and topic, in hexadecimal.
 *
 * A host or a foreign node learns neither network nor subject from it. The version of the envelope is part
 * of the domain: a node of another version subscribes to another name.
 */
export function topicName(network: NetworkId, topic: Topic): string {
  return toHex(sha256(framed(domains.topic, bytesOfDigest(network), utf8(topic))))
}
