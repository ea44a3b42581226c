/** Why a holder's tool approves nothing, in words, with what to do. */
import type { CharterFlaw } from '../attestation/custody/charter.ts'
import type { Succession } from '../attestation/custody/custody-manifest.ts'
import { sentenceOf } from '../attestation/refusal-words.ts'
import type { Refusal } from '../attestation/verdict.ts'
import { PeerFault } from '../base/errors.ts'
import { adviceOn } from '../node/refusal-advice.ts'

interface Words {
  readonly message: string
  readonly next: string
}

const talk = 'Approve nothing. Tell the other holders, over a channel that the host does not run.'
const another = 'Approve nothing. Ask who made this manifest what it is meant to be.'

const words: Readonly<Record<string, Words>> = {
  SECOND_QUORUM_KEY: {
    message: 'This key has already approved another quorum key under this name and nonce.',
    next: `${talk} Somebody ran a second genesis. The attempt is in the journal beside your key.`,
  },
  SECOND_MANIFEST: {
    message: 'This key has already approved another manifest of this name and nonce.',
    next: 'Approve nothing. A manifest that follows another has a higher nonce.',
  },
  MANIFEST_MISMATCH: {
    message: 'The evidence is of a node under another custody manifest.',
    next: 'Get evidence of a node that runs under the manifest that you approve.',
  },
  POSSESSION_INVALID: {
    message: 'The node does not own the keys that it shows, or belongs to another network.',
    next: 'Compare the network of the manifest that you gave with that of the node.',
  },
  ANOTHER_MACHINE: {
    message: 'The keys of the node are on another machine than the one that signed this.',
    next: talk,
  },
  ENDORSEMENTS_MISSING: {
    message: 'It cannot be said yet: endorsements that the evidence needs are missing.',
    next: 'Save those of the vendor and name them with --endorsements. What is missing is in the facts.',
  },
  DIFFERENT_NETWORK: {
    message: 'The custody manifest is of another network than the manifest that you gave.',
    next: 'Give the manifest of the network whose key it is meant to be.',
  },
  DIFFERENT_NAMESPACE: {
    message: 'The namespace is none that the manifest of the network grants, or that came before.',
    next: another,
  },
  DIFFERENT_MANIFEST_SET: {
    message: 'Who approves is not who the manifest of the network, or the one before, says.',
    next: another,
  },
  DIFFERENT_SHARE_SET: {
    message: 'Who holds shares is not who the manifest of the network says.',
    next: another,
  },
  DIFFERENT_PIVOT: {
    message: 'The application is not the one that the manifest of the network says.',
    next: another,
  },
  DIFFERENT_QUORUM_KEY: {
    message: 'The quorum key is not the one that was approved before.',
    next: talk,
  },
  DIFFERENT_MANIFEST: {
    message: 'There is another manifest of the same nonce.',
    next: 'Approve nothing. A manifest that follows another has a higher nonce.',
  },
  LOW_NONCE: {
    message: 'The nonce is lower than that of the manifest before.',
    next: 'Give the manifest a nonce above the last one.',
  },
} satisfies Partial<Record<CharterFlaw | Succession, Words>> & Record<string, Words>

/** An error of a refusal: its own words, or those of evidence. The answer is no. */
export function faultOf(refusal: Refusal, about = ''): PeerFault {
  const { code, facts } = refusal
  const own = Object.hasOwn(words, code) ? words[code] : undefined
  if (own === undefined) {
    return new PeerFault(code, `${about}${sentenceOf(refusal)}`, { next: adviceOn(code) })
  }
  const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const details = told.length === 0 ? '' : ` (${told.join(', ')})`
  return new PeerFault(code, `${about}${own.message}${details}`, { next: own.next })
}
