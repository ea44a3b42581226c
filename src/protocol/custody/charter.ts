/** The charter of a production network, for the machine: what its own manifest grants, with the machine's codes. */
import {
  type CharterManifest,
  charterFlaw,
  type TermsFlaw,
  termsFlaw,
} from '../../attestation/custody/charter.ts'
import type { GenesisTerms } from '../../attestation/custody/custody-manifest.ts'
import { quorumKeyName } from '../../attestation/custody/custody-manifest.ts'
import { fromHex } from '../../base/bytes.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'
import type { Charter } from './types.ts'

/** Holders are those of the network's manifest, and after it names a quorum key there is only that one. */
export function networkCharter(network: CharterManifest): Charter {
  const chartered = network.namespace.quorumKey
  const termsRefusal = (flaw: TermsFlaw): CustodyRefusal => {
    const { name, nonce } = network.founding
    switch (flaw) {
      case 'DIFFERENT_NAMESPACE':
        return refusal('NAMESPACE_NOT_CHARTERED', { name, nonceMin: nonce })
      case 'DIFFERENT_MANIFEST_SET':
        return refusal('HOLDERS_NOT_CHARTERED', { set: 'manifestSet' })
      case 'DIFFERENT_SHARE_SET':
        return refusal('HOLDERS_NOT_CHARTERED', { set: 'shareSet' })
      case 'DIFFERENT_PIVOT':
        return refusal('PIVOT_NOT_CHARTERED')
    }
  }
  return {
    namesHolders: true,
    genesisFlaw: (terms: GenesisTerms) => {
      if (chartered !== null) return refusal('QUORUM_KEY_NOT_CHARTERED', { chartered })
      const flaw = termsFlaw(network, terms)
      return flaw === undefined ? undefined : termsRefusal(flaw)
    },
    manifestFlaw: custody => {
      const flaw = charterFlaw(network, custody)
      if (flaw !== 'DIFFERENT_QUORUM_KEY')
        return flaw === undefined ? undefined : termsRefusal(flaw)
      const given = quorumKeyName(fromHex(custody.namespace.quorumKey) ?? new Uint8Array(0))
      return refusal('QUORUM_KEY_NOT_CHARTERED', { chartered: chartered ?? '', given })
    },
  }
}
