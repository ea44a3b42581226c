/**
 * The charter of a production network: its own manifest says who holds and approves, and what the key is for. So whoever may change who is
 * admitted is who may move the key, and nobody else.
 */

import { canonicalJson } from '../../attestation/canonical-json.ts'
import {
  type GenesisTerms,
  type HolderSet,
  keyOfHolder,
  quorumKeyName,
} from '../../attestation/custody/custody-manifest.ts'
import { partsOfHolderKey } from '../../attestation/custody/holder-key.ts'
import type { KeySet, Manifest } from '../../attestation/manifest.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'
import type { Charter } from './types.ts'

/** What of the network's manifest decides. */
export type CharterManifest = Pick<
  Manifest,
  'founding' | 'namespace' | 'manifestSet' | 'shareSet' | 'pivot'
>

/** Holders are those of the network's manifest, and after it names a quorum key there is only that one. */
export function networkCharter(manifest: CharterManifest): Charter {
  const named = manifest.namespace.quorumKey
  return {
    namesHolders: true,
    genesisFlaw: terms =>
      named === null
        ? termsFlaw(manifest, terms)
        : refusal('QUORUM_KEY_NOT_CHARTERED', { chartered: named }),
    manifestFlaw: custody => {
      const flaw = termsFlaw(manifest, custody)
      if (flaw !== undefined || named === null) return flaw
      const given = quorumKeyName(fromHex(custody.namespace.quorumKey) ?? new Uint8Array(0))
      return given === named
        ? undefined
        : refusal('QUORUM_KEY_NOT_CHARTERED', { chartered: named, given })
    },
  }
}

function termsFlaw(network: CharterManifest, terms: GenesisTerms): CustodyRefusal | undefined {
  const { name, nonce } = network.founding
  // A later nonce is how the key goes on to another pivot; a lower one would be how it goes back.
  if (terms.namespace.name !== name || terms.namespace.nonce < nonce) {
    return refusal('NAMESPACE_NOT_CHARTERED', { name, nonceMin: nonce })
  }
  for (const set of ['manifestSet', 'shareSet'] as const) {
    if (!isSameSet(network[set], terms[set])) return refusal('HOLDERS_NOT_CHARTERED', { set })
  }
  return canonicalJson({ pivot: network.pivot }) === canonicalJson({ pivot: terms.pivot })
    ? undefined
    : refusal('PIVOT_NOT_CHARTERED')
}

/** Whether these holders are the keys of the network's set, each with an X-Wing key beside it. */
function isSameSet(keys: KeySet, holders: HolderSet): boolean {
  const signing = holders.members.map(holder => {
    const key = keyOfHolder(holder)
    return key.kind === 'coterie' ? toHex(partsOfHolderKey(key).signing) : ''
  })
  return (
    holders.threshold === keys.threshold &&
    signing.toSorted().join(' ') === keys.members.toSorted().join(' ')
  )
}
