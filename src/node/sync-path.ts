import { PeerFault } from '../base/errors.ts'
import { syncRequestCodec } from '../wire/sync.ts'

/** How a sync began, for the metrics: `cursor` goes on where it ended, `snapshot` reads all from the start. */
export function syncPathOf(request: Uint8Array): 'cursor' | 'snapshot' | 'unknown' {
  try {
    return syncRequestCodec.decode(request).cursor > 0 ? 'cursor' : 'snapshot'
  } catch (error) {
    // A member of another version asks in a way that is not known here; the machine answers for itself.
    if (error instanceof PeerFault) return 'unknown'
    throw error
  }
}
