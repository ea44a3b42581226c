/** What a key ceremony is told and what it answers. */
import type { NodeId } from '../../../base/ids.ts'
import type { Random } from '../../../base/random.ts'
import type { Secret } from '../../../base/secret.ts'
import { type Duration, seconds } from '../../../base/time.ts'
import type { Accusation } from '../../../wire/key-ceremony.ts'
import type { Proposal, SigningGroup } from '../../../wire/signing-group.ts'
import type { KeyShare } from './key-share.ts'
import type { PlanRefusal } from './plan.ts'
import type { Send } from './statements.ts'

export type CeremonyInput =
  /** The alarm of `wakeAt`. An early or late one does no harm. */
  | { readonly kind: 'tick' }
  /** A statement about this ceremony, from whomever it came: it speaks for its signer. */
  | { readonly kind: 'heard'; readonly bytes: Uint8Array }

export type CeremonyEffect =
  | Send
  /** This node holds a share of the group, usable from now on. Handed over with everything in it. */
  | { readonly kind: 'made'; readonly share: KeyShare }
  /** This node's share of the old epoch is wiped: ask `group` from now on. */
  | { readonly kind: 'gaveUp'; readonly group: SigningGroup }
  /** It ended without a group, or this node is not needed in it and leaves: a `gaveUp` may still follow. `silent` are those who were waited for. */
  | {
      readonly kind: 'failed'
      readonly accusation: Accusation
      readonly silent: readonly NodeId[]
    }
  /** The patience is over and it goes on, because the old epoch may have been given up already. Told once. */
  | { readonly kind: 'stalled'; readonly silent: readonly NodeId[] }

export interface CeremonyPorts {
  /** Feeds polynomials, proofs and seals. */
  readonly random: Random
  /** Ed25519 by the identity key, 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** By the attested KEM key. */
  readonly decapsulate: (ciphertext: Uint8Array) => Secret | undefined
  /** What is known of a member by its evidence; `undefined` for who is none. */
  readonly attested: (identity: Uint8Array) => Attested | undefined
}

export interface Attested {
  /** Platform instance, 32 bytes. */
  readonly instance: Uint8Array
  /** X-Wing public key, 1216 bytes. */
  readonly kemKey: Uint8Array
}

export interface CeremonyOptions {
  /** Ed25519 identity key of this node, 32 bytes. */
  readonly identity: Uint8Array
  readonly proposal: Proposal
  /** This node's share of the key that is handed on; lent, and given up at the end. */
  readonly own?: KeyShare
  readonly pace?: CeremonyPace
}

export interface CeremonyPace {
  /** From the beginning to the naming of the silent. */
  readonly patience: Duration
  /** How often it says again what it said. */
  readonly repeat: Duration
}

/** Four rounds over links of seconds, and a participant that is busy with a ceremony of 32. */
export const ceremonyPace: CeremonyPace = { patience: seconds(60), repeat: seconds(2) }

/** Why a node takes no part. */
export type CeremonyRefusal =
  | PlanRefusal
  | 'NOT_INVITED'
  | 'PARTICIPANT_UNKNOWN'
  | 'PARTICIPANT_DIFFERS'
  | 'SHARE_MISSING'
