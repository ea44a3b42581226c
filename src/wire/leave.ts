/**
 * A signed leave: the last word of an identity. It holds for ever and needs neither number nor date, because an identity
 * that left never comes back: whoever starts again is another node, with another key.
 */
import {
  bytesOfDigest,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
  nodeIdOfKey,
} from '../base/ids.ts'
import { framed } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { fixedBytes, message } from './schema.ts'

export interface Leave {
  /** Identity key of whoever leaves, 32 bytes. */
  readonly identity: Uint8Array
  /** Ed25519 of that key over `leaveMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

export const leaveCodec = message<Leave>(
  'leave',
  1,
  { identity: [1, fixedBytes(32)], signature: [2, fixedBytes(64)] },
  { bytesMax: 256, itemsMax: 16 },
)

/** The bytes that a node signs to leave its network for good. */
export function leaveMessage(network: NetworkId, node: NodeId): Uint8Array {
  return framed(domains.leave, bytesOfDigest(network), keyOfNodeId(node))
}

/** Whether the identity itself signed that it leaves this network. Never throws. */
export function verifyLeave(network: NetworkId, { identity, signature }: Leave): boolean {
  const signed = leaveMessage(network, nodeIdOfKey(identity))
  return verifySignature({ publicKey: identity, message: signed, signature })
}
