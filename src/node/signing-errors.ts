/** How threshold signing says no: the codes of its machines and of the node around them, each with a sentence and the next step. */
import { type CoterieError, HostError, UsageError } from '../base/errors.ts'

type Facts = Readonly<Record<string, string | number>>

interface Explanation {
  readonly message: string
  readonly next: string
  /** Whether time or other nodes may change it. */
  readonly isPassing?: true
}

const lockSpent =
  'A lock never moves: sign this message under another lock, or what the lock was given to.'
const again = 'Try again without whoever is named.'

const explanations = {
  // Who signs.
  EPOCH_ENDED: {
    message: 'The key was handed on, and no member told to whom.',
    next: 'Connect this node to one of the new signers, or name the new group.',
    isPassing: true,
  },
  NOT_PERMITTED: {
    message: 'The policy of signers does not permit this.',
    next: 'Ask who runs their application: it decides by node.signing.setPolicy, and without a policy a signer outside a testnet permits nothing.',
  },
  REQUEST_MALFORMED: {
    message: 'The message has more than 32 KiB, or the lock none or more than 256 bytes.',
    next: 'Sign the hash of a longer message; shorten the lock.',
  },
  LOCK_WANTED: {
    message: 'A group with locks signs under a lock alone, and one without locks knows none.',
    next: 'Name a lock for a group with locks, and none for another: the list of groups says which it is.',
  },
  LOCK_UNPROVEN: {
    message: 'Too few signers keep the lock for this message.',
    next: 'Ask again; if it stays so, another message has the lock at some of them.',
    isPassing: true,
  },
  LOCKED_OTHERWISE: { message: 'The lock holds another message, for ever.', next: lockSpent },
  LOCKS_FULL: {
    message: 'The signers keep as many locks as they can.',
    next: 'Make a new group: nothing is ever forgotten to make room.',
  },
  NOT_ENOUGH_SIGNERS: {
    message: 'Fewer signers than it takes were there and willing.',
    next: 'See which signers are members now; hand the key on to living ones before more are lost.',
    isPassing: true,
  },
  SIGNING_TIMED_OUT: {
    message: 'The signers did not answer in time.',
    next: 'See which signers are connected to this node, and ask again: the same message under the same lock is always safe to repeat.',
    isPassing: true,
  },
  TOO_MANY_REQUESTS: {
    message: 'This node asks for as many signatures as it can at once.',
    next: 'Wait for some of them.',
    isPassing: true,
  },
  GROUP_FALSE: {
    message: 'The record of this group was made up: its shares make no signature of its key.',
    next: 'Ask with the group id that its makers told.',
  },
  GROUP_UNKNOWN: {
    message: 'Neither this node nor a member that it is connected to knows this group.',
    next: 'Check the group id; ask at a node that is one of its signers.',
    isPassing: true,
  },
  KEY_DIFFERS: {
    message: 'The group holds another key than the one named.',
    next: 'Check the group id: the public key decides.',
  },
  // Who makes a key.
  THRESHOLD_WRONG: {
    message: 'A group has 2 to 32 signers, and 2 or more of them sign.',
    next: 'Choose a threshold from 2 up to the number of signers; members on one platform instance count once.',
  },
  LOCKS_UNSAFE: {
    message: 'With this threshold two sets of signers could sign two messages under one lock.',
    next: 'With locks, twice the threshold is more than signers and clones together: raise the threshold.',
  },
  PARTICIPANT_TWICE: { message: 'A signer is named twice.', next: 'Name each signer once.' },
  INSTANCE_TWICE: {
    message: 'Two signers sit on one platform instance, and whoever breaks it has both shares.',
    next: 'Choose signers on different machines: coterie members --wide shows them.',
  },
  PREDECESSOR_WRONG: {
    message: 'The group that is handed on does not hold this key in the epoch before.',
    next: 'Name the newest group of the key, and as many living old signers as it takes to sign.',
  },
  NOT_INVITED: {
    message: 'This node has no part in it.',
    next: 'Ask at a node that is to be a signer, or is one.',
  },
  PARTICIPANT_UNKNOWN: {
    message: 'A signer that is named is no member here.',
    next: 'Name active members: coterie members lists them.',
  },
  PARTICIPANT_DIFFERS: {
    message: 'A signer is not on the machine, or not with the key, that is said of it.',
    next: 'Try again once its newest evidence has spread.',
    isPassing: true,
  },
  SHARE_MISSING: {
    message: 'A signer that should hand its share on holds none any more.',
    next: 'Name the newest group of the key.',
  },
  PARTICIPANT_UNREACHABLE: {
    message: 'A signer that is named does not answer.',
    next: 'Leave it out, or wait until it is connected: coterie peers shows to whom this node is.',
    isPassing: true,
  },
  RESHARING_UNDER_WAY: {
    message: 'This key is being handed on already.',
    next: 'Wait until that has ended; start one at a time.',
    isPassing: true,
  },
  CEREMONIES_FULL: {
    message: 'As many ceremonies as a node takes part in at once are under way.',
    next: 'Wait until one has ended.',
    isPassing: true,
  },
  SHARES_FULL: {
    message: 'A signer holds as many shares as it can.',
    next: 'Choose other signers.',
  },
  CEREMONY_STALLED: {
    message:
      'The ceremony goes on past its time, because the old signers may have given up already.',
    next: 'Ask either group to sign: the one that can holds the key. If neither can, bring back whoever is named.',
    isPassing: true,
  },
  // Who broke a ceremony.
  SILENT: {
    message: 'Somebody was not heard in time, and nothing was made.',
    next: 'Try again. Nothing shows who kept whom waiting, and who is named may have waited for another: leave out whoever is named again and again.',
    isPassing: true,
  },
  TWO_DEALINGS: {
    message: 'A dealer told two participants two things, and nothing was made.',
    next: again,
    isPassing: true,
  },
  DEALING_INVALID: {
    message: 'A dealing does not hold, and nothing was made.',
    next: again,
    isPassing: true,
  },
  ECHO_FALSE: {
    message: 'A participant repeated what nobody said, and nothing was made.',
    next: again,
    isPassing: true,
  },
  DEALT_WRONG: {
    message: 'A dealer dealt a wrong share, and nothing was made.',
    next: again,
    isPassing: true,
  },
  COMPLAINT_FALSE: {
    message: 'A participant complained of a good share, and nothing was made.',
    next: again,
    isPassing: true,
  },
  CONFIRMATION_FALSE: {
    message: 'A participant confirmed another group, and nothing was made.',
    next: again,
    isPassing: true,
  },
  ABORT_FALSE: {
    message: 'A participant ended the ceremony without a reason, and nothing was made.',
    next: again,
    isPassing: true,
  },
  SHARE_FALSE: {
    message: 'A signer gave a wrong share of a signature.',
    next: again,
    isPassing: true,
  },
  TWO_VOTES: { message: 'A signer gave one lock to two messages.', next: again, isPassing: true },
} as const satisfies Readonly<Record<string, Explanation>>

export type SigningErrorCode = keyof typeof explanations

export function isSigningErrorCode(code: string): code is SigningErrorCode {
  return Object.hasOwn(explanations, code)
}

/** What reading the error of another member comes to: its code if it is one of these, else that it does not answer. */
export function codeFromMember(code: string): SigningErrorCode {
  return isSigningErrorCode(code) ? code : 'PARTICIPANT_UNREACHABLE'
}

/** `facts` are printable; empty ones are left out. */
export function signingError(code: SigningErrorCode, facts: Facts = {}): CoterieError {
  const { message, next, isPassing }: Explanation = explanations[code]
  const known = Object.entries(facts).filter(([, value]) => value !== '')
  const text = [message, ...known.map(([name, value]) => `${name}: ${value}.`)].join(' ')
  return isPassing ? new HostError(code, text, { next }) : new UsageError(code, text, { next })
}
