/** Calls of clients that the manifest lists: nobody between here and the TEE reads them. The seal is loaded on demand. */
import type { Caller, CallRequest, CallResult } from './caller.ts'
import type { LightClient } from './client.ts'

/**
 * Has a node carry out a call of its API that it keeps from everybody but listed clients. Looks at the nodes first, and speaks to one that
 * is genuine and whose state is fresh, or to nobody.
 *
 * @throws {UsageError} before anything is sent: `BAD_CALL`, `SOURCE_UNKNOWN`, `CLIENT_NOT_LISTED`.
 * @throws {CoterieError} before as well: `NODE_NOT_TRUSTED`, `NODE_NOT_FRESH`, `NO_OFFER`, `OFFER_FORGED`, `OFFER_EXPIRED`, and what `check` throws.
 * @throws {CoterieError} after, so that nobody knows whether the call was carried out: `CALL_NOT_ANSWERED`, `ANSWER_FORGED`.
 */
export async function callNode(
  client: LightClient,
  request: CallRequest,
  caller: Caller,
  signal?: AbortSignal,
): Promise<CallResult> {
  const looked = await client.look(signal)
  // HPKE with X-Wing is as large as the rest of a client, and most clients never call.
  const { callThrough } = await import('./channel.ts')
  return await callThrough(request, caller, looked, signal)
}
