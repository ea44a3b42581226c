/** Manifest files as people hold them: a draft, an envelope with approvals, or a lineage. */
import type { ParsedManifest } from '../attestation/manifest.ts'
import { parseManifest } from '../attestation/manifest.ts'
import type { Approval, ManifestEnvelope } from '../attestation/manifest-approval.ts'
import { parseLineage } from '../attestation/manifest-lineage.ts'
import { orRefusal, readJson } from '../attestation/manifest-reader.ts'
import { brokenRules } from '../attestation/manifest-rules.ts'
import { manifestShape } from '../attestation/manifest-shape.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import { HostError, UsageError } from '../base/errors.ts'
import { streamHead } from '../host/bounded-read.ts'
import { limits } from '../wire/limits.ts'

/** What a file says; `steps` is empty for a draft that nobody approved. */
export interface PolicyDocument {
  readonly manifest: ParsedManifest
  readonly approvals: readonly Approval[]
  readonly steps: readonly ManifestEnvelope[]
}

/** The bytes of a manifest file. @throws {HostError} `MANIFEST_UNREADABLE`. */
export async function readPolicyBytes(path: string): Promise<Uint8Array> {
  try {
    // One byte more than any has is refused as too large by whoever reads it.
    return await streamHead(path, limits.manifestLineageBytesMax)
  } catch (cause) {
    throw new HostError('MANIFEST_UNREADABLE', `The manifest ${path} could not be read.`, {
      cause,
      next: 'Name an existing file that you may read.',
    })
  }
}

/** Reads a document. @throws {UsageError} with the code of the first thing wrong. */
export function readPolicy(bytes: Uint8Array): PolicyDocument {
  const steps = isApproved(bytes) ? parseLineage(bytes) : undefined
  if (steps === undefined) {
    const manifest = parseManifest(bytes)
    if (isRefusal(manifest)) throw broken(manifest)
    return { manifest, approvals: [], steps: [] }
  }
  if (isRefusal(steps)) throw broken(steps)
  const head = steps.at(-1)
  if (head === undefined) throw new UsageError('MANIFEST_MISSING', 'The file holds no manifest.')
  return { ...head, steps }
}

/** Everything wrong with a document: its first fault of form, else each rule that it breaks. */
export function faultsOf(bytes: Uint8Array): readonly Refusal[] {
  if (isApproved(bytes)) {
    const steps = parseLineage(bytes)
    return isRefusal(steps) ? [steps] : []
  }
  const shaped = orRefusal(() =>
    manifestShape(readJson(bytes, limits.manifestBytesMax), 'manifest'),
  )
  return isRefusal(shaped) ? [shaped] : brokenRules(shaped)
}

/** An envelope has approvals and a lineage is a list; a draft is neither. */
function isApproved(bytes: Uint8Array): boolean {
  const value = orRefusal(() => ({ read: readJson(bytes, limits.manifestLineageBytesMax) }))
  if (isRefusal(value)) return false
  const { read } = value
  return Array.isArray(read) || (typeof read === 'object' && read !== null && 'approvals' in read)
}

function broken({ code, facts }: Refusal): UsageError {
  return new UsageError(code, `${facts['reason'] ?? code}`, {
    next: 'coterie policy check <file> says everything that is wrong with it.',
  })
}
