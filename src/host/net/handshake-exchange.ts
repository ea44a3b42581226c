/** One end of a handshake: frames to and from the other, and how it ends without a connection. */
import type { Refusal, TrustedVerdict } from '../../attestation/verdict.ts'
import { PeerFault } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Evidence, NodeKeys } from '../../wire/evidence.ts'
import {
  decodeHandshakeFrame,
  encodeHandshakeFrame,
  type HandshakeFrame,
} from '../../wire/handshake.ts'
import type { ChannelFacts } from './channel-facts.ts'

/** Frames to and from the other end. Both reject when the channel breaks or `signal` aborts. */
export interface FramePort {
  read(signal: AbortSignal): Promise<Uint8Array>
  /** Hands over frames in one piece, in order. */
  write(frames: readonly Uint8Array[], signal: AbortSignal): Promise<void>
}

/** One end of an exchange. */
export interface Exchange {
  readonly port: FramePort
  /** What Noise established; `manifest` is not agreed yet. */
  readonly channel: Omit<ChannelFacts, 'manifest'>
  readonly node: NodeId
  /** 32 random bytes, used for this exchange only. */
  readonly challenge: Uint8Array
  readonly signal: AbortSignal
  /** Why this peer may not connect in this role now; asked before anything is believed, and again at the end. */
  barred(): Refusal | undefined
}

/** What a side of a member connection knows of the other. */
export interface Attested {
  readonly keys: NodeKeys
  readonly evidence: Evidence
  readonly verdict: TrustedVerdict
  readonly channel: ChannelFacts
  /** The evidence that this side named, which both know: step-ups on this connection are bound to it. `null` of a light client. */
  readonly shown: Digest | null
}

/** The end of an exchange without a connection. */
export interface Refused {
  readonly by: 'me' | 'them'
  readonly refusal: Refusal
}

export type Outcome<T> =
  | { readonly kind: 'attested'; readonly attested: T }
  | ({ readonly kind: 'refused' } & Refused)

/** Unwinds an exchange up to `settle`. */
class RefusedExchange extends Error {
  readonly by: 'me' | 'them'
  readonly refusal: Refusal
  constructor(by: 'me' | 'them', refused: Refusal) {
    super(refused.code)
    this.name = 'RefusedExchange'
    this.by = by
    this.refusal = refused
  }
}

/** This side's no. */
export function refusal(code: string, facts: Refusal['facts'] = {}): RefusedExchange {
  return new RefusedExchange('me', { code, facts })
}

/** Ends the exchange if there is a reason to. */
export function refuseIf(reason: Refusal | undefined): void {
  if (reason !== undefined) throw refusal(reason.code, reason.facts)
}

/** Hands over frames in one piece. */
export async function send(
  exchange: Exchange,
  ...frames: readonly HandshakeFrame[]
): Promise<void> {
  await exchange.port.write(frames.map(encodeHandshakeFrame), exchange.signal)
}

type FrameOf<K extends HandshakeFrame['kind']> = Extract<HandshakeFrame, { readonly kind: K }>

/** The next frame, which must be of one of these kinds; a refusal ends the exchange in any state. */
export async function expect<K extends HandshakeFrame['kind']>(
  exchange: Exchange,
  ...kinds: readonly K[]
): Promise<FrameOf<K>> {
  const frame = decodeHandshakeFrame(await exchange.port.read(exchange.signal))
  if (isOneOf(frame, kinds)) return frame
  if (frame.kind === 'refusal') {
    throw new RefusedExchange('them', { code: frame.code, facts: frame.facts })
  }
  throw refusal('UNEXPECTED_FRAME', { expected: kinds.join(' '), got: frame.kind })
}

function isOneOf<K extends HandshakeFrame['kind']>(
  frame: HandshakeFrame,
  kinds: readonly K[],
): frame is FrameOf<K> {
  return kinds.some(kind => kind === frame.kind)
}

/** Turns the end of an exchange into an outcome, and tells the other side why, if it was this one. */
export async function settle<T>(exchange: Exchange, run: () => Promise<T>): Promise<Outcome<T>> {
  let refused: RefusedExchange
  try {
    return { kind: 'attested', attested: await run() }
  } catch (error) {
    if (error instanceof RefusedExchange) refused = error
    else if (error instanceof PeerFault) refused = refusal(error.code)
    else throw error
  }
  if (refused.by === 'me') {
    try {
      await send(exchange, { kind: 'refusal', ...refused.refusal })
    } catch {
      // The other side is gone; the reason counts here all the same.
    }
  }
  return { kind: 'refused', by: refused.by, refusal: refused.refusal }
}
