/**
 * Whether a removal item proves what it claims: the only way into the removal set.
 *
 * Checks cost the least first, so that an item that proves nothing costs at most one signature.
 */
import type { KeySet } from '../../attestation/manifest.ts'
import type { Refusal } from '../../attestation/verdict.ts'
import { compareBytes, equalBytes, fromUtf8, toHex } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, type NetworkId } from '../../base/ids.ts'
import { verifySignature } from '../../crypto/sign.ts'
import {
  type Checkpoint,
  checkpointCodec,
  claimCodec,
  contradicts,
  verifyCheckpoint,
} from '../../wire/checkpoint.ts'
import type { DoubleCheckpoint } from '../../wire/double-checkpoint.ts'
import type { FalseResult } from '../../wire/false-result.ts'
import { verifyPossession } from '../../wire/member-record.ts'
import {
  type DoubleBeat,
  decodeRemoval,
  type RemovalCertificate,
  type RemovalClaim,
  type RemovalItem,
  removalMessage,
} from '../../wire/removal.ts'
import { type SignedBody, signedBodyCodec, verifySignedBody } from '../../wire/signed-body.ts'
import { isCoherent } from './false-results.ts'

/** What items are held against. */
export interface RemovalRules {
  readonly network: NetworkId
  readonly manifestSet: KeySet
}

/** An item that was decoded; `claim` is what it would prove. */
export type ReadRemoval =
  | { readonly kind: 'read'; readonly item: RemovalItem; readonly claim: RemovalClaim }
  | ({ readonly kind: 'refused' } & Refusal)

const refused = (code: string, facts: Refusal['facts'] = {}): Refusal & { kind: 'refused' } => ({
  kind: 'refused',
  code,
  facts,
})

/** Decodes an item and finds its claim; checks everything that costs no signature. */
export function readRemoval(network: NetworkId, bytes: Uint8Array): ReadRemoval {
  try {
    const item = decodeRemoval(bytes)
    if (!equalBytes(item.network, bytesOfDigest(network))) return refused('REMOVAL_WRONG_NETWORK')
    if (item.kind === 'certificate') return readCertificate(item)
    if (item.kind === 'false-result') return readFalseResult(network, item)
    if (item.kind === 'double-checkpoint') return readDoubleCheckpoint(item)
    return readDoubleBeat(network, item)
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    return refused('REMOVAL_MALFORMED', { cause: error.code })
  }
}

function readCertificate(item: RemovalCertificate): ReadRemoval {
  const { scope, subject } = item
  if (scope === 'floor') return refused('REMOVAL_SCOPE_UNSUPPORTED', { scope })
  const isSpelled =
    scope === 'measurement' ? fromUtf8(subject) !== undefined : subject.length === 32
  if (!isSpelled) return refused('REMOVAL_BAD_SUBJECT', { scope })
  const isRising = item.signatures.every((signature, i) => {
    const before = item.signatures[i - 1]
    return before === undefined || compareBytes(before.signer, signature.signer) < 0
  })
  if (!isRising) return refused('REMOVAL_SIGNERS_UNORDERED')
  return { kind: 'read', item, claim: { scope, subject } }
}

/** Why the certificate does not prove its claim; `undefined` if it does. `item` comes from `readRemoval`. */
export function disproveCertificate(
  rules: RemovalRules,
  item: RemovalCertificate,
): Refusal | undefined {
  const { members, threshold } = rules.manifestSet
  // Others may have signed too (a member of an older manifest set): they neither count nor cost.
  const counted = item.signatures.filter(({ signer }) => members.includes(toHex(signer)))
  if (counted.length < threshold) {
    return refused('REMOVAL_BELOW_THRESHOLD', { signers: counted.length, threshold })
  }
  const message = removalMessage(rules.network, item)
  const wrong = counted.find(
    ({ signer, signature }) => !verifySignature({ publicKey: signer, message, signature }),
  )
  return wrong && refused('REMOVAL_BAD_SIGNATURE', { signer: toHex(wrong.signer) })
}

