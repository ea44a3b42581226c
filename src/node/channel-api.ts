import type { ApiClient } from '../attestation/manifest-document.ts'
import type { Call, CallAnswer } from '../wire/sealed-call.ts'

/** A call of a client that the manifest in force lists, opened and signed by it. Its rights are for whoever carries it out. */
export interface AskedCall {
  readonly client: ApiClient
  readonly call: Call
}

/** Sealed calls of listed clients (docs/spec/attested-channel.md). What goes in and out is sealed: whoever carries it reads nothing. */
export interface ChannelApi {
  /** The key that calls are sealed to now, signed. @throws {CoterieError} `NO_CLIENTS` while the manifest lists none, `NOT_READY` before the group's clock is known. */
  offer(): Uint8Array
  /**
   * Opens a sealed call, has `serve` carry it out, and seals what that answers: at most once for each call, so that there are never two
   * answers to one question. Whatever `serve` throws passes, and nothing is answered then.
   *
   * @throws {UsageError} `CALL_REFUSED`, in the same words for everything that a stranger can send; `TOO_MANY_REQUESTS`.
   */
  answer(request: Uint8Array, serve: (asked: AskedCall) => Promise<CallAnswer>): Promise<Uint8Array>
}
