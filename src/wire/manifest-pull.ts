/**
 * Fetching a manifest from a member that said it has one: in the order in which it must be checked, page by
 * page. Envelopes travel as the JSON that people approve; their room alone reads them.
 */
import { limits } from './limits.ts'
import { byteString, fixedBytes, flag, list, message, row, uint } from './schema.ts'

/** Nonce and hash of a manifest. */
export interface ManifestMarkOnWire {
  readonly nonce: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

export const manifestMark = row<ManifestMarkOnWire>({ nonce: uint(), hash: fixedBytes(32) })

export interface ManifestRequest {
  /** The nonce in force at the asker. */
  readonly above: number
  /** The manifest that the asked one named. */
  readonly hash: Uint8Array
  /** Envelopes of this answer that the asker has from earlier pages. */
  readonly skip: number
}

/** Most envelopes that lead from one manifest to another: 64 that changed the manifest set, and the last. */
export const manifestStepsMax = 65

export const manifestRequestCodec = message<ManifestRequest>(
  'manifest-request',
  1,
  { above: [1, uint()], hash: [2, fixedBytes(32)], skip: [3, uint(manifestStepsMax)] },
  { bytesMax: 256, itemsMax: 16 },
)

export interface ManifestAnswer {
  /** In order; empty if the manifest is not there any more. */
  readonly envelopes: readonly Uint8Array[]
  readonly hasMore: boolean
}

/** Most bytes of envelopes in one answer: three of the largest, which leaves room in a frame of 256 KiB. */
export const manifestPageBytesMax = 3 * limits.manifestBytesMax

export const manifestAnswerCodec = message<ManifestAnswer>(
  'manifest-answer',
  1,
  {
    envelopes: [1, list(byteString(1, limits.manifestBytesMax), manifestStepsMax)],
    hasMore: [2, flag],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 128 },
)
