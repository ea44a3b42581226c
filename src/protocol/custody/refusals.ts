/** Every no of the machine: a stable code, printable facts and what a person can do about it. */
import type { Refusal, RefusalFacts } from '../../attestation/verdict.ts'

export interface CustodyRefusal extends Refusal {
  /** The next step, as a sentence. */
  readonly next: string
}

const again = 'Ask again in a moment.'
const newShare =
  'Have the holder decrypt its share for the attestation that this node gives now, and bring that.'
const approve =
  'Have more holders of the manifest set approve this manifest: coterie keys approve. Then bring their approvals.'
const manifests =
  'Compare the manifests of both nodes: the key goes on under the same one, or a later one of it.'

const nextSteps = {
  WRONG_PHASE:
    'See in which phases this is welcome, and in which one the node is: coterie keys status.',
  UNRECOVERABLE:
    'Start the node anew: it comes back with new keys of its own and without the quorum key.',
  BUSY: again,
  NAMESPACE_NOT_CHARTERED:
    'Use the name of the network, and a nonce that is not below that of its founding block.',
  HOLDERS_NOT_CHARTERED:
    'Use the manifest set and the share set that the manifest of the network names.',
  PIVOT_NOT_CHARTERED: 'Use the pivot that the manifest of the network names.',
  QUORUM_KEY_NOT_CHARTERED:
    'The manifest of the network names its quorum key: no other one is made or taken here.',
  DIFFERENT_NETWORK: 'Use the manifest of this network.',
  HOLDER_KEY_UNUSABLE: 'Have this holder generate keys anew: nothing can be sealed to this one.',
  QUOTE_FAILED:
    'The node goes on trying: ask again, and look at its TEE if this stays so: coterie doctor.',
  NO_GENESIS: 'This node made no key: ask the one that did.',
  NAMESPACE_MISMATCH: 'Name the namespace of the manifest that this node runs under.',
  TOO_MANY_SHARES: 'Bring one share for each member of the share set.',
  SHARE_IN_CLEAR: `A plain share passes through the host and everybody who watches it: treat it as known. ${newShare}`,
  SHARE_STILL_SEALED: `This is the share as genesis sealed it to its holder. ${newShare}`,
  SHARE_MALFORMED: newShare,
  ALIAS_MISMATCH: 'Bring each share under the alias that its holder has in the share set.',
  NOT_A_SHARE_MEMBER: 'Bring shares of members of the share set alone.',
  SHARE_TWICE: 'This share is here already: bring that of another holder.',
  SHARE_WRONG:
    'This is not the share that genesis gave to this holder: look for the right one, of the right namespace and nonce.',
  SHARE_UNREADABLE: newShare,
  SHARE_FOR_ANOTHER_NODE: newShare,
  APPROVAL_INVALID:
    'Have this holder approve once more: the signature is not of its key, or not about this.',
  MANIFEST_MISMATCH: `It was made for another manifest than the one in force here. ${newShare}`,
  KEY_MISMATCH:
    'The shares together, or the key that came, are not the key of the manifest. Begin anew with shares of one genesis.',
  COMBINE_FAILED: 'The shares of this try were dropped: bring them again.',
  NOT_APPROVED: approve,
  LOW_NONCE: manifests,
  DIFFERENT_MANIFEST: manifests,
  DIFFERENT_MANIFEST_SET:
    'A new manifest set takes the key from shares: standard boot, with an approved manifest.',
  DIFFERENT_NAMESPACE: manifests,
  DIFFERENT_QUORUM_KEY: manifests,
  DIFFERENT_OWNER:
    'The key goes on to machines of one owner. On the first machine of another, inject shares.',
  MANIFEST_MALFORMED: manifests,
  MANIFEST_TOO_LONG: 'It is too long for a stream between members: bring manifest and key by hand.',
  ATTESTATION_MALFORMED: 'Ask the receiving node for its attestation, and bring it unchanged.',
  NOT_A_MEMBER:
    'Let the receiving node join the network first, and ask it for its attestation then.',
  EVIDENCE_REFUSED:
    'Ask the receiving node for its attestation under this very manifest, and see what its evidence lacks.',
  NOT_FRESH:
    'The receiving node must answer a fresh challenge over an open connection: see that both reach each other.',
  ISOLATED:
    'This node hears too few machines to know who was removed: let it reach more than half, and ask again.',
  MANIFEST_EQUIVOCATION:
    'Two manifests of the network have one nonce: have the manifest set approve a later one.',
  EXPORT_MALFORMED: 'Bring the key and the signature as the exporting node gave them.',
  KEY_FOR_ANOTHER_NODE: 'Have the key exported for the attestation of this node.',
  EXPORT_SIGNATURE_INVALID: 'Bring the key and the signature as the exporting node gave them.',
  KEY_UNREADABLE: 'Have the key exported anew for the attestation that this node gives now.',
  NOT_OPENED: 'It was sealed for another caller or under another key, or was changed.',
} as const

export type CustodyCode = keyof typeof nextSteps

export function refusal(code: CustodyCode, facts: RefusalFacts = {}): CustodyRefusal {
  return { code, facts, next: nextSteps[code] }
}

/** A refusal of a reader of documents, for people. */
export function unreadable({ code, facts }: Refusal): CustodyRefusal {
  return { code, facts, next: 'Correct the document at the place that the facts name.' }
}
