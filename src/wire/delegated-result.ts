/**
 * Delegated results: what a member found when it appraised others itself, signed, for whoever would appraise them again.
 *
 * One signature is over many results, each by its hash, so that it costs the same for one subject and for all, and so that a single
 * result with the other hashes proves for ever who said it.
 */
import { uint64Bytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { evidenceDigest } from './evidence.ts'
import { limits } from './limits.ts'
import type { MemberRecord } from './member-record.ts'
import { byteString, fixedBytes, flag, list, message, row, text, uint } from './schema.ts'

/** Subjects in one question, and results in one answer. */
export const resultsPerAnswer = 128
/** How long results may be counted from the moment when they were asked for, in milliseconds: ten minutes. */
export const resultLifeMsMax = 600_000
/** One result: a document of Nitro names 32 registers of 48 bytes, of which half are in use. */
export const resultBytesMax = 1_536

/** What one register of the subject held. */
export interface ResultRegister {
  readonly name: string
  readonly value: Uint8Array
}

/** A trusted verdict on the key evidence of a member, told to others. */
export interface DelegatedResult {
  /** Ed25519 identity of the subject, 32 bytes. */
  readonly identity: Uint8Array
  /** `resultSubject` of its record: keys, evidence and possession, 32 bytes. */
  readonly subject: Uint8Array
  /** Digest of the endorsements that the evidence was appraised with, 32 bytes. */
  readonly endorsements: Uint8Array
  readonly platform: string
  /** Digest of the platform instance, 32 bytes. */
  readonly instance: Uint8Array
  /** By name, rising. */
  readonly registers: readonly ResultRegister[]
  /** Name of the measurement in the policy that matched. */
  readonly measurement: string
  readonly tcb: string
  /** The time that the appraisal went by, and the first of all expiries that it found: milliseconds since the Unix epoch. */
  readonly at: number
  readonly expiresAt: number
  /** Whether the subject answered a step-up of the signer within the evidence age. */
  readonly isFresh: boolean
}

export const delegatedResultCodec = message<DelegatedResult>(
  'delegated-result',
  1,
  {
    identity: [1, fixedBytes(32)],
    subject: [2, fixedBytes(32)],
    endorsements: [3, fixedBytes(32)],
    platform: [4, text(32)],
    instance: [5, fixedBytes(32)],
    registers: [6, list(row<ResultRegister>({ name: text(32), value: byteString(0, 64) }), 32)],
    measurement: [7, text(64)],
    tcb: [8, text(64)],
    at: [9, uint()],
    expiresAt: [10, uint()],
    isFresh: [11, flag],
  },
  { bytesMax: resultBytesMax, itemsMax: 256 },
)

/** Asks a member what it found itself about these identities, 32 bytes each. */
export interface ResultsRequest {
  readonly subjects: readonly Uint8Array[]
}

export const resultsRequestCodec = message<ResultsRequest>(
  'results-request',
  1,
  { subjects: [1, list(fixedBytes(32), resultsPerAnswer)] },
  { bytesMax: 8 * 1024, itemsMax: 256 },
)

/** Results of one member, all under one policy and one signature. Whom it did not appraise itself, it leaves out. */
export interface ResultsAnswer {
  /** Digest of the policy, 32 bytes. */
  readonly policy: Uint8Array
  readonly lifeMs: number
  /** Encoded results. */
  readonly results: readonly Uint8Array[]
  /** Ed25519 of the signer's identity key over `resultsMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

export const resultsAnswerCodec = message<ResultsAnswer>(
  'results-answer',
  1,
  {
    policy: [1, fixedBytes(32)],
    lifeMs: [2, uint(resultLifeMsMax)],
    results: [3, list(byteString(1, resultBytesMax), resultsPerAnswer)],
    signature: [4, fixedBytes(64)],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 512 },
)

/** What a signature over results covers. */
export interface SignedResults {
  /** Ed25519 identity key of the signer, 32 bytes. */
  readonly signer: Uint8Array
  readonly policy: Uint8Array
  readonly lifeMs: number
  /** `resultHash` of each result in order, 32 bytes each, joined. */
  readonly hashes: Uint8Array
}

/** Names one encoded result under a signature. */
export function resultHash(result: Uint8Array): Uint8Array {
  return sha256(framed(domains.delegatedResult, result))
}

/** The hashes of encoded results, joined: what is signed of them. In one buffer for all, because a joiner hashes thousands. */
export function resultHashes(results: readonly Uint8Array[]): Uint8Array {
  const begin = framed(domains.delegatedResult, new Uint8Array(0))
  const longest = Math.max(0, ...results.map(({ length }) => length))
  const message = new Uint8Array(begin.length + longest)
  const length = new DataView(message.buffer, begin.length - 4)
  const hashes = new Uint8Array(32 * results.length)
  message.set(begin)
  results.forEach((result, i) => {
    length.setUint32(0, result.length)
    message.set(result, begin.length)
    hashes.set(sha256(message.subarray(0, begin.length + result.length)), 32 * i)
  })
  return hashes
}

/** The bytes that the signer signs. */
export function resultsMessage(network: NetworkId, signed: SignedResults): Uint8Array {
  const { signer, policy, lifeMs, hashes } = signed
  const parts = [bytesOfDigest(network), signer, policy, uint64Bytes(lifeMs), hashes]
  return framed(domains.delegatedResults, ...parts)
}

/** Whether the signer signed exactly this. */
export function verifyResults(
  network: NetworkId,
  signed: SignedResults,
  signature: Uint8Array,
): boolean {
  const message = resultsMessage(network, signed)
  return verifySignature({ publicKey: signed.signer, message, signature })
}

/**
 * Names a whole record: a result on it stands for the keys, for the evidence that they carry and for the signature of possession.
 */
export function resultSubject(network: NetworkId, record: MemberRecord): Digest {
  const { keys, evidence, possession } = record
  const named = [keys.identity, keys.noise, keys.kem, bytesOfDigest(evidenceDigest(evidence))]
  const parts = [bytesOfDigest(network), ...named, possession]
  return digestOf(sha256(framed(domains.resultSubject, ...parts)))
}

/** One result as its signer wrote it. @throws {PeerFault} `CBOR_…`, `BAD_MESSAGE`, `BAD_FIELD`. */
export function decodeResult(bytes: Uint8Array): DelegatedResult {
  const result = delegatedResultCodec.decode(bytes)
  const isRising = result.registers.every(
    ({ name }, i) => i === 0 || (result.registers[i - 1]?.name ?? '') < name,
  )
  if (!isRising) throw new PeerFault('BAD_FIELD', 'delegated-result: registers in order')
  return result
}
