/**
 * The manifest: one JSON document that says whom to trust, what is shown to whom and every limit that
 * protects. It is hashed in the canonical form of RFC 8785, so layout and key order of a file mean nothing.
 *
 * Every key must be written out. There are no defaults here: what an approved manifest means must not
 * change with the version of the program that reads it.
 */
import { toHex, utf8 } from '../base/bytes.ts'
import { type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import { limits } from '../wire/limits.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Founding, Manifest, ParsedManifest } from './manifest-document.ts'
import { DocumentFault, orRefusal, type Reader, readJson } from './manifest-reader.ts'
import { brokenRule } from './manifest-rules.ts'
import { manifestShape } from './manifest-shape.ts'
import type { Refusal } from './verdict.ts'

export type * from './manifest-document.ts'

/** What peers tell each other about the manifest in force. */
export interface ManifestMark {
  readonly nonce: number
  readonly hash: Digest
}

/**
 * Parses a manifest and holds it against every rule of a single document.
 *
 * @returns the manifest, or the first thing wrong with it; `facts.reason` is a sentence for its author.
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest | Refusal {
  return orRefusal(() => checkManifest(readJson(bytes, limits.manifestBytesMax), 'manifest'))
}

/** Reads a manifest inside another document. Throws `DocumentFault` for a broken shape or rule. */
export const checkManifest: Reader<ParsedManifest> = (value, path) => {
  const manifest = manifestShape(value, path)
  const refusal = brokenRule(manifest)
  if (refusal !== undefined) {
    throw new DocumentFault(refusal.code, { reason: `${path} breaks a rule.`, ...refusal.facts })
  }
  return manifest as ParsedManifest
}

/** The canonical bytes of a manifest (RFC 8785). */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return utf8(canonicalJson(manifest))
}

/** Names a manifest: SHA-256 over its canonical bytes under an own domain. */
export function manifestHash(manifest: ParsedManifest): Digest {
  return digestOf(sha256(framed(domains.manifest, encodeManifest(manifest))))
}

/** Nonce and hash of a manifest. */
export function markOf(manifest: ParsedManifest): ManifestMark {
  return { nonce: manifest.nonce, hash: manifestHash(manifest) }
}

/** Names a network for ever: SHA-256 over the canonical founding block under an own domain. */
export function networkIdOf(founding: Founding): NetworkId {
  return toHex(sha256(framed(domains.networkId, utf8(canonicalJson(founding))))) as NetworkId
}

/**
 * What `theirs` is to `mine`. One nonce with two hashes is `equivocation` of the manifest set: keep
 * yours, raise the alarm, admit and release nothing until a higher nonce.
 */
export function compareManifests(
  mine: ManifestMark,
  theirs: ManifestMark,
): 'lower' | 'equal' | 'higher' | 'equivocation' {
  if (theirs.nonce < mine.nonce) return 'lower'
  if (theirs.nonce > mine.nonce) return 'higher'
  return theirs.hash === mine.hash ? 'equal' : 'equivocation'
}

/** Whether a key stands in the public trie. Keys and prefixes are well-formed, so texts begin alike where their bytes do. */
export function isPublicKey({ api }: Pick<Manifest, 'api'>, key: string): boolean {
  return api.publicPrefixes.some(prefix => key.startsWith(prefix))
}

/** Whether a machine may found the network: listed by instance or owner, or any on a testnet. */
export function mayFound(
  founding: Founding,
  machine: { readonly instance: Digest; readonly owner: string | null },
): boolean {
  if (founding.testnet) return true
  const { instances, owners } = founding.founders
  return (
    instances.includes(machine.instance) ||
    (machine.owner !== null && owners.includes(machine.owner))
  )
}
