/**
 * Who may hold the quorum key of a network: its own manifest says so, and not whoever asks for a genesis. So whoever may change who is
 * admitted is who may move the key, and nobody else.
 */
import { fromHex, toHex } from '../../base/bytes.ts'
import { canonicalJson } from '../canonical-json.ts'
import type { KeySet, Manifest } from '../manifest-document.ts'
import {
  type CustodyManifest,
  type GenesisTerms,
  type Holder,
  type HolderSet,
  keyOfHolder,
  quorumKeyName,
} from './custody-manifest.ts'
import { partsOfHolderKey } from './holder-key.ts'

/** What of the network's manifest decides. */
export type CharterManifest = Pick<
  Manifest,
  'founding' | 'namespace' | 'manifestSet' | 'shareSet' | 'pivot'
>

/** In what terms differ from what the network's manifest grants. */
export type TermsFlaw =
  | 'DIFFERENT_NAMESPACE'
  | 'DIFFERENT_MANIFEST_SET'
  | 'DIFFERENT_SHARE_SET'
  | 'DIFFERENT_PIVOT'

export type CharterFlaw = TermsFlaw | 'DIFFERENT_QUORUM_KEY'

/** `undefined` for a custody manifest that the network grants. */
export function charterFlaw(
  network: CharterManifest,
  custody: CustodyManifest,
): CharterFlaw | undefined {
  const flaw = termsFlaw(network, custody)
  if (flaw !== undefined) return flaw
  const named = network.namespace.quorumKey
  if (named === null) return undefined
  const given = quorumKeyName(fromHex(custody.namespace.quorumKey) ?? new Uint8Array(0))
  return given === named ? undefined : 'DIFFERENT_QUORUM_KEY'
}

/** `undefined` for terms that the network grants, whichever the key is. */
export function termsFlaw(network: CharterManifest, terms: GenesisTerms): TermsFlaw | undefined {
  const { name, nonce } = network.founding
  // A later nonce is how the key goes on to another pivot; a lower one would be how it goes back.
  if (terms.namespace.name !== name || terms.namespace.nonce < nonce) return 'DIFFERENT_NAMESPACE'
  if (!isSameSet(network.manifestSet, terms.manifestSet)) return 'DIFFERENT_MANIFEST_SET'
  if (!isSameSet(network.shareSet, terms.shareSet)) return 'DIFFERENT_SHARE_SET'
  return canonicalJson({ pivot: network.pivot }) === canonicalJson({ pivot: terms.pivot })
    ? undefined
    : 'DIFFERENT_PIVOT'
}

/** Whether these holders are the keys of the network's set, each with an X-Wing key beside it. */
function isSameSet(keys: KeySet, { members, threshold }: HolderSet): boolean {
  const signing = members.map(signingKeyOf).toSorted().join(' ')
  return threshold === keys.threshold && signing === keys.members.toSorted().join(' ')
}

/** In hexadecimal; `''` for keys of other tools, which no manifest of a network names. */
function signingKeyOf(holder: Holder): string {
  const key = keyOfHolder(holder)
  return key.kind === 'coterie' ? toHex(partsOfHolderKey(key).signing) : ''
}
