/** Who calls whom for what, and what came of it: types only. */
import type { NodeId } from '../base/ids.ts'
import type { Call, CallAnswer } from '../wire/sealed-call.ts'
import type { LightReport } from './report.ts'

/** What is asked for, as over HTTP: docs/spec/api.md says which routes there are. */
export interface CallRequest {
  readonly method: Call['method']
  /** With its query, percent-encoded: `/v1/state/team%2Fmotd`. */
  readonly path: string
  /** Media type of the body; `application/json` unless said. */
  readonly type?: string
  readonly body?: Uint8Array
}

/** Who calls, and whom. */
export interface Caller {
  /** The key that the manifest lists under `api.clients`. */
  readonly key: CallerKey
  /** Address of the source to call; unless said, the first that is trusted and fresh. */
  readonly source?: string
}

/** An Ed25519 key that signs: in memory, in hardware, or of WebCrypto. */
export interface CallerKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes over the whole of `message`. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** What the node answered, and what that rests on. */
export interface CallResult extends CallAnswer {
  /** The genuine node that answered. */
  readonly node: NodeId
  readonly source: string
  readonly report: LightReport
}
