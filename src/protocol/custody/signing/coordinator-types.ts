/** What who asks a group for signatures is told and what it answers. */
import type { NodeId } from '../../../base/ids.ts'
import type { Random } from '../../../base/random.ts'
import { type Duration, seconds } from '../../../base/time.ts'
import type { Accusation } from '../../../wire/key-ceremony.ts'
import type { SigningRefusalCode } from '../../../wire/threshold-signing.ts'
import type { Send } from './statements.ts'

export type CoordinatorInput =
  /** The alarm of `wakeAt`. An early or late one does no harm. */
  | { readonly kind: 'tick' }
  /** Fills the store of nonce commitments, so that a signature costs no round for them. */
  | { readonly kind: 'prepare' }
  /**
   * Have `message` signed, under `lockKey` in a group with locks and `null` in another. `request` is the caller's name for
   * it; exactly one `signed` or `notSigned` answers.
   */
  | {
      readonly kind: 'sign'
      readonly request: number
      readonly message: Uint8Array
      readonly lockKey: Uint8Array | null
    }
  /** A statement about this group. */
  | { readonly kind: 'heard'; readonly bytes: Uint8Array }

export type CoordinatorEffect =
  | Send
  | { readonly kind: 'signed'; readonly request: number; readonly signature: Uint8Array }
  | {
      readonly kind: 'notSigned'
      readonly request: number
      readonly code: NotSignedCode
      /** How many signers it takes, voted for the message, and refused. */
      readonly facts: { readonly needed: number; readonly voted: number; readonly refused: number }
    }
  /** A signer broke the protocol, and `accusation` shows it to anybody. It is asked for nothing any more. */
  | { readonly kind: 'cheated'; readonly node: NodeId; readonly accusation: Accusation }

/** Why there is no signature: what kept too many signers from it, or time. */
export type NotSignedCode =
  | Exclude<SigningRefusalCode, 'NONCE_UNKNOWN'>
  | 'NOT_ENOUGH_SIGNERS'
  | 'SIGNING_TIMED_OUT'
  | 'TOO_MANY_REQUESTS'
  | 'GROUP_FALSE'

export interface CoordinatorPorts {
  /** Feeds sessions. */
  readonly random: Random
  /** Ed25519 by the identity key. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

export interface CoordinatorPace {
  /** From request to answer. */
  readonly patience: Duration
  /** How long a set of signers has for its shares, and a signer for its vote, before others are asked or it again. */
  readonly attempt: Duration
}

/** Signers answer within a round trip and some milliseconds of arithmetic; ten sets may fail one after the other. */
export const coordinatorPace: CoordinatorPace = { patience: seconds(20), attempt: seconds(2) }
