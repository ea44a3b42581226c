/** How a check and a process that it starts speak: a task as one argument in, a report as one file out. */
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { networkIdOf, type ParsedManifest } from '../../src/attestation/manifest.ts'
import { parseEnvelope } from '../../src/attestation/manifest-approval.ts'
import { type Policy, policyOf } from '../../src/attestation/policy.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { InvariantError, UsageError } from '../../src/base/errors.ts'
import type { NetworkId } from '../../src/base/ids.ts'
import type { Evidence, NodeKeys } from '../../src/wire/evidence.ts'
import type { Shown } from './reports.ts'

/** The task of this process, from its last argument. */
export function readTask<T>(shape: z.ZodType<T>): T {
  const task = shape.safeParse(JSON.parse(process.argv.at(-1) ?? 'null'))
  if (task.success) return task.data
  throw new UsageError('BAD_TASK', task.error.message)
}

/** What a node shows, for a report. */
export function shownAsText(keys: NodeKeys, evidence: Evidence): Shown {
  const { identity, noise, kem } = keys
  return {
    keys: { identity: toHex(identity), noise: toHex(noise), kem: toHex(kem) },
    platform: evidence.platform,
    body: toHex(evidence.body),
  }
}

/** The inverse of `shownAsText`. */
export function shownFromText(shown: Shown): { keys: NodeKeys; evidence: Evidence } {
  const { identity, noise, kem } = shown.keys
  return {
    keys: { identity: bytes(identity), noise: bytes(noise), kem: bytes(kem) },
    evidence: { platform: shown.platform, body: bytes(shown.body) },
  }
}

/** A manifest file with what follows from it. */
export interface ManifestFile {
  readonly envelope: Uint8Array
  readonly manifest: ParsedManifest
  readonly network: NetworkId
  readonly policy: Policy
}

/** @throws {UsageError} with the code of what is wrong with the file. */
export function readManifest(path: string): ManifestFile {
  const envelope = new Uint8Array(readFileSync(path))
  const parsed = parseEnvelope(envelope)
  if ('code' in parsed) throw new UsageError(parsed.code, `${path} is not a manifest`)
  const { manifest } = parsed
  return {
    envelope,
    manifest,
    network: networkIdOf(manifest.founding),
    policy: policyOf(manifest),
  }
}

function bytes(hex: string): Uint8Array {
  const parsed = fromHex(hex)
  if (parsed === undefined) throw new InvariantError('what this program wrote is hexadecimal')
  return parsed
}
