/** Checkpoints that hold: signed, of this network, and in order with all else that their nodes signed. */
import { equalBytes, toHex } from '../base/bytes.ts'
import { ifReadable } from '../base/errors.ts'
import { bytesOfDigest, type NetworkId } from '../base/ids.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  type Cosignature,
  checkpointCodec,
  checkpointDigest,
  claimCodec,
  contradicts,
  recoveredIn,
  verifyCheckpoint,
} from '../wire/checkpoint.ts'
import type { Extended } from '../wire/schema.ts'

/** A checkpoint whose signature holds, with what it says. */
export interface SignedHead {
  readonly checkpoint: Checkpoint
  readonly claim: CheckpointClaim
  /** The claim as a map key: the same for all who agree. */
  readonly claimKey: string
  /** Whether the claim says that the state came back from a backup. */
  readonly recovered: boolean
}

/** The checkpoint in these bytes, if its node signed it for this network. */
export function headIn(bytes: Uint8Array, network: NetworkId): SignedHead | undefined {
  return ifReadable(() => headOf(checkpointCodec.decode(bytes), network))
}

function headOf(checkpoint: Checkpoint, network: NetworkId): SignedHead | undefined {
  const claim = claimIn(checkpoint.claim)
  if (claim === undefined || !equalBytes(claim.network, bytesOfDigest(network))) return undefined
  if (!verifyCheckpoint(checkpoint)) return undefined
  const claimKey = toHex(checkpoint.claim)
  return { checkpoint, claim, claimKey, recovered: recoveredIn(claim) !== null }
}

/** The checkpoint of another node over the claim of `head`, if that node signed it. */
export function cosignedHead(head: SignedHead, cosignature: Cosignature): SignedHead | undefined {
  const checkpoint = { ...cosignature, claim: head.checkpoint.claim }
  return verifyCheckpoint(checkpoint) ? { ...head, checkpoint } : undefined
}

/** A claim, or `undefined` for bytes that are none. */
export function claimIn(bytes: Uint8Array): (CheckpointClaim & Extended) | undefined {
  return ifReadable(() => claimCodec.decode(bytes))
}

/** Whether two checkpoints cannot both be in one chain: one place twice, a broken link, or a cut or a clock that runs back. */
export function breaksChain(left: SignedHead, right: SignedHead): boolean {
  if (contradicts(left.checkpoint, right.checkpoint)) return true
  if (!equalBytes(left.checkpoint.node, right.checkpoint.node)) return false
  const [first, second] =
    left.checkpoint.sequence <= right.checkpoint.sequence ? [left, right] : [right, left]
  const steps = second.checkpoint.sequence - first.checkpoint.sequence
  if (steps === 0) return false
  const before = bytesOfDigest(checkpointDigest(first.checkpoint))
  const isLinked = equalBytes(second.checkpoint.previous, before)
  return isLinked !== (steps === 1) || second.claim.cut <= first.claim.cut
}
