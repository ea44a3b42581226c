/** A custody manifest in sentences, for the holders who approve it. */
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import {
  type CustodyManifest,
  type HolderSet,
  keyOfHolder,
  quorumKeyName,
} from './custody-manifest.ts'
import { holderFingerprint } from './holder-key.ts'

/** What the manifest means, one plain sentence per line, the most consequential first. */
export function explainCustodyManifest(manifest: CustodyManifest): readonly string[] {
  const { namespace, network, pivot, manifestSet, shareSet } = manifest
  return [
    `The namespace is ${namespace.name}, nonce ${namespace.nonce}, on the network ${network}.`,
    `Its quorum key has the fingerprint ${quorumKeyName(fromHex(namespace.quorumKey) ?? new Uint8Array(0))}.`,
    pivot === null
      ? 'It is for no application in particular.'
      : `It is for the application ${pivot.hash} with the arguments ${JSON.stringify(pivot.args)}; after it ends it is ${pivot.restart} started again.`,
    ...setSentences('rebuild the key', shareSet),
    ...setSentences('approve this manifest', manifestSet),
    `The shares are those of ${toHex(sha256(utf8(manifest.shares.join())))}.`,
  ]
}

/** Sentences of `from` that no longer hold in `to`, and those that are new. */
export function custodyChanges(
  from: CustodyManifest,
  to: CustodyManifest,
): { readonly gone: readonly string[]; readonly comes: readonly string[] } {
  const [before, after] = [explainCustodyManifest(from), explainCustodyManifest(to)]
  return {
    gone: before.filter(sentence => !after.includes(sentence)),
    comes: after.filter(sentence => !before.includes(sentence)),
  }
}

function setSentences(deed: string, { members, threshold }: HolderSet): readonly string[] {
  return [
    `${threshold} of ${members.length} holders together ${deed}.`,
    ...members.map(
      holder =>
        `${holder.alias} is one of those who ${deed}: ${holderFingerprint(keyOfHolder(holder))}.`,
    ),
  ]
}
