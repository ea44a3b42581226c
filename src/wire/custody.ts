/** What of custody travels as bytes: shares on their way to a node, evidence of a node that wants the key, and the key itself. */
import { kemBytes } from '../crypto/kem-bytes.ts'
import type { Evidence } from './evidence.ts'
import { limits } from './limits.ts'
import { evidenceRow, type MemberRecord, memberRecordRow } from './member-record.ts'
import { byteString, fixedBytes, list, message, nullable, row, text } from './schema.ts'

/** A share of 33 bytes under AES-256-GCM. */
export const sealedShareBytes = 33 + 16
/** An alias of a holder. */
const aliasMax = 64

/** A share on its way to one node, with the word of who holds it. */
export interface CarriedShare {
  readonly alias: string
  /** `custodyManifestHash`, 32 bytes. */
  readonly manifest: Uint8Array
  /** Ed25519 identity of the node that it is for, 32 bytes. */
  readonly node: Uint8Array
  /** To the attested KEM key of that node: see `Wrapped`. */
  readonly encapsulation: Uint8Array
  readonly sealed: Uint8Array
  /** Over `approvalMessage('share', manifest, node)`, 64 bytes. */
  readonly approval: Uint8Array
  /** Over `approvalMessage('manifest', manifest)`, of a holder who is in both sets; `null` for who is not, or approves elsewhere. */
  readonly manifestApproval: Uint8Array | null
}

export const carriedShareCodec = message<CarriedShare>(
  'carried-share',
  1,
  {
    alias: [1, text(aliasMax)],
    manifest: [2, fixedBytes(32)],
    node: [3, fixedBytes(32)],
    encapsulation: [4, fixedBytes(kemBytes.ciphertext)],
    sealed: [5, fixedBytes(sealedShareBytes)],
    approval: [6, fixedBytes(64)],
    manifestApproval: [7, nullable(fixedBytes(64))],
  },
  { bytesMax: 2048, itemsMax: 32 },
)

/** What a node shows to be handed the key: who it is, and that its TEE runs under this custody manifest. */
export interface BootAttestation {
  readonly record: MemberRecord
  /** `custodyManifestHash`, 32 bytes. */
  readonly manifest: Uint8Array
  /** Its report data is `bootReportData`. */
  readonly evidence: Evidence
}

export const bootAttestationCodec = message<BootAttestation>(
  'boot-attestation',
  1,
  { record: [1, memberRecordRow], manifest: [2, fixedBytes(32)], evidence: [3, evidenceRow] },
  { bytesMax: 2 * limits.handshakeFrameBytesMax, itemsMax: 64 },
)

/** A holder's word, as it travels beside the key. */
export interface CarriedApproval {
  readonly alias: string
  readonly signature: Uint8Array
}

/** Members of a set of holders. */
const holdersMax = 255

/** The key on its way to one node. */
export interface KeyExport {
  /** `custodyManifestHash` of the manifest under which the receiver runs, 32 bytes. */
  readonly manifest: Uint8Array
  /** Ed25519 identities of who sends and who receives, 32 bytes each. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  /** The quorum seed to the attested KEM key of the receiver: see `Wrapped`. */
  readonly encapsulation: Uint8Array
  readonly sealed: Uint8Array
  /** Of the manifest set, for the receiver to judge before it believes the key. */
  readonly approvals: readonly CarriedApproval[]
}

export const keyExportCodec = message<KeyExport>(
  'key-export',
  1,
  {
    manifest: [1, fixedBytes(32)],
    from: [2, fixedBytes(32)],
    to: [3, fixedBytes(32)],
    encapsulation: [4, fixedBytes(kemBytes.ciphertext)],
    sealed: [5, byteString(48, 48)],
    approvals: [
      6,
      list(row<CarriedApproval>({ alias: text(aliasMax), signature: fixedBytes(64) }), holdersMax),
    ],
  },
  { bytesMax: 64 * 1024, itemsMax: 2048 },
)

/** Asks a provisioned member under which custody manifest it holds the key. */
export interface CustodyManifestRequest {
  readonly network: Uint8Array
}

export const custodyManifestRequestCodec = message<CustodyManifestRequest>(
  'custody-manifest-request',
  1,
  { network: [1, fixedBytes(32)] },
  { bytesMax: 128, itemsMax: 32 },
)

/** A custody envelope on a stream between members, as JSON text: two sets of 40 holders with the longest keys. */
export const streamEnvelopeBytesMax = limits.frameBytesMax - 16 * 1024

export interface CustodyManifestAnswer {
  readonly envelope: Uint8Array
}

export const custodyManifestAnswerCodec = message<CustodyManifestAnswer>(
  'custody-manifest-answer',
  1,
  { envelope: [1, byteString(1, streamEnvelopeBytesMax)] },
  { bytesMax: limits.frameBytesMax, itemsMax: 32 },
)

/** The same beside evidence of any platform, twice: two sets of 20 holders. */
export const quorumKeyRequestEnvelopeBytesMax =
  streamEnvelopeBytesMax - 2 * limits.handshakeFrameBytesMax

/** Asks a provisioned member for the key. */
export interface QuorumKeyRequest {
  /** The custody envelope of who asks, as JSON text; `null` if it runs under the manifest of who is asked. */
  readonly envelope: Uint8Array | null
  /** Of who asks. */
  readonly attestation: BootAttestation
}

const bootAttestationRow = row<BootAttestation>({
  record: memberRecordRow,
  manifest: fixedBytes(32),
  evidence: evidenceRow,
})

export const quorumKeyRequestCodec = message<QuorumKeyRequest>(
  'quorum-key-request',
  1,
  {
    envelope: [1, nullable(byteString(1, quorumKeyRequestEnvelopeBytesMax))],
    attestation: [2, bootAttestationRow],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 64 },
)

/** The key for who asked, as it would be handed to a person. */
export interface QuorumKeyAnswer {
  /** The bytes of a `KeyExport`. */
  readonly exported: Uint8Array
  /** The quorum's over `exportMessage` of them: r and s, 64 bytes. */
  readonly signature: Uint8Array
}

const keyExportBytesMax = 64 * 1024

export const quorumKeyAnswerCodec = message<QuorumKeyAnswer>(
  'quorum-key-answer',
  1,
  { exported: [1, byteString(1, keyExportBytesMax)], signature: [2, fixedBytes(64)] },
  { bytesMax: keyExportBytesMax + 256, itemsMax: 32 },
)