function readDoubleBeat(network: NetworkId, item: DoubleBeat): ReadRemoval {
  const [first, second] = readBeats(item)
  if (first.network !== network || second.network !== network) {
    return refused('REMOVAL_WRONG_NETWORK')
  }
  if (first.topic !== 'heartbeat' || second.topic !== 'heartbeat') {
    return refused('REMOVAL_NOT_HEARTBEATS')
  }
  if (!equalBytes(first.author, second.author)) return refused('REMOVAL_AUTHORS_DIFFER')
  if (first.sequence !== second.sequence) return refused('REMOVAL_SEQUENCES_DIFFER')
  // One beat sealed again under another epoch key has two signatures and proves nothing.
  if (equalBytes(first.payload, second.payload)) return refused('REMOVAL_SAME_CONTENT')
  if (compareBytes(item.first, item.second) > 0) return refused('REMOVAL_BEATS_UNORDERED')
  if (!equalBytes(first.author, item.record.keys.identity)) {
    return refused('REMOVAL_RECORD_OF_ANOTHER')
  }
  return { kind: 'read', item, claim: { scope: 'identity', subject: first.author } }
}

function readFalseResult(network: NetworkId, item: FalseResult): ReadRemoval {
  if (!isCoherent(network, item)) return refused('REMOVAL_PARTS_DIFFER')
  return { kind: 'read', item, claim: { scope: 'identity', subject: item.record.keys.identity } }
}

function readDoubleCheckpoint(item: DoubleCheckpoint): ReadRemoval {
  const checkpoints = readCheckpoints(item)
  const [first, second] = checkpoints
  const networks = checkpoints.map(({ claim }) => claimCodec.decode(claim).network)
  if (!networks.every(network => equalBytes(network, item.network))) {
    return refused('REMOVAL_WRONG_NETWORK')
  }
  if (!equalBytes(first.node, second.node)) return refused('REMOVAL_AUTHORS_DIFFER')
  if (first.sequence !== second.sequence) return refused('REMOVAL_SEQUENCES_DIFFER')
  if (!contradicts(first, second)) return refused('REMOVAL_SAME_CONTENT')
  if (compareBytes(item.first, item.second) > 0) return refused('REMOVAL_CHECKPOINTS_UNORDERED')
  if (!equalBytes(first.node, item.record.keys.identity)) {
    return refused('REMOVAL_RECORD_OF_ANOTHER')
  }
  return { kind: 'read', item, claim: { scope: 'identity', subject: first.node } }
}

/** As `disproveDoubleBeat`, of checkpoints. */
export function disproveDoubleCheckpoint(
  network: NetworkId,
  item: DoubleCheckpoint,
): Refusal | undefined {
  const isSigned = readCheckpoints(item).every(verifyCheckpoint)
  return isSigned && verifyPossession(network, item.record)
    ? undefined
    : refused('REMOVAL_BAD_SIGNATURE')
}

function readCheckpoints(item: DoubleCheckpoint): readonly [Checkpoint, Checkpoint] {
  return [checkpointCodec.decode(item.first), checkpointCodec.decode(item.second)]
}

/**
 * Why the beats and the record are not all signed by their author; `undefined` if they are. Whether a machine ever held
 * the author's key is another question. `item` comes from `readRemoval`.
 */
export function disproveDoubleBeat(network: NetworkId, item: DoubleBeat): Refusal | undefined {
  const isForged = readBeats(item).some(body => verifySignedBody(body) === undefined)
  const isSigned = !isForged && verifyPossession(network, item.record)
  return isSigned ? undefined : refused('REMOVAL_BAD_SIGNATURE')
}

function readBeats(item: DoubleBeat): readonly [SignedBody, SignedBody] {
  return [signedBodyCodec.decode(item.first), signedBodyCodec.decode(item.second)]
}
