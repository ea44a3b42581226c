/**
 * Where signature checks get their arithmetic from in a browser. What asks them is synchronous, and WebCrypto, which a browser has and a
 * page need not load, answers later. So whoever starts a run says how it is to be answered: `atOnce` or `settled`. On Node nobody asks
 * here: OpenSSL answers at once.
 */
import { assert } from '../base/errors.ts'
import type { PointSigned } from './ecdsa-algorithms.ts'
import type { RsaSigned } from './rsa-algorithms.ts'

/** What is signed with Ed25519, by whom: a key of 32 bytes that is not weak, a signature of 64. */
export interface KeySigned {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** One question, well-formed as the public functions of this room leave it. */
export type SignatureCheck =
  | ({ readonly kind: 'ed25519' } & KeySigned)
  | ({ readonly kind: 'ecdsa' } & PointSigned)
  | ({ readonly kind: 'rsa-pss' } & RsaSigned)

/** What answers the checks of one run. */
export interface Arithmetic {
  /** Whether the signature holds. Never throws. */
  holds(check: SignatureCheck): boolean
  /** Whether all that was answered so far in this run is so: see `isCertain`. */
  readonly isCertain: boolean
}

let atHand: Arithmetic | undefined

/** What `run` makes, with its checks answered by `arithmetic`. */
export function withArithmetic<T>(arithmetic: Arithmetic, run: () => T): T {
  const before = atHand
  atHand = arithmetic
  try {
    return run()
  } finally {
    atHand = before
  }
}

/** The answer of the arithmetic at hand. */
export function holds(check: SignatureCheck): boolean {
  assert(atHand !== undefined, 'in a browser, signatures are checked within atOnce or settled')
  return atHand.holds(check)
}

/**
 * Whether every signature that was said to hold in this run does: in a run that is still being settled, an answer may be a guess. Whoever
 * keeps beyond the run what a signature vouched for asks this first.
 */
export function isCertain(): boolean {
  return atHand?.isCertain ?? true
}
