/**
 * Rows of custody, with the paths and the JSON of the tools that went before: bytes are lists of bytes. They stand beside the table of
 * the API, because they speak another language: other names, other errors, answers in envelopes.
 */
import { z } from 'zod'
import { custodyBytesMax } from '../attestation/custody/custody-manifest.ts'
import { mnemonicStrengths } from '../crypto/mnemonic.ts'
import { bootAttestationCodec, carriedShareCodec, keyExportCodec } from '../wire/custody.ts'
import type { Route } from './contract.ts'
import {
  byteList,
  custodyInfoShape,
  genesisAnswerShape,
  genesisRequestShape,
  recoveredShape,
  recoverRequestShape,
  recoveryOfferShape,
} from './custody-shapes.ts'

const holdersMax = 255
const alias = z.string().min(1).max(64)
const memberOfDocs = z
  .strictObject({ member_alias: alias, pub_key: byteList(1, 2048) })
  .transform(({ member_alias, pub_key }) => ({ alias: member_alias, pub_key }))
const threshold = z.int().min(1).max(holdersMax)

/** What is meant by one number for both sets: no fewer than that, and more than half of whoever approves. */
const approvers = (members: number, wanted: number): number =>
  Math.max(wanted, Math.floor(members / 2) + 1)

/** The form of the documents of those tools; the flat one is that of their code. */
const activityShape = z
  .strictObject({
    type: z.literal('ACTIVITY_TYPE_GENESIS_BOOT_V2'),
    timestampMs: z.union([z.string().max(32), z.number()]).optional(),
    organizationId: z.string().max(128).optional(),
    parameters: z.strictObject({
      namespace_name: z.string(),
      namespace_nonce: z.int().min(0),
      manifest_members: z.array(memberOfDocs).max(holdersMax),
      share_members: z.array(memberOfDocs).max(holdersMax).optional(),
      threshold,
      pivot: z
        .strictObject({ hash: byteList(32, 32), args: z.array(z.string().max(4096)).max(64) })
        .nullish(),
      dr_key: z.null().optional(),
    }),
  })
  .transform(({ parameters }): z.output<typeof genesisRequestShape> => {
    const { namespace_name, namespace_nonce, manifest_members, pivot } = parameters
    return {
      ...{ namespace_name, namespace_nonce, manifest_members },
      manifest_threshold: approvers(manifest_members.length, parameters.threshold),
      share_members: parameters.share_members ?? manifest_members,
      share_threshold: parameters.threshold,
      pivot_hash: pivot?.hash ?? new Uint8Array(32),
      pivot_args: pivot?.args ?? [],
      dr_key: null,
    }
  })

/** As it is written. */
export type ActivityRequest = z.input<typeof activityShape>

const bytes = z.array(z.int().min(0).max(255))
/** Any JSON: the machine reads it with its own reader. */
const envelope = z
  .looseObject({ manifest: z.unknown(), approvals: z.unknown() })
  .describe('A custody manifest with approvals of its holders.')
const attestationDoc = byteList(1, bootAttestationCodec.limits.bytesMax)
const wrapped = <Shape extends z.ZodType>(name: string, shape: Shape) =>
  z.object({ id: z.string(), result: z.object({ [name]: shape }) })
const message = byteList(0, 64 * 1024)
/** Of `encrypt-data` over the longest message. */
const sealedMax = 64 * 1024 + 64

const row = {
  access: 'custody',
  query: z.strictObject({}),
  stream: false,
  errors: ['TOO_MANY_REQUESTS', 'NOT_RUNNING', 'STOPPING'],
} as const
const post = { ...row, method: 'POST' } as const

/** Digits, comma and space of a byte in a list, and some for what stands around. */
const asText = (bytes: number): number => 5 * bytes + 64 * 1024

