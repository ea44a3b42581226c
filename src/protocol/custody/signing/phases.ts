/** The phases of a ceremony, whom each waits for, and out of which a node may still end it for itself. */
import type { CeremonyRecord } from './ceremony-record.ts'
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

/**
 * Whether a node may still end the ceremony for itself. Of a key that is handed on it may not once all that is needed
 * of it is said: others may have given up the old epoch on the strength of it.
 */
export function mayEnd(phase: CeremonyPhase, part: Part): boolean {
  if (phase === 'done' || phase === 'failed') return false
  if (!part.isHandedOn) return true
  const isEarly = phase === 'dealing' || phase === 'echoing'
  if (part.isReceiver) return isEarly || phase === 'sharing'
  return part.isDealer && isEarly
}
