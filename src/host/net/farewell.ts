/** Says why a connection is about to be closed, so that both ends know the reason. */
import { CoterieError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { milliseconds } from '../../base/time.ts'
import { encodeRefusal } from '../../wire/refusal.ts'
import type { Timers } from '../port.ts'
import type { Asks } from './streams.ts'

export const farewellProtocol = '/coterie/ask/farewell/1'
/** A farewell that is not taken in this time is left unsaid. */
const farewellWait = milliseconds(300)

/** Tells a connected member the code; returns when it was taken, or time is up. */
export async function sayFarewell(
  ports: { readonly asks: Asks; readonly timers: Timers },
  node: NodeId,
  code: string,
): Promise<void> {
  const patience = new AbortController()
  const cancel = ports.timers.after(farewellWait, () => patience.abort())
  try {
    const reason = encodeRefusal({ code, facts: {} })
    await ports.asks.ask(node, farewellProtocol, reason, patience.signal)
  } catch (error) {
    // Unsaid, the other side sees the connection close, which is the point.
    if (!(error instanceof CoterieError)) throw error
  } finally {
    cancel()
  }
}
