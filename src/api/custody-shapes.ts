/** Requests and answers of custody, in the JSON of the tools that went before: bytes are lists of numbers, names have underscores. */
import { z } from 'zod'
import { holderKeyBytes } from '../attestation/custody/holder-key.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { quorumKeyBytes } from '../crypto/quorum-keys.ts'
import { custodyPhases } from '../node/custody-api.ts'
import { bootAttestationCodec, carriedShareCodec } from '../wire/custody.ts'

/** Bytes of a genesis answer as text: 255 holders with the longest keys, on one line or, for fewer, spread out by `jq`. */
export const genesisAnswerBytesMax = 8 * 1024 * 1024

/** Of what is looked at by hand, as a JSON Schema. */
const jsonByte = { type: 'integer', minimum: 0, maximum: 255 }

/** `min..max` bytes as a list of numbers. Looked at by hand: an answer has half a million of them. */
export const byteList = (min: number, max: number) =>
  z
    .custom<readonly number[]>(
      value =>
        Array.isArray(value) &&
        value.length >= min &&
        value.length <= max &&
        value.every(byte => Number.isInteger(byte) && byte >= 0 && byte <= 255),
      { error: `expected a list of ${min === max ? min : `${min} to ${max}`} bytes` },
    )
    .meta({ type: 'array', items: jsonByte, minItems: min, maxItems: max })
    .transform(bytes => Uint8Array.from(bytes))

const holdersMax = 255
const alias = z.string().min(1).max(64)
const holder = z.strictObject({
  alias,
  pub_key: byteList(holderKeyBytes.p256, holderKeyBytes.coterie),
})
const nonce = z.int().min(0)

/** `GET /enclave/recovery`: what lies on the disk of a node of a lost network. Times are group clocks in milliseconds. */
export const recoveryOfferShape = z.object({
  cut_ms: nonce,
  state_root: z.string().nullable(),
  entries: nonce,
  manifest_hash: z.string(),
  manifest_nonce: nonce,
  removals_left_out: nonce,
})

const root = z.string().regex(/^[0-9a-f]{64}$/)

/** `POST /enclave/recover`: the root that is to come back; `null` for the one that was written down. */
export const recoverRequestShape = z.strictObject({ state_root: root.nullable() })
export type RecoverRequest = z.input<typeof recoverRequestShape>

/** What came back. */
export const recoveredShape = z.object({ cut_ms: nonce, state_root: z.string() })

/** `POST /enclave/genesis-boot`, the flat form. */
export const genesisRequestShape = z.strictObject({
  namespace_name: z.string(),
  namespace_nonce: nonce,
  manifest_members: z.array(holder).max(holdersMax),
  manifest_threshold: z.int().min(1).max(holdersMax),
  share_members: z.array(holder).max(holdersMax),
  share_threshold: z.int().min(1).max(holdersMax),
  /** SHA-256 of the application; 32 zeros for none. */
  pivot_hash: byteList(32, 32),
  pivot_args: z.array(z.string().max(4096)).max(64),
  /** A key for disaster recovery, which is not supported: shares are what one recovers from. */
  dr_key: z.null(),
})
/** As it is written. */
export type GenesisRequest = z.input<typeof genesisRequestShape>

/** What a genesis answers. The manifest inside is read by `custodyEnvelopeShape`. */
export const genesisAnswerShape = z.strictObject({
  quorum_public_key: byteList(quorumKeyBytes, quorumKeyBytes),
  /** The X-Wing key of the node that made the key. */
  ephemeral_key: byteList(kemBytes.publicKey, kemBytes.publicKey),
  manifest_envelope: z.unknown().describe('The custody manifest, which nobody has approved yet.'),
  waiting_state: z.literal('WaitingForQuorumShards'),
  encrypted_shares: z
    .array(
      z.strictObject({
        share_set_member: holder,
        encrypted_quorum_key_share: byteList(1, 2048),
        share_hash: byteList(64, 64),
      }),
    )
    .max(holdersMax),
  /** As `bootAttestationCodec` writes it; its evidence carries `genesisReportData`. */
  attestation_doc: byteList(1, bootAttestationCodec.limits.bytesMax),
})

const attestationDoc = byteList(1, bootAttestationCodec.limits.bytesMax)
/** A boot attestation on its way: alone, in an object, or in the answer of `POST /enclave/generate-attestation`. */
export const bootAttestationShape = z.union([
  attestationDoc,
  z.object({ attestation_doc: attestationDoc }).transform(found => found.attestation_doc),
  z
    .object({
      result: z.object({
        GenerateAttestationResponse: z.object({ attestation_doc: attestationDoc }),
      }),
    })
    .transform(({ result }) => result.GenerateAttestationResponse.attestation_doc),
])

/** A carried share as `coterie keys decrypt-share` prints it. */
export const carriedShareShape = byteList(1, carriedShareCodec.limits.bytesMax)

/** `POST /enclave/inject-shares`, as it is written. */
export interface InjectRequest {
  readonly namespace_name: string
  readonly namespace_nonce: number
  readonly shares: readonly {
    readonly member_alias: string
    /** The bytes of `carriedShareCodec`: no share is ever sent in clear. */
    readonly decrypted_share: readonly number[]
  }[]
  /** Of holders of the manifest set who hold no share; left out where there are none. */
  readonly approvals?: readonly {
    readonly member_alias: string
    /** 64 bytes. */
    readonly signature: readonly number[]
  }[]
}

/** What a standard boot answers. */
export const bootAnswerShape = z.object({
  result: z.object({
    BootStandardResponse: z.object({
      success: z.literal(true),
      /** `custodyManifestHash` in hexadecimal. */
      manifest_hash: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  }),
})

/** What an injection answers. Below the threshold nothing is reconstructed, and that is no error. */
export const injectAnswerShape = z.object({
  reconstructed_quorum_key: byteList(quorumKeyBytes, quorumKeyBytes).nullish(),
  success: z.boolean(),
  /** Shares that were not taken, each with its code; the others count. */
  refused: z
    .array(z.object({ member_alias: alias, code: z.string().max(64) }))
    .max(holdersMax)
    .optional(),
})

const count = z.int().min(0).max(holdersMax)
/** How many of a set have done their part, and who, if the node tells. */
const progress = z.object({
  have: count,
  need: count,
  by: z.array(alias).max(holdersMax).readonly().optional(),
})

/** `GET /enclave/info`. What does not exist yet is `null`. */
export const custodyInfoShape = z.object({
  phase: z.enum(custodyPhases),
  node: z.string().max(128),
  namespace: z.object({ name: z.string().max(64), nonce }).nullable(),
  quorum_public_key: byteList(quorumKeyBytes, quorumKeyBytes).nullable(),
  /** `custodyManifestHash` in hexadecimal. */
  manifest_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** Holders whose shares are in. */
  shares: progress.nullable(),
  /** Holders of the manifest set who approved. */
  approvals: progress.nullable(),
})
export type CustodyInfo = z.output<typeof custodyInfoShape>

/** How these routes say no. */
export const custodyErrorShape = z.object({
  error: z.string().max(1024),
  code: z.union([z.string().max(64), z.number()]),
  request_id: z.string().max(128).optional(),
})
