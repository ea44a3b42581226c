/**
 * What a node answers a light client, over HTTP or a stream. The bytes are believed and not the connection: each answer proves itself, given a
 * manifest and a clock.
 */
import { utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type Digest, type NetworkId } from '../base/ids.ts'
import { framed, sha512 } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { type Cosignature, checkpointBytesMax } from './checkpoint.ts'
import { domains } from './domains.ts'
import {
  type CarriedEndorsement,
  endorsementItemBytesMax,
  endorsementItemRow,
} from './endorsement-pull.ts'
import { type Evidence, evidenceDigest } from './evidence.ts'
import { limits } from './limits.ts'
import { evidenceRow, type MemberRecord, memberRecordRow } from './member-record.ts'
import { byteString, fixedBytes, list, message, nullable, row, uint } from './schema.ts'

/** Co-signatures of one answer: a client that asks for more instances than this trusts no coterie at all. */
export const cosignaturesMax = 32

/** A co-signature, and which evidence says what its node is. */
export interface ServedCosignature extends Cosignature {
  /** `evidenceDigest`, 32 bytes: the path of the signer's evidence. */
  readonly evidence: Uint8Array
}

/** The newest checkpoint of the node asked, and who says the same. */
export interface ServedCheckpoint {
  /** Encoded by `checkpointCodec`. */
  readonly checkpoint: Uint8Array
  /** `evidenceDigest` of the node asked, 32 bytes. */
  readonly evidence: Uint8Array
  /** Each over the claim of `checkpoint`, of as many platform instances as there are co-signatures. */
  readonly cosignatures: readonly ServedCosignature[]
}

export const servedCheckpointCodec = message<ServedCheckpoint>(
  'served-checkpoint',
  1,
  {
    checkpoint: [1, byteString(1, checkpointBytesMax)],
    evidence: [2, fixedBytes(32)],
    cosignatures: [
      3,
      list(
        row<ServedCosignature>({
          node: fixedBytes(32),
          sequence: uint(),
          previous: fixedBytes(32),
          groupClock: uint(),
          signature: fixedBytes(64),
          evidence: fixedBytes(32),
        }),
        cosignaturesMax,
      ),
    ],
  },
  { bytesMax: 16 * 1024, itemsMax: 512 },
)

/** What a key held at a checkpoint of the node asked. */
export interface ServedProof {
  /** Of that checkpoint. */
  readonly sequence: number
  /** Encoded by `encodePublicProof`: the claim of the checkpoint has the rest. */
  readonly proof: Uint8Array
}

export const servedProofCodec = message<ServedProof>(
  'served-proof',
  1,
  {
    sequence: [1, uint()],
    proof: [2, byteString(1, limits.proofBytesMax)],
  },
  { bytesMax: limits.proofBytesMax + 256, itemsMax: 16 },
)

/** Documents of one answer: Intel's are five, and a chain may come in parts. */
const endorsementsMax = 16

/** All that a stranger needs to appraise a node, but for the manifest and what the vendor may have published since. */
export interface ServedEvidence {
  readonly record: MemberRecord
  /** Vendors' documents that this node appraised the evidence with: signed by the vendor, so nothing depends on who hands them out. */
  readonly endorsements: readonly CarriedEndorsement[]
}

export const servedEvidenceCodec = message<ServedEvidence>(
  'served-evidence',
  1,
  { record: [1, memberRecordRow], endorsements: [2, list(endorsementItemRow, endorsementsMax)] },
  { bytesMax: limits.handshakeFrameBytesMax + 4 * endorsementItemBytesMax, itemsMax: 256 },
)

/** A quote that is about one checkpoint: its TEE ran when that was made, or later. */
export interface QuotedCheckpoint {
  /** Encoded by `checkpointCodec`. */
  readonly checkpoint: Uint8Array
  /** Its report data is `checkpointReportData`. */
  readonly evidence: Evidence
}

/** The largest answer of all: a proof. A lineage of manifests, and evidence with its endorsements, are smaller. */
export const lightAnswerBytesMax: number = servedProofCodec.limits.bytesMax

/** Who answers, now: the keys of the node asked hold the asker's nonce beside what they last claimed. */
export interface AttestationAnswer {
  readonly nonce: Uint8Array
  readonly record: MemberRecord
  /** Quoted anew at least every `evidenceAge` of the manifest; `null` before the first. */
  readonly quoted: QuotedCheckpoint | null
  /** The newest checkpoint, encoded; `null` before the first. */
  readonly latest: Uint8Array | null
  /** Ed25519 of the identity key over `echoMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

export const attestationAnswerCodec = message<AttestationAnswer>(
  'attestation-answer',
  1,
  {
    nonce: [1, fixedBytes(32)],
    record: [2, memberRecordRow],
    quoted: [
      3,
      nullable(
        row<QuotedCheckpoint>({
          checkpoint: byteString(1, checkpointBytesMax),
          evidence: evidenceRow,
        }),
      ),
    ],
    latest: [4, nullable(byteString(1, checkpointBytesMax))],
    signature: [5, fixedBytes(64)],
  },
  { bytesMax: 2 * limits.handshakeFrameBytesMax + 4096, itemsMax: 128 },
)

/** The bytes that a node signs to answer a nonce: this nonce, this evidence about its keys, this quote, this checkpoint. */
export function echoMessage(
  network: NetworkId,
  answer: Omit<AttestationAnswer, 'signature'>,
): Uint8Array {
  const { nonce, record, quoted, latest } = answer
  const quote = quoted === null ? none : bytesOfDigest(evidenceDigest(quoted.evidence))
  return framed(
    domains.nonceEcho,
    bytesOfDigest(network),
    record.keys.identity,
    nonce,
    bytesOfDigest(evidenceDigest(record.evidence)),
    quoted?.checkpoint ?? none,
    quote,
    latest ?? none,
  )
}

/** Whether the identity of the answer's record signed it for this network. Says nothing about the evidence. */
export function verifyEcho(network: NetworkId, answer: AttestationAnswer): boolean {
  const { record, signature } = answer
  const message = echoMessage(network, answer)
  return verifySignature({ publicKey: record.keys.identity, message, signature })
}

/** The 64 bytes that a quote about a checkpoint must carry as report data. */
export function checkpointReportData(platform: string, checkpoint: Digest): Uint8Array {
  return sha512(framed(domains.checkpointQuote, utf8(platform), bytesOfDigest(checkpoint)))
}

const none = new Uint8Array(0)
