/**
 * The word of holders for a custody manifest, and the envelope that carries it. A signature is over the hash of the manifest that was
 * parsed, never over bytes that were received; signatures can be spelled in several ways, so it is holders that are counted.
 */
import { fromHex, utf8 } from '../../base/bytes.ts'
import { bytesOfDigest, type Digest } from '../../base/ids.ts'
import { framed } from '../../crypto/hash.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'
import { canonicalJson } from '../canonical-json.ts'
import { hex, list, object, oneOf, orRefusal, readJson, text } from '../manifest-reader.ts'
import type { Refusal } from '../verdict.ts'
import {
  type CustodyManifest,
  custodyBytesMax,
  custodyManifestHash,
  custodyManifestShape,
  type HolderSet,
  holdersMax,
  keyOfHolder,
} from './custody-manifest.ts'
import { signedByHolder } from './holder-key.ts'

/** As what a holder approves: that the manifest is right, or that a share goes to a node that runs under it. */
export type HolderRole = 'manifest' | 'share'

export interface CustodyApproval {
  readonly role: HolderRole
  readonly alias: string
  /** 64 bytes, in lower-case hexadecimal. */
  readonly signature: string
}

export interface CustodyEnvelope {
  readonly manifest: CustodyManifest
  /** Of the manifest set alone: what was said to one node about a share concerns no other. */
  readonly approvals: readonly CustodyApproval[]
}

const approvalShape = object<CustodyApproval>({
  role: oneOf('manifest', 'share'),
  alias: text(1, 64),
  signature: hex(64),
})

export const custodyEnvelopeShape = object<CustodyEnvelope>({
  manifest: custodyManifestShape,
  approvals: list(approvalShape, 2 * holdersMax),
})

/** Parses an envelope and its manifest. Approvals are not judged yet. */
export function parseCustodyEnvelope(bytes: Uint8Array): CustodyEnvelope | Refusal {
  return orRefusal(() => custodyEnvelopeShape(readJson(bytes, custodyBytesMax), 'envelope'))
}

/** The canonical bytes of an envelope. */
export function encodeCustodyEnvelope(envelope: CustodyEnvelope): Uint8Array {
  return utf8(canonicalJson(envelope))
}

/** What a holder signs: its role, the manifest and, for a share, the node that it goes to (Ed25519 identity, 32 bytes). */
export function approvalMessage(
  role: HolderRole,
  manifest: Digest,
  node: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return framed(custodyDomains.custodyApproval, utf8(role), bytesOfDigest(manifest), node)
}

/** Aliases of holders of the manifest set whose approval holds, each once. */
export function approversOf({ manifest, approvals }: CustodyEnvelope): ReadonlySet<string> {
  const hash = custodyManifestHash(manifest)
  const found = new Set<string>()
  for (const approval of approvals) {
    if (approval.role !== 'manifest' || found.has(approval.alias)) continue
    if (isApproval(approval, manifest.manifestSet, approvalMessage('manifest', hash))) {
      found.add(approval.alias)
    }
  }
  return found
}

/** Whether enough of the manifest set approved. */
export function isApproved(envelope: CustodyEnvelope): boolean {
  return approversOf(envelope).size >= envelope.manifest.manifestSet.threshold
}

/** Whether the holder of this alias in `set` signed `message`. */
export function isApproval(
  { alias, signature }: CustodyApproval,
  set: HolderSet,
  message: Uint8Array,
): boolean {
  const holder = set.members.find(member => member.alias === alias)
  const bytes = fromHex(signature)
  if (holder === undefined || bytes === undefined) return false
  return signedByHolder(keyOfHolder(holder), message, bytes)
}
