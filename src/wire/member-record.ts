/**
 * A member record: all that a stranger needs to appraise an identity that it has no connection to.
 *
 * The signature of possession shows that the identity key itself wants to be known under these keys and
 * this evidence in this network; the evidence then says what holds the keys.
 */
import { bytesOfDigest, type NetworkId } from '../base/ids.ts'
import { framed } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { type Evidence, evidenceDigest, type NodeKeys } from './evidence.ts'
import { limits } from './limits.ts'
import { byteString, fixedBytes, message, nullable, row, text } from './schema.ts'

export interface MemberRecord {
  readonly keys: NodeKeys
  readonly evidence: Evidence
  /** Ed25519 of the identity key over `possessionMessage`, 64 bytes. */
  readonly possession: Uint8Array
}

/** Asks for the record of this Ed25519 identity, 32 bytes. */
export interface RecordRequest {
  readonly identity: Uint8Array
}

export const recordRequestCodec = message<RecordRequest>(
  'record-request',
  1,
  { identity: [1, fixedBytes(32)] },
  { bytesMax: 128, itemsMax: 8 },
)

/** The record asked for, or `null` if the answerer has none. */
export interface RecordAnswer {
  readonly record: MemberRecord | null
}

export const evidenceRow = row<Evidence>({
  platform: text(32),
  body: byteString(1, limits.handshakeFrameBytesMax - 4096),
})

export const memberRecordRow = row<MemberRecord>({
  keys: row<NodeKeys>({
    identity: fixedBytes(32),
    noise: fixedBytes(32),
    kem: fixedBytes(kemBytes.publicKey),
  }),
  evidence: evidenceRow,
  possession: fixedBytes(64),
})

export const recordAnswerCodec = message<RecordAnswer>(
  'record-answer',
  1,
  { record: [1, nullable(memberRecordRow)] },
  { bytesMax: limits.handshakeFrameBytesMax, itemsMax: 64 },
)

/** The bytes that an identity signs to be known under these keys and this evidence. */
export function possessionMessage(
  network: NetworkId,
  keys: NodeKeys,
  evidence: Evidence,
): Uint8Array {
  return framed(
    domains.memberRecord,
    bytesOfDigest(network),
    keys.identity,
    keys.noise,
    keys.kem,
    bytesOfDigest(evidenceDigest(evidence)),
  )
}

/** Whether the identity key of a record signed it for this network. Says nothing about the evidence. */
export function verifyPossession(network: NetworkId, record: MemberRecord): boolean {
  return verifySignature({
    publicKey: record.keys.identity,
    message: possessionMessage(network, record.keys, record.evidence),
    signature: record.possession,
  })
}
