/**
 * A probe: "are you there, at this moment?", asked of a member itself or of a third member that may reach it.
 *
 * The challenge is the asker's and fresh; the proof of life is signed over it by the identity key of whoever
 * is asked after. So a proof that came through somebody else is worth as much as one that came directly, an old
 * one is worth nothing, and whoever passes proofs on cannot make one. Everything else that an answer says
 * is hearsay, and no more than a hint.
 */
import { uint64Bytes } from '../base/bytes.ts'
import { bytesOfDigest, keyOfNodeId, type NetworkId, type NodeId } from '../base/ids.ts'
import { framed } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { choice, fixedBytes, message, nullable, row, uint } from './schema.ts'

/** Length of a challenge, in bytes. */
export const challengeBytes = 32

export interface ProbeRequest {
  /** 32 random bytes of the asker. */
  readonly challenge: Uint8Array
  /** Identity key of whoever is asked after, 32 bytes: the asked node's own, or a third member's. */
  readonly target: Uint8Array
  /** What the asker itself sees of the target: nothing, or a machine that refuses to be dialled. */
  readonly seen: 'silent' | 'refused'
}

export const probeRequestCodec = message<ProbeRequest>(
  'probe-request',
  1,
  {
    challenge: [1, fixedBytes(challengeBytes)],
    target: [2, fixedBytes(32)],
    seen: [3, choice(['silent', 'refused'])],
  },
  { bytesMax: 256, itemsMax: 16 },
)

/** Signed word of a node that it is alive now. */
export interface LifeProof {
  /** Sequence number of its last beat. */
  readonly sequence: number
  /** Turns of its main loop, above those of its last beat, or the process hangs. */
  readonly progress: number
  /** Ed25519 of its identity key, 64 bytes. */
  readonly signature: Uint8Array
}

export interface ProbeAnswer {
  /**
   * What the answerer sees: `alive` comes with the proof; `silent`: it was asked and did not answer, or has no
   * connection; `refused`: its machine refuses dials; `unknown`: no member here.
   */
  readonly seen: 'alive' | 'silent' | 'refused' | 'unknown'
  readonly proof: LifeProof | null
}

export const probeAnswerCodec = message<ProbeAnswer>(
  'probe-answer',
  1,
  {
    seen: [1, choice(['alive', 'silent', 'refused', 'unknown'])],
    proof: [
      2,
      nullable(row<LifeProof>({ sequence: uint(), progress: uint(), signature: fixedBytes(64) })),
    ],
  },
  { bytesMax: 256, itemsMax: 16 },
)

/** What a proof of life is about. */
export interface LifeClaim {
  readonly network: NetworkId
  readonly node: NodeId
  readonly challenge: Uint8Array
  readonly sequence: number
  readonly progress: number
}

/** The bytes that `node` signs to prove that it is alive. */
export function lifeProofMessage(claim: LifeClaim): Uint8Array {
  return framed(
    domains.lifeProof,
    bytesOfDigest(claim.network),
    keyOfNodeId(claim.node),
    claim.challenge,
    uint64Bytes(claim.sequence),
    uint64Bytes(claim.progress),
  )
}

/** Whether `node` signed exactly this proof for this challenge. Never throws. */
export function verifyLifeProof(
  scope: Pick<LifeClaim, 'network' | 'node' | 'challenge'>,
  proof: LifeProof,
): boolean {
  const { sequence, progress, signature } = proof
  const message = lifeProofMessage({ ...scope, sequence, progress })
  return verifySignature({ publicKey: keyOfNodeId(scope.node), message, signature })
}
