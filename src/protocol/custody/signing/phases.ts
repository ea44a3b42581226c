/** The phases of a ceremony, whom each waits for, and out of which a node may still end it for itself. */
import type { CeremonyRecord } from './ceremony-record.ts'
import { type CeremonyPlan, dealerOf, receiverIndex } from './plan.ts'
import type { ReceiverPart } from './receiver.ts'

export type CeremonyPhase =
  | 'dealing'
  | 'echoing'
  | 'sharing'
  | 'confirming'
  | 'handing'
  | 'done'
  | 'failed'

/** Who keeps a phase waiting. Locks that are not handed over are waited for from any t, so from nobody by name. */
export function awaitedIn(
  phase: CeremonyPhase,
  record: CeremonyRecord,
  receiver: ReceiverPart | undefined,
): readonly Uint8Array[] {
  switch (phase) {
    case 'dealing':
      return record.missing('dealing')
    case 'echoing':
      return record.missing('echo')
    case 'sharing':
      return receiver?.missing ?? []
    case 'confirming':
      return record.missing('confirmation')
    default:
      return []
  }
}

/** A node's part in a ceremony. */
export interface Part {
  readonly isHandedOn: boolean
  readonly isDealer: boolean
  readonly isReceiver: boolean
}

export function partOf(plan: CeremonyPlan, identity: Uint8Array): Part {
  return {
    isHandedOn: plan.predecessor !== null,
    isDealer: dealerOf(plan, identity) !== undefined,
    isReceiver: receiverIndex(plan, identity) > 0,
  }
}

/**
 * How a node may get out of the ceremony for itself. Of a key that is handed on it may not `end` it once all that is needed
 * of it is said: others may have given up the old epoch on the strength of it. An old signer that neither deals nor receives
 * is needed for nothing and may `leave` it to the others.
 */
export function wayOut(phase: CeremonyPhase, part: Part): 'end' | 'leave' | undefined {
  if (phase === 'done' || phase === 'failed') return undefined
  if (!part.isHandedOn) return 'end'
  const isEarly = phase === 'dealing' || phase === 'echoing'
  if (part.isReceiver) return isEarly || phase === 'sharing' ? 'end' : undefined
  if (part.isDealer) return isEarly ? 'end' : undefined
  return 'leave'
}
