/** Files of a ceremony, as people save what a node answered: a genesis, evidence of a node, a custody manifest with its approvals. */
import { z } from 'zod'
import {
  bootAttestationShape,
  genesisAnswerBytesMax,
  genesisAnswerShape,
} from '../api/custody-shapes.ts'
import {
  type CustodyApproval,
  type CustodyEnvelope,
  custodyEnvelopeShape,
} from '../attestation/custody/approvals.ts'
import {
  type CustodyManifest,
  custodyBytesMax,
  custodyManifestShape,
} from '../attestation/custody/custody-manifest.ts'
import type { GenesisOutput } from '../attestation/custody/genesis-output.ts'
import { orRefusal, readJson } from '../attestation/manifest-reader.ts'
import { isRefusal } from '../attestation/verdict.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { ifReadable, PeerFault, UsageError } from '../base/errors.ts'
import { readAtMost } from '../host/bounded-read.ts'
import { type BootAttestation, bootAttestationCodec } from '../wire/custody.ts'

/** A genesis as its file tells it. Nothing in it is believed yet. */
export interface ReadGenesis {
  readonly output: GenesisOutput
  readonly attestation: BootAttestation
}

/** What `coterie keys approve` may be given. */
export type CustodyDocument =
  | { readonly kind: 'genesis'; readonly genesis: ReadGenesis; readonly envelope: CustodyEnvelope }
  | { readonly kind: 'manifest'; readonly envelope: CustodyEnvelope }

/**
 * Reads the answer of a genesis.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `BAD_GENESIS_FILE`. @throws {PeerFault} `GENESIS_INCONSISTENT` if its parts contradict each other.
 */
export async function readGenesis(path: string): Promise<ReadGenesis> {
  return parseGenesis(path, await readAtMost(path, genesisAnswerBytesMax))
}

/** As `readGenesis`, of bytes that were read from `path`. */
export function parseGenesis(path: string, bytes: Uint8Array): ReadGenesis {
  return genesisIn(path, jsonOf(path, bytes, genesisAnswerBytesMax)).genesis
}

/** Reads a genesis answer, an envelope or a manifest. @throws what `readGenesis` throws, and {UsageError} `BAD_CUSTODY_FILE`. */
export async function readCustodyDocument(path: string): Promise<CustodyDocument> {
  const value = await jsonIn(path, genesisAnswerBytesMax)
  const has = (key: string): boolean => typeof value === 'object' && value !== null && key in value
  if (has('encrypted_shares')) return { kind: 'genesis', ...genesisIn(path, value) }
  const read = has('approvals') ? custodyEnvelopeShape : bareManifest
  const envelope = orRefusal(() => read(value, 'manifest'))
  if (!isRefusal(envelope)) return { kind: 'manifest', envelope }
  const { code, facts } = envelope
  const why = `${facts['reason'] ?? code}`
  throw new UsageError('BAD_CUSTODY_FILE', `${path} holds no custody manifest (${code}). ${why}`, {
    next: 'Name the answer of a genesis, an envelope, or a custody manifest.',
  })
}

/** Reads evidence of a node about its boot. @throws {UsageError} `FILE_UNREADABLE`, `BAD_TARGET_FILE`. */
export async function readBootAttestation(path: string): Promise<BootAttestation> {
  const value = await jsonIn(path, custodyBytesMax)
  const doc = bootAttestationShape.safeParse(value).data
  const attestation = doc && ifReadable(() => bootAttestationCodec.decode(doc))
  if (attestation !== undefined) return attestation
  throw new UsageError('BAD_TARGET_FILE', `${path} holds no evidence of a node about its boot.`, {
    next: 'Save what POST /enclave/generate-attestation of that node answers.',
  })
}

const approvalShape = z.strictObject({
  role: z.enum(['manifest', 'share']),
  alias: z.string().min(1).max(64),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})

