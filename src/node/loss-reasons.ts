/** Why connections end and do not come about: one closed vocabulary, counted. */
import type { LossReason, LossView } from './handle.ts'

/** What each reason means to whoever reads a histogram; the order is that of the exposition. */
export const lossReasons: Readonly<Record<LossReason, string>> = {
  unreachable: 'nobody answered at the address',
  'link-closed': 'the connection ended without a word: a crash, a cable, a full machine',
  aborted: 'the handshake broke off, or took too long',
  'other-network': 'another network answered, or something changed bytes on the way',
  manifest: 'the two manifests do not agree',
  'not-admitted': 'the manifest does not admit the evidence',
  'not-proved': 'what was shown did not prove the identity on this channel',
  'not-alive': 'no fresh quote came, or the verdict lapsed',
  'instance-limit': 'the platform instance has as many identities as it may',
  removed: 'the identity, its machine or its software is removed for good',
  banned: 'turned away for a while after a fault',
  fault: 'sent what no member sends',
  silent: 'did not answer greetings or questions',
  slow: 'did not read what was sent',
  busy: 'too much at once',
  duplicate: 'a second way to a member, to oneself, or in another role',
  stopping: 'one side stopped',
  other: 'a reason without a name here',
}

const byCode: Readonly<Record<string, LossReason>> = {
  UNREACHABLE: 'unreachable',
  DIAL_REFUSED: 'unreachable',
  LINK_CLOSED: 'link-closed',
  DISCONNECTED: 'link-closed',
  HANDSHAKE_ABORTED: 'aborted',
  HANDSHAKE_TIMEOUT: 'aborted',
  WRONG_NETWORK_OR_TAMPERED: 'other-network',
  UNEXPECTED_PEER: 'other-network',
  APPROVALS_MISSING: 'manifest',
  APPROVAL_INVALID: 'manifest',
  FOUNDING_CHANGED: 'manifest',
  NONCE_NOT_HIGHER: 'manifest',
  POLICY_REFUSED: 'not-admitted',
  MEASUREMENT_MISMATCH: 'not-admitted',
  MEASUREMENT_EXPIRED: 'not-admitted',
  MEASUREMENT_NOT_YET_VALID: 'not-admitted',
  SVN_TOO_LOW: 'not-admitted',
  TCB_NOT_ALLOWED: 'not-admitted',
  ADVISORY_NOT_ALLOWED: 'not-admitted',
  PRIVILEGE_LEVEL_NOT_ALLOWED: 'not-admitted',
  DEBUG_ENABLED: 'not-admitted',
  PLATFORM_NOT_ALLOWED: 'not-admitted',
  PLATFORM_NOT_SUPPORTED: 'not-admitted',
  SIMULATED_NOT_TRUSTED: 'not-admitted',
  UNKNOWN_ANCHOR: 'not-admitted',
  INSTANCE_NOT_PINNED: 'not-admitted',
  EVIDENCE_EXPIRED: 'not-admitted',
  EVIDENCE_NOT_YET_VALID: 'not-admitted',
  UNDETERMINED: 'not-admitted',
  EVIDENCE_MALFORMED: 'not-proved',
  EVIDENCE_TOO_LARGE: 'not-proved',
  EVIDENCE_MISSING: 'not-proved',
  EVIDENCE_MISMATCH: 'not-proved',
  CHAIN_INVALID: 'not-proved',
  SIGNATURE_INVALID: 'not-proved',
  INSTANCE_MISMATCH: 'not-proved',
  KEYS_MISMATCH: 'not-proved',
  REPORT_DATA_MISMATCH: 'not-proved',
  BINDER_MISMATCH: 'not-proved',
  IDENTITY_MISMATCH: 'not-proved',
  NOISE_KEY_MISMATCH: 'not-proved',
  BAD_KEY: 'not-proved',
  BAD_CERTIFICATE: 'not-proved',
  BAD_PEM: 'not-proved',
  BAD_QUOTE: 'not-proved',
  BAD_SNP_REPORT: 'not-proved',
  BAD_CERTIFICATE_TABLE: 'not-proved',
  BAD_COLLATERAL: 'not-proved',
  CERTIFICATE_REVOKED: 'not-admitted',
  CERTIFICATE_TCB_MISMATCH: 'not-proved',
  PRODUCT_MISMATCH: 'not-proved',
  PRODUCT_NOT_SUPPORTED: 'not-admitted',
  REPORT_NOT_SUPPORTED: 'not-admitted',
  MIGRATION_ALLOWED: 'not-admitted',
  VERDICT_EXPIRED: 'not-alive',
  RE_ATTEST_FAILED: 'not-alive',
  RE_ATTEST_REFUSED: 'not-alive',
  INSTANCE_LIVE_LIMIT: 'instance-limit',
  INSTANCE_NEW_LIMIT: 'instance-limit',
  REMOVED: 'removed',
  BANNED: 'banned',
  UNEXPECTED_FRAME: 'fault',
  FRAME_TOO_LARGE: 'fault',
  TOO_MUCH_AT_ONCE: 'fault',
  GOSSIP_FLOOD: 'fault',
  BAD_MESSAGE: 'fault',
  BAD_KEM_KEY: 'fault',
  BAD_POSSESSION: 'fault',
  BAD_RECORD: 'fault',
  BAD_RESULTS: 'fault',
  LEAVE_BAD_SIGNATURE: 'fault',
  BAD_ANNOUNCEMENT: 'fault',
  GRANT_FORGED: 'fault',
  REMOVALS_BAD_LIST: 'fault',
  REMOVALS_WITHHELD: 'fault',
  REMOVAL_NOT_ATTESTED: 'fault',
  REMOVALS_RESTLESS: 'fault',
  HELLO_UNANSWERED: 'silent',
  REMOVALS_UNANSWERED: 'silent',
  SEND_BUFFER_FULL: 'slow',
  BUSY: 'busy',
  ALREADY_CONNECTED: 'duplicate',
  REPLACED: 'duplicate',
  SELF_DIAL: 'duplicate',
  ROLE_CONFLICT: 'duplicate',
  STOPPING: 'stopping',
}

/** The reason of a code; codes come from peers, too, so a strange one is `other`. */
export function lossReasonOf(code: string): LossReason {
  if (Object.hasOwn(byCode, code)) return byCode[code] ?? 'other'
  if (code.startsWith('MANIFEST_')) return 'manifest'
  return code.startsWith('CBOR_') ? 'fault' : 'other'
}

type Counts = Record<LossReason, number>

function noCounts(): Counts {
  const names = Object.keys(lossReasons) as LossReason[]
  return Object.fromEntries(names.map(name => [name, 0])) as Counts
}

/** Counts since the start, one for each reason and way to lose a peer. */
export class LossCounts {
  readonly #disconnected = noCounts()
  readonly #dialFailed = noCounts()
  readonly #refused = noCounts()

  disconnected(code: string): void {
    this.#disconnected[lossReasonOf(code)]++
  }

  dialFailed(code: string): void {
    this.#dialFailed[lossReasonOf(code)]++
  }

  /** A handshake that the other side began ended without a connection. */
  refused(code: string): void {
    this.#refused[lossReasonOf(code)]++
  }

  view(): LossView {
    return {
      disconnected: { ...this.#disconnected },
      dialFailed: { ...this.#dialFailed },
      refused: { ...this.#refused },
    }
  }
}
