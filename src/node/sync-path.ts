import { ifReadable } from '../base/errors.ts'
import { syncRequestCodec } from '../wire/sync.ts'

/** How a sync began, for the metrics: `cursor` goes on where it ended, `snapshot` reads all from the start. */
export function syncPathOf(request: Uint8Array): 'cursor' | 'snapshot' | 'unknown' {
  // A member of another version asks in a way that is not known here; the machine answers for itself.
  const asked = ifReadable(() => syncRequestCodec.decode(request))
  if (asked === undefined) return 'unknown'
  return asked.cursor > 0 ? 'cursor' : 'snapshot'
}