/** Reads an approval that `coterie keys approve` printed. @throws {UsageError} `FILE_UNREADABLE`, `BAD_APPROVAL_FILE`. */
export async function readApproval(path: string): Promise<CustodyApproval> {
  const approval = approvalShape.safeParse(await jsonIn(path, 4096)).data
  if (approval !== undefined) return approval
  throw new UsageError('BAD_APPROVAL_FILE', `${path} holds no approval.`, {
    next: 'Save what coterie keys approve prints.',
  })
}

/** The JSON value in a file. @throws {UsageError} `FILE_UNREADABLE`, `FILE_TOO_LARGE`, `FILE_NOT_JSON`. */
export async function jsonIn(path: string, bytesMax: number): Promise<unknown> {
  return jsonOf(path, await readAtMost(path, bytesMax), bytesMax)
}

function jsonOf(path: string, bytes: Uint8Array, bytesMax: number): unknown {
  if (bytes.length > bytesMax) {
    throw new UsageError('FILE_TOO_LARGE', `${path} has more than ${bytesMax} bytes.`, {
      next: 'Give what the node answered, as it was answered.',
    })
  }
  const read = orRefusal(() => ({ value: readJson(bytes, bytesMax) }))
  if (!isRefusal(read)) return read.value
  throw new UsageError('FILE_NOT_JSON', `${path}: ${read.facts['reason'] ?? read.code}`)
}

const bareManifest = (value: unknown, path: string): CustodyEnvelope => ({
  manifest: custodyManifestShape(value, path),
  approvals: [],
})

function genesisIn(path: string, value: unknown) {
  const answer = genesisAnswerShape.safeParse(value)
  if (!answer.success) throw badGenesis(path, z.prettifyError(answer.error).slice(0, 500))
  const { encrypted_shares, attestation_doc, manifest_envelope, ...rest } = answer.data
  const envelope = orRefusal(() => custodyEnvelopeShape(manifest_envelope, 'manifest_envelope'))
  if (isRefusal(envelope)) throw badGenesis(path, `${envelope.facts['reason'] ?? envelope.code}`)
  const attestation = ifReadable(() => bootAttestationCodec.decode(attestation_doc))
  if (attestation === undefined) throw badGenesis(path, 'Its attestation_doc is none.')
  const { manifest } = envelope
  const members = encrypted_shares.map(each => each.share_set_member)
  const commitments = encrypted_shares.map(each => toHex(each.share_hash))
  const parts: readonly (readonly [string, boolean])[] = [
    ['quorum_public_key', toHex(rest.quorum_public_key) === manifest.namespace.quorumKey],
    ['ephemeral_key', equalBytes(rest.ephemeral_key, attestation.record.keys.kem)],
    ['share_set_member', isShareSet(manifest, members)],
    ['share_hash', commitments.join() === manifest.shares.join()],
  ]
  const wrong = parts.find(([, holds]) => !holds)
  if (wrong !== undefined) throw inconsistent(path, wrong[0])
  const shares = encrypted_shares.map(each => ({
    alias: each.share_set_member.alias,
    sealed: each.encrypted_quorum_key_share,
  }))
  return { envelope, genesis: { output: { manifest, shares }, attestation } }
}

function isShareSet(
  { shareSet }: CustodyManifest,
  found: readonly { readonly alias: string; readonly pub_key: Uint8Array }[],
): boolean {
  const named = found.map(({ alias, pub_key }) => `${alias} ${toHex(pub_key)}`)
  return named.join() === shareSet.members.map(({ alias, key }) => `${alias} ${key}`).join()
}

function badGenesis(path: string, why: string): UsageError {
  return new UsageError('BAD_GENESIS_FILE', `${path} is not the answer of a genesis. ${why}`, {
    next: 'Save what POST /enclave/genesis-boot answered, unchanged.',
  })
}

function inconsistent(path: string, part: string): PeerFault {
  return new PeerFault(
    'GENESIS_INCONSISTENT',
    `${path}: ${part} is not what the custody manifest beside it says.`,
    { next: 'Approve nothing. Get the answer of the genesis again, over another way.' },
  )
}
