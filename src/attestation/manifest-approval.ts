/**
 * The envelope of a manifest: the document and who approved it. A manifest is approved by the manifest
 * set of its predecessor, the first one by the set of the founding block.
 */
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type Digest } from '../base/ids.ts'
import { framed } from '../crypto/hash.ts'
import { type SigningKey, verifySignature } from '../crypto/sign.ts'
import { domains } from '../wire/domains.ts'
import { limits } from '../wire/limits.ts'
import { canonicalJson } from './canonical-json.ts'
import { checkManifest, compareManifests, manifestHash, markOf, networkIdOf } from './manifest.ts'
import type { Founding, KeySet, ParsedManifest } from './manifest-document.ts'
import { hex, list, object, orRefusal, readJson } from './manifest-reader.ts'
import type { Refusal } from './verdict.ts'

/** One member's word for one manifest. */
export interface Approval {
  /** Ed25519 public key, 64 hexadecimal digits. */
  readonly member: string
  /** Ed25519 signature over the manifest hash under an own domain, 128 hexadecimal digits. */
  readonly signature: string
}

export interface ManifestEnvelope {
  readonly manifest: ParsedManifest
  readonly approvals: readonly Approval[]
}

/** Whose approval counts: the founding block at first, then always the manifest in force. */
export type Approver =
  | { readonly kind: 'founding'; readonly founding: Founding }
  | { readonly kind: 'predecessor'; readonly manifest: ParsedManifest }

const approvalsMax = 128

/** The shape of an envelope inside another document. */
export const envelopeShape = object<ManifestEnvelope>({
  manifest: checkManifest,
  approvals: list(object<Approval>({ member: hex(32), signature: hex(64) }), approvalsMax),
})

/** Parses an envelope and its manifest. Approvals are not judged yet: see `verifyEnvelope`. */
export function parseEnvelope(bytes: Uint8Array): ManifestEnvelope | Refusal {
  return orRefusal(() => envelopeShape(readJson(bytes, limits.manifestBytesMax), 'envelope'))
}

/** The canonical bytes of an envelope, as peers exchange it. */
export function encodeEnvelope(envelope: ManifestEnvelope): Uint8Array {
  return utf8(canonicalJson(envelope))
}

/** A member's approval of a manifest. */
export function approve(manifest: Digest, key: SigningKey): Approval {
  return { member: toHex(key.publicKey), signature: toHex(key.sign(approvedBytes(manifest))) }
}

/**
 * Whether an envelope may come into force. One member counts once, however often it signed.
 *
 * @returns `undefined` if it may, else `FOUNDING_CHANGED`, `NONCE_NOT_HIGHER`, `MANIFEST_EQUIVOCATION`,
 * `APPROVAL_INVALID` or `APPROVALS_MISSING`.
 */
export function verifyEnvelope(
  envelope: ManifestEnvelope,
  approver: Approver,
): Refusal | undefined {
  const { manifest, approvals } = envelope
  const trusted = approver.kind === 'founding' ? approver.founding : approver.manifest.founding
  const network = networkIdOf(trusted)
  const found = networkIdOf(manifest.founding)
  if (found !== network) {
    const changed = changedKeys(trusted, manifest.founding)
    const reason = `The founding block of a network never changes; ${changed} differs.`
    return { code: 'FOUNDING_CHANGED', facts: { reason, changed, found, expected: network } }
  }
  if (approver.kind === 'founding') return judgeApprovals(manifest, approvals, trusted.manifestSet)
  return (
    notHigher(manifest, approver.manifest) ??
    judgeApprovals(manifest, approvals, approver.manifest.manifestSet)
  )
}

function notHigher(manifest: ParsedManifest, predecessor: ParsedManifest): Refusal | undefined {
  const [mine, theirs] = [markOf(predecessor), markOf(manifest)]
  const facts = { found: theirs.nonce, inForce: mine.nonce }
  switch (compareManifests(mine, theirs)) {
    case 'higher':
      return undefined
    case 'equivocation': {
      const reason = `The manifest set approved two manifests with the nonce ${mine.nonce}.`
      return {
        code: 'MANIFEST_EQUIVOCATION',
        facts: { reason, nonce: mine.nonce, found: theirs.hash, inForce: mine.hash },
      }
    }
    default: {
      const reason = `The nonce must rise above ${mine.nonce}.`
      return { code: 'NONCE_NOT_HIGHER', facts: { reason, ...facts } }
    }
  }
}

/** Approvals of keys outside the set are not read: they cost no signature check and prove nothing. */
function judgeApprovals(
  manifest: ParsedManifest,
  approvals: readonly Approval[],
  set: KeySet,
): Refusal | undefined {
  const message = approvedBytes(manifestHash(manifest))
  const agreed = new Set<string>()
  for (const { member, signature } of approvals) {
    if (!set.members.includes(member) || agreed.has(member)) continue
    if (!holds(member, signature, message)) {
      const reason = `The signature of ${member} does not hold for this manifest.`
      return { code: 'APPROVAL_INVALID', facts: { reason, member } }
    }
    agreed.add(member)
  }
  if (agreed.size >= set.threshold) return undefined
  const reason = `${agreed.size} of ${set.members.length} members approved; ${set.threshold} must.`
  return {
    code: 'APPROVALS_MISSING',
    facts: { reason, approved: agreed.size, threshold: set.threshold },
  }
}

/** The members of `set` whose approval holds, each once. */
export function approversOf(
  { manifest, approvals }: ManifestEnvelope,
  set: KeySet,
): ReadonlySet<string> {
  const message = approvedBytes(manifestHash(manifest))
  const valid = approvals.filter(
    ({ member, signature }) => set.members.includes(member) && holds(member, signature, message),
  )
  return new Set(valid.map(({ member }) => member))
}

function changedKeys(trusted: Founding, found: Founding): string {
  const names = Object.keys(trusted) as (keyof Founding)[]
  const differs = (name: keyof Founding): boolean =>
    canonicalJson([trusted[name]]) !== canonicalJson([found[name]])
  return names
    .filter(differs)
    .map(name => `founding.${name}`)
    .join(', ')
}

function holds(member: string, signature: string, message: Uint8Array): boolean {
  const publicKey = fromHex(member)
  const bytes = fromHex(signature)
  if (publicKey === undefined || bytes === undefined) return false
  return verifySignature({ publicKey, message, signature: bytes })
}

function approvedBytes(manifest: Digest): Uint8Array {
  return framed(domains.manifestApproval, bytesOfDigest(manifest))
}
