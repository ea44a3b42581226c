/** A manifest file as commands look at it before any node runs. */
import { networkIdOf } from '../attestation/manifest.ts'
import { type ManifestEnvelope, parseEnvelope } from '../attestation/manifest-approval.ts'
import { openLineage, parseLineage } from '../attestation/manifest-lineage.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import { UsageError } from '../base/errors.ts'
import type { NetworkId } from '../base/ids.ts'

/** What an envelope says of its network. */
export interface OpenedManifest extends ManifestEnvelope {
  readonly network: NetworkId
  readonly name: string
}

/** Whatever was approved. @throws {UsageError} `BAD_MANIFEST` with what is wrong; `path` names the file for people. */
export function openManifest(envelope: Uint8Array, path: string): OpenedManifest {
  const parsed = parseEnvelope(envelope)
  if (isRefusal(parsed)) throw badManifest(path, parsed)
  return opened(parsed)
}

/**
 * The manifest that a node would start with from this file: approved, and followed from the founding block.
 *
 * @throws {UsageError} `BAD_MANIFEST`.
 */
export function openApprovedManifest(file: Uint8Array, path: string): OpenedManifest {
  const steps = parseLineage(file)
  if (isRefusal(steps)) throw badManifest(path, steps)
  const lineage = openLineage(steps)
  if (isRefusal(lineage)) throw badManifest(path, lineage)
  return opened(lineage.head)
}

function opened(envelope: ManifestEnvelope): OpenedManifest {
  const { founding } = envelope.manifest
  return { ...envelope, network: networkIdOf(founding), name: founding.name }
}

function badManifest(path: string, { code, facts }: Refusal): UsageError {
  return new UsageError('BAD_MANIFEST', `${path} does not hold an approved manifest (${code}).`, {
    next: Object.values(facts).join(' '),
  })
}
