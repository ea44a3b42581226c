/**
 * Checkpoints: what a node says, once a second and for ever, that the state was at a moment just past.
 *
 * Two layers. The *claim* is what all replicas that agree say in the same bytes; a node signs it into its own chain. So another
 * node's checkpoint over the same claim is a co-signature of mine, and none is ever made for the purpose.
 */
import { equalBytes, fromHex, toHex, uint64Bytes } from '../base/bytes.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { byteString, type Extended, fixedBytes, message, nullable, uint } from './schema.ts'
import { stateRoot } from './state-proof.ts'

/**
 * What was so at the cut. Field 64 is kept for the head of the critical log: whoever does not know it still verifies the claim,
 * because a signature covers the claim as it was received.
 */
export interface CheckpointClaim {
  /** 32 bytes, like every field but the cut. */
  readonly network: Uint8Array
  /** A whole second of the group clock, in milliseconds: the state holds the entries stamped at or before it. */
  readonly cut: number
  readonly publicRoot: Uint8Array
  readonly privateRoot: Uint8Array
  /** The key that salts private leaves written from now on; `null` while there is none. */
  readonly commitKey: Uint8Array | null
  /** Digest of the removal set. */
  readonly removals: Uint8Array
  /** Hash of the manifest in force. */
  readonly manifest: Uint8Array
}

/** Most bytes of a claim: twice what it has today. */
export const claimBytesMax = 512
/** Most bytes of a checkpoint: its claim, a key, a digest, a signature and two numbers. */
export const checkpointBytesMax = 1024

export const claimCodec = message<CheckpointClaim>(
  'checkpoint-claim',
  1,
  {
    network: [1, fixedBytes(32)],
    cut: [2, uint()],
    publicRoot: [3, fixedBytes(32)],
    privateRoot: [4, fixedBytes(32)],
    commitKey: [5, nullable(fixedBytes(32))],
    removals: [6, fixedBytes(32)],
    manifest: [7, fixedBytes(32)],
  },
  { bytesMax: claimBytesMax, itemsMax: 64 },
)

/** What claims say of a state that came back from a disk when no member lived. */
export interface ToldRecovery {
  /** Group clock in milliseconds up to which it is known to be whole. */
  readonly cut: number
  /** State root of what came back, in hexadecimal. */
  readonly root: string
}

/** Field of claims over a recovered state. Whatever it holds but `null` and `false` says that there was a recovery. */
const recoveredField = 65

/** The field as `claimCodec` writes it; nothing for a state that was always in somebody's memory. */
export function recoveredExtension(told: ToldRecovery | null): Extended {
  if (told === null) return {}
  return { extensions: new Map([[recoveredField, [told.cut, fromHex(told.root) ?? noRoot]]]) }
}

/** What a claim says of a recovery; `null` if there was none. What is said in another form is one from the beginning of time. */
export function recoveredIn(claim: Extended): ToldRecovery | null {
  const told = claim.extensions?.get(recoveredField) ?? null
  if (told === null || told === false) return null
  const [cut, root] = Array.isArray(told) ? told : []
  // Beyond the last time that a date can say, nobody could be told.
  const isTime = typeof cut === 'number' && cut >= 0 && cut <= 8.64e15
  const isKnown = isTime && root instanceof Uint8Array
  return isKnown && root.length === 32
    ? { cut, root: toHex(root) }
    : { cut: 0, root: toHex(noRoot) }
}

/** Below 0 if `left` lost more. A total order, so that all who hear of two say the same one. */
export function compareTold(left: ToldRecovery, right: ToldRecovery): number {
  if (left.cut !== right.cut) return left.cut - right.cut
  if (left.root === right.root) return 0
  return left.root < right.root ? -1 : 1
}

const noRoot = new Uint8Array(32)

/** Where in a node's chain a claim stands. */
export interface CheckpointPlace {
  /** Ed25519 identity key, 32 bytes. */
  readonly node: Uint8Array
  /** From 1 on, one more each time. */
  readonly sequence: number
  /** `checkpointDigest` of the one before; zeros before the first. */
  readonly previous: Uint8Array
  /** The node's group clock when it signed, in milliseconds. */
  readonly groupClock: number
}

/** What is signed: a claim at its place. */
export interface PlacedClaim extends CheckpointPlace {
  /** Encoded by `claimCodec`. */
  readonly claim: Uint8Array
}

export interface Checkpoint extends PlacedClaim {
  /** Ed25519 of the identity key over `checkpointMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

/** A checkpoint without its claim, beside the claim of another node that it shares. */
export type Cosignature = Omit<Checkpoint, 'claim'>

export const checkpointCodec = message<Checkpoint>(
  'checkpoint',
  1,
  {
    node: [1, fixedBytes(32)],
    sequence: [2, uint()],
    previous: [3, fixedBytes(32)],
    groupClock: [4, uint()],
    claim: [5, byteString(1, claimBytesMax)],
    signature: [6, fixedBytes(64)],
  },
  { bytesMax: checkpointBytesMax, itemsMax: 64 },
)

/** The bytes that a node signs. The claim names the network. */
export function checkpointMessage(placed: PlacedClaim): Uint8Array {
  const { node, sequence, previous, groupClock, claim } = placed
  const numbers = [uint64Bytes(sequence), previous, uint64Bytes(groupClock)] as const
  return framed(domains.checkpoint, node, ...numbers, claim)
}

/** Names a checkpoint by all that is signed in it: what the next one of its node carries as `previous`. */
export function checkpointDigest(placed: PlacedClaim): Digest {
  return digestOf(sha256(checkpointMessage(placed)))
}

/** Whether the node of the checkpoint signed it. Says nothing about the node. Never throws. */
export function verifyCheckpoint(checkpoint: Checkpoint): boolean {
  const { node, signature } = checkpoint
  return verifySignature({ publicKey: node, message: checkpointMessage(checkpoint), signature })
}

/**
 * Whether two checkpoints, both of which verify, show that their node broke its chain: one sequence, different content.
 */
export function contradicts(left: PlacedClaim, right: PlacedClaim): boolean {
  if (!equalBytes(left.node, right.node) || left.sequence !== right.sequence) return false
  return !equalBytes(checkpointMessage(left), checkpointMessage(right))
}

/** The root that proofs of keys are held against, 32 bytes. */
export function rootOfClaim(claim: CheckpointClaim): Uint8Array {
  return stateRoot(claim.publicRoot, claim.privateRoot)
}
