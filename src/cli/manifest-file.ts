/** A manifest envelope as commands look at it before any node runs. */
import { networkIdOf } from '../attestation/manifest.ts'
import { type ManifestEnvelope, parseEnvelope } from '../attestation/manifest-approval.ts'
import { UsageError } from '../base/errors.ts'
import type { NetworkId } from '../base/ids.ts'

/** What an envelope says of its network. */
export interface OpenedManifest extends ManifestEnvelope {
  readonly network: NetworkId
  readonly name: string
}

/** @throws {UsageError} `BAD_MANIFEST` with what is wrong; `path` names the file for people. */
export function openManifest(envelope: Uint8Array, path: string): OpenedManifest {
  const parsed = parseEnvelope(envelope)
  if ('code' in parsed) {
    throw new UsageError('BAD_MANIFEST', `${path} is not a manifest envelope (${parsed.code}).`, {
      next: Object.values(parsed.facts).join(' '),
    })
  }
  const { founding } = parsed.manifest
  return { ...parsed, network: networkIdOf(founding), name: founding.name }
}