export const custodyRoutes = {
  custodyInfo: {
    ...row,
    method: 'GET',
    path: '/enclave/info',
    about: 'How far a ceremony is.',
    body: null,
    answer: custodyInfoShape,
  },
  genesisBoot: {
    ...post,
    path: '/enclave/genesis-boot',
    about: 'Makes the quorum key, shares it among the holders and forgets it.',
    body: z.union([genesisRequestShape, activityShape]),
    bodyBytesMax: 4 * 1024 * 1024,
    answer: genesisAnswerShape,
  },
  injectShares: {
    ...post,
    path: '/enclave/inject-shares',
    about: 'Takes shares that their holders sealed to this node.',
    body: z.strictObject({
      namespace_name: z.string(),
      namespace_nonce: z.int().min(0),
      shares: z
        .array(
          z.strictObject({
            member_alias: alias,
            // Of any length: what is no carried share is refused by its holder's name.
            decrypted_share: byteList(0, carriedShareCodec.limits.bytesMax),
          }),
        )
        .max(holdersMax),
      approvals: z
        .array(z.strictObject({ member_alias: alias, signature: byteList(64, 64) }))
        .max(holdersMax)
        .default([]),
    }),
    bodyBytesMax: asText(holdersMax * carriedShareCodec.limits.bytesMax),
    answer: z.object({
      reconstructed_quorum_key: bytes.nullable(),
      success: z.boolean(),
      refused: z.array(z.object({ member_alias: z.string(), code: z.string() })),
    }),
  },
  genesisOutput: {
    ...row,
    method: 'GET',
    path: '/enclave/genesis-output',
    about: 'What genesis answered, once more, for who lost it.',
    body: null,
    answer: genesisAnswerShape,
  },
  bootStandard: {
    ...post,
    path: '/enclave/boot-standard',
    about: 'Has this node wait for shares of a key, under a manifest that enough holders approved.',
    body: z.strictObject({ manifest_envelope: envelope }),
    bodyBytesMax: 2 * custodyBytesMax,
    answer: wrapped(
      'BootStandardResponse',
      z.object({ success: z.boolean(), manifest_hash: z.string() }),
    ),
  },
  recovery: {
    ...row,
    method: 'GET',
    path: '/enclave/recovery',
    about:
      'What lies on the disk of this node, sealed to the quorum, of a network of which nobody lives.',
    body: null,
    answer: recoveryOfferShape,
  },
  recover: {
    ...post,
    path: '/enclave/recover',
    about: 'Brings that state back and goes on with the network.',
    body: recoverRequestShape,
    answer: recoveredShape,
  },
  shareManifest: {
    ...post,
    path: '/enclave/share-manifest',
    about: 'Has this node wait for the key from another one.',
    body: z.strictObject({ manifest_envelope: envelope }),
    bodyBytesMax: 2 * custodyBytesMax,
    answer: wrapped('ShareManifestResponse', z.object({ success: z.boolean() })),
  },
  generateAttestation: {
    ...post,
    path: '/enclave/generate-attestation',
    about: 'Evidence of this node under the manifest that it holds, whatever the caller names.',
    body: z.looseObject({}),
    answer: wrapped('GenerateAttestationResponse', z.object({ attestation_doc: bytes })),
  },
  exportKey: {
    ...post,
    path: '/enclave/export-key',
    about: 'Seals the key to the node of this attestation, after every check.',
    body: z.strictObject({ manifest_envelope: envelope, attestation_doc: attestationDoc }),
    bodyBytesMax: 2 * custodyBytesMax + asText(bootAttestationCodec.limits.bytesMax),
    answer: wrapped(
      'ExportKeyResponse',
      z.object({ encrypted_quorum_key: bytes, signature: bytes }),
    ),
  },
  injectKey: {
    ...post,
    path: '/enclave/inject-key',
    about: 'Takes the key that another node sealed to this one.',
    body: z.strictObject({
      encrypted_quorum_key: byteList(1, keyExportCodec.limits.bytesMax),
      signature: byteList(64, 64),
    }),
    answer: wrapped('InjectKeyResponse', z.object({ success: z.boolean() })),
  },
  signMessage: {
    ...post,
    path: '/enclave/sign-message',
    about: 'Signs for the caller; never what passes for an act of the quorum.',
    body: z.strictObject({ message, suite: z.enum(['p256', 'ed25519']).default('p256') }),
    answer: wrapped('SignMessageResponse', z.object({ signature: bytes, public_key: bytes })),
  },
  encryptData: {
    ...post,
    path: '/enclave/encrypt-data',
    about: 'Seals data that opens on every node that holds the key.',
    body: z.strictObject({ data: message }),
    answer: wrapped('EncryptDataResponse', z.object({ encrypted_data: bytes })),
  },
  decryptData: {
    ...post,
    path: '/enclave/decrypt-data',
    about: 'Opens what encrypt-data sealed, and nothing else.',
    body: z.strictObject({ encrypted_data: byteList(0, sealedMax) }),
    answer: wrapped('DecryptDataResponse', z.object({ data: bytes })),
  },
  generateSeed: {
    ...post,
    path: '/generate-seed',
    about: 'BIP-39 words: by type and data the same on every node that holds the key, else random.',
    body: z.union([
      z.strictObject({
        seed_type: z.string().max(256),
        seed_data: z.string().max(4096),
        strength: z.literal(mnemonicStrengths).default(256),
      }),
      z.strictObject({ strength: z.literal(mnemonicStrengths).default(256) }),
    ]),
    answer: z.object({
      seed_phrase: z.string(),
      entropy: z.string(),
      strength: z.int(),
      word_count: z.int(),
    }),
  },
  validateSeed: {
    ...post,
    path: '/validate-seed',
    about: 'Whether these are BIP-39 words with the right checksum.',
    body: z.strictObject({ seed_phrase: z.string().max(1024) }),
    answer: z.object({ valid: z.boolean(), word_count: z.int() }),
  },
  deriveKey: {
    ...post,
    path: '/derive-key',
    about: 'Thirty-two bytes for this path, the same on every node that holds the key.',
    body: z.strictObject({ path: z.string().min(1).max(1024) }),
    answer: z.object({ path: z.string(), key: bytes }),
  },
} as const satisfies Readonly<Record<string, Route>>

const paths: ReadonlySet<string> = new Set(Object.values(custodyRoutes).map(({ path }) => path))

export const isCustodyPath = (path: string): boolean => paths.has(path)
