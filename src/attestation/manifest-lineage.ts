/**
 * How the manifest in force follows from the founding block.
 *
 *     founding block ─ approves ─> 0 ... 3 ─> 4 (another manifest set) ─ approves ─> 5 ... 9 in force
 *                                             └ ancestor: without it nobody can check 5 to 9
 *
 * A manifest is approved by the set of its predecessor. Whoever missed some can skip those that kept the
 * set, and needs those that changed it, in order. So a lineage is as long as the set changed often, not as the history is,
 * and a node that was away for years checks every step of it itself. The last ones that kept the set are
 * carried along: a light client that pinned one of them finds the way from it to the head.
 */
import { utf8 } from '../base/bytes.ts'
import type { Digest } from '../base/ids.ts'
import { limits } from '../wire/limits.ts'
import { canonicalJson } from './canonical-json.ts'
import { compareManifests, markOf } from './manifest.ts'
import {
  approversOf,
  encodeEnvelope,
  envelopeShape,
  type ManifestEnvelope,
  verifyEnvelope,
} from './manifest-approval.ts'
import type { KeySet } from './manifest-document.ts'
import { DocumentFault, list, orRefusal, type Reader, readJson } from './manifest-reader.ts'
import { isRefusal, type Refusal } from './verdict.ts'

/** Changes of the manifest set in the life of one network: one each quarter for sixteen years. */
export const ancestorsMax = 64

/** Manifests that kept the set, before the head: a pin lasts for so many releases. */
export const pinnableMax = 16

/** The manifest in force with all that proves it. Made by `openLineage` and `followLineage` only. */
export interface Lineage {
  readonly head: ManifestEnvelope
  /** The set that approved the head: who could also have approved another one of its nonce. */
  readonly approvedBy: KeySet
  /** Manifests before the head, rising: all that changed the manifest set, and the last that did not. */
  readonly ancestors: readonly ManifestEnvelope[]
}

/** Another manifest of the nonce in force. */
export interface Rival {
  readonly nonce: number
  readonly hash: Digest
  readonly envelope: ManifestEnvelope
  /** Approved by as many as the one in force: the manifest set as a whole contradicted itself. */
  readonly isApproved: boolean
  /** Members that signed both, in hexadecimal: each contradicted itself. */
  readonly signers: readonly string[]
}

const boundedEnvelope: Reader<ManifestEnvelope> = (value, path) => {
  const envelope = envelopeShape(value, path)
  const bytes = encodeEnvelope(envelope).length
  const bytesMax = limits.manifestBytesMax
  if (bytes <= bytesMax) return envelope
  const reason = `${path} has ${bytes} bytes; at most ${bytesMax} are read.`
  throw new DocumentFault('MANIFEST_TOO_LARGE', { reason, bytes, bytesMax })
}
const severalEnvelopes = list(boundedEnvelope, ancestorsMax + 1)

/** Parses a file: one envelope, or a list that begins at the founding block. Nothing is judged yet. */
export function parseLineage(bytes: Uint8Array): readonly ManifestEnvelope[] | Refusal {
  return orRefusal(() => {
    const value = readJson(bytes, limits.manifestLineageBytesMax)
    if (!Array.isArray(value)) return [boundedEnvelope(value, 'envelope')]
    return severalEnvelopes(value, 'lineage')
  })
}

/** The canonical bytes of a file that holds everything a new node needs. */
export function encodeLineage(lineage: Lineage): Uint8Array {
  const { ancestors, head } = lineage
  return ancestors.length === 0 ? encodeEnvelope(head) : utf8(canonicalJson([...ancestors, head]))
}

/** Follows `steps` from the founding block of the first. @returns the first thing wrong, as a refusal. */
export function openLineage(steps: readonly ManifestEnvelope[]): Lineage | Refusal {
  const [first, ...rest] = steps
  if (first === undefined) return emptyLineage
  const { founding } = first.manifest
  const refusal = verifyEnvelope(first, { kind: 'founding', founding })
  if (refusal !== undefined) return refusal
  return followLineage({ head: first, approvedBy: founding.manifestSet, ancestors: [] }, rest)
}

/**
 * The lineage after `steps`, each approved by the set of the one before. Steps below what is in force are
 * passed over: they only lead there.
 */
export function followLineage(
  lineage: Lineage,
  steps: readonly ManifestEnvelope[],
): Lineage | Refusal {
  let reached = lineage
  for (const step of steps) {
    if (step.manifest.nonce <= lineage.head.manifest.nonce) continue
    const next = followOne(reached, step)
    if (isRefusal(next)) return next
    reached = next
  }
  return reached
}

function followOne(lineage: Lineage, step: ManifestEnvelope): Lineage | Refusal {
  const { head, ancestors } = lineage
  const refusal = verifyEnvelope(step, { kind: 'predecessor', manifest: head.manifest })
  if (refusal !== undefined) return refusal
  const before = [...ancestors, head]
  const pinnable = before.filter(each => !changedTheSet(each, before))
  // Those that kept the set give way, the oldest first; the others nobody can follow without.
  for (let kept = Math.min(pinnable.length, pinnableMax); kept >= 0; kept--) {
    const dropped = new Set(pinnable.slice(0, pinnable.length - kept))
    const next: Lineage = {
      head: step,
      approvedBy: head.manifest.manifestSet,
      ancestors: before.filter(each => !dropped.has(each)),
    }
    const bytes = encodeLineage(next).length
    const fits = next.ancestors.length <= ancestorsMax && bytes <= limits.manifestLineageBytesMax
    if (fits) return next
  }
  const reason = 'The manifest set changed so often that a new node could not follow any more.'
  const changes = before.length - pinnable.length
  return { code: 'MANIFEST_LINEAGE_FULL', facts: { reason, changes } }
}

/** Whether what follows `envelope` was approved by another set than itself was. */
function changedTheSet(envelope: ManifestEnvelope, row: readonly ManifestEnvelope[]): boolean {
  const { manifestSet, founding } = envelope.manifest
  const before = row[row.indexOf(envelope) - 1]
  return !isSameSet(manifestSet, before?.manifest.manifestSet ?? founding.manifestSet)
}

/** What a node with the manifest `nonce` needs to follow, in order; the last one is in force. */
export function stepsAbove(lineage: Lineage, nonce: number): readonly ManifestEnvelope[] {
  const missed = lineage.ancestors.filter(({ manifest }) => manifest.nonce > nonce)
  return [...missed, lineage.head]
}

/** What `other` is beside the manifest in force; `undefined` if it has another nonce or is the same. */
export function rivalOf(lineage: Lineage, other: ManifestEnvelope): Rival | undefined {
  const { head, approvedBy } = lineage
  const mark = markOf(other.manifest)
  if (compareManifests(markOf(head.manifest), mark) !== 'equivocation') return undefined
  const theirs = approversOf(other, approvedBy)
  const ours = approversOf(head, approvedBy)
  return {
    ...mark,
    envelope: other,
    isApproved: theirs.size >= approvedBy.threshold,
    signers: [...theirs].filter(member => ours.has(member)).sort(),
  }
}

function isSameSet(left: KeySet, right: KeySet): boolean {
  return left.threshold === right.threshold && left.members.join() === right.members.join()
}

const emptyLineage: Refusal = {
  code: 'MANIFEST_MISSING',
  facts: { reason: 'The file holds no manifest envelope.' },
}
