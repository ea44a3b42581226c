/** How a node takes a manifest from its own door, where a person reads what is wrong with it. */
import type { Rival } from '../attestation/manifest-lineage.ts'
import type { Refusal } from '../attestation/verdict.ts'
import { PeerFault } from '../base/errors.ts'
import type { EventLog } from './event-log.ts'
import type { AppliedManifest, StatusView } from './handle.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'
import { adviceOn } from './refusal-advice.ts'

/** @throws {PeerFault} with the code, the sentence and the next step of the first thing wrong. */
export function applyManifest(manifests: ManifestKeeper, file: Uint8Array): AppliedManifest {
  const considered = manifests.considerFile(file)
  if (considered.kind === 'refused') {
    const { code, facts } = considered
    const reason = `${facts['reason'] ?? 'The manifest does not hold.'}`
    throw new PeerFault(code, reason, { next: adviceOn(code) })
  }
  const { nonce, hash } = manifests.current.mark
  return { changed: considered.kind === 'taken', nonce, hash }
}

/** What a person must know of the manifest set: it, or one of its members, signed two manifests of one nonce. */
export function manifestWarnings(manifests: ManifestKeeper): StatusView['warnings'] {
  const { rival } = manifests
  if (rival === undefined) return []
  const { nonce, hash, signers, isApproved } = rival
  const who = signers.length === 0 ? '' : ` Signed by both: ${signers.join(', ')}.`
  const said = isApproved
    ? `The manifest set approved two manifests with the nonce ${nonce}; the other one is ${hash}. Nobody is admitted and no key is released until one with a higher nonce is in force.`
    : `Somebody signed a second manifest with the nonce ${nonce}: ${hash}.`
  const code = isApproved ? 'MANIFEST_EQUIVOCATION' : 'MANIFEST_SIGNED_TWICE'
  return [{ code, text: `${said}${who}` }]
}

/** Tells of a second manifest of the nonce in force. */
export function noteRival(events: EventLog, { nonce, hash, isApproved, signers }: Rival): void {
  const text = isApproved
    ? 'the manifest set approved two manifests of one nonce: nobody is admitted until the next one'
    : 'a member of the manifest set signed two manifests of one nonce'
  events.note('manifest-equivocation', text, { nonce, hash, signers: signers.join(' ') })
}

/** The warning of a node that would refuse its like. */
export function notAdmitted(refusal: Refusal | undefined): StatusView['warnings'] {
  if (refusal === undefined) return []
  const facts = Object.entries(refusal.facts).map(([name, value]) => `${name} ${value}`)
  const why = [refusal.code, ...facts].join(', ')
  const text = `The manifest in force does not admit this node (${why}): it serves nobody and takes no writes.`
  return [{ code: 'NOT_ADMITTED', text }]
}
