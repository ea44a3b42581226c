import { base58 } from '@scure/base'
import type { Brand } from './brand.ts'
import { compareBytes, concatBytes, fromHex, toHex } from './bytes.ts'
import { PeerFault } from './errors.ts'

/** A node's name: the libp2p peer id of its Ed25519 identity key, `12D3KooW…`. One key, one spelling. */
export type NodeId = Brand<string, 'NodeId'>
/** 32 bytes of a hash in lower-case hexadecimal; a map key, unlike `Uint8Array`. */
export type Digest = Brand<string, 'Digest'>
/** Names a network: SHA-256 of its canonical founding block, 64 hexadecimal digits. */
export type NetworkId = Brand<string, 'NetworkId'>

/** Identity multihash of a protobuf-framed Ed25519 public key (libp2p peer-id spec, "Ed25519"). */
const ed25519Prefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The node id of a 32-byte Ed25519 public key. @throws {PeerFault} `BAD_NODE_ID` for another length. */
export function nodeIdOfKey(key: Uint8Array): NodeId {
  if (key.length !== 32) throw new PeerFault('BAD_NODE_ID', 'an identity key has 32 bytes')
  return base58.encode(concatBytes(ed25519Prefix, key)) as NodeId
}

/** The 32-byte Ed25519 public key that a node id spells, freshly allocated. */
export function keyOfNodeId(id: NodeId): Uint8Array {
  return base58.decode(id).slice(ed25519Prefix.length)
}

/** Parses a node id. @throws {PeerFault} `BAD_NODE_ID` if it is not the peer id of an Ed25519 key. */
export function nodeId(text: string): NodeId {
  let bytes: Uint8Array
  try {
    bytes = base58.decode(text)
  } catch (cause) {
    throw new PeerFault('BAD_NODE_ID', 'a node id is base58 text', { cause })
  }
  const isEd25519 = bytes.length === 38 && compareBytes(bytes.subarray(0, 6), ed25519Prefix) === 0
  if (!isEd25519) throw new PeerFault('BAD_NODE_ID', 'a node id is the peer id of an Ed25519 key')
  return text as NodeId
}

/** The map key of a 32-byte hash. @throws {PeerFault} `BAD_DIGEST` for another length. */
export function digestOf(hash: Uint8Array): Digest {
  if (hash.length !== 32) throw new PeerFault('BAD_DIGEST', 'a digest has 32 bytes')
  return toHex(hash) as Digest
}

/** The 32 bytes of a digest or network id, freshly allocated. */
export function bytesOfDigest(digest: Digest | NetworkId): Uint8Array {
  return fromHex(digest) ?? new Uint8Array(32)
}
