/** Nonce commitments of signers, kept for the next signatures; each is given out once. */
import { equalBytes } from '../../../base/bytes.ts'
import type { Random } from '../../../base/random.ts'
import { after, type Duration, type Instant } from '../../../base/time.ts'
import { isNonceCommitment, type NonceCommitment } from '../../../crypto/frost.ts'
import type { FrostSuite } from '../../../crypto/frost-suite.ts'
import { sessionBytes } from '../../../wire/signing-statement.ts'
import type { NonceOfferBody } from '../../../wire/threshold-signing.ts'

interface Held {
  commitments: NonceCommitment[]
  asked: { readonly session: Uint8Array; readonly at: Instant; isAnswered: boolean } | undefined
}

export class NoncePool {
  readonly #suite: FrostSuite
  readonly #random: Random
  /** How many are asked for at a time. */
  readonly #ahead: number
  readonly #bySigner = new Map<number, Held>()

  constructor(suite: FrostSuite, random: Random, ahead: number) {
    this.#suite = suite
    this.#ahead = ahead
    this.#random = random
  }

  /** What to ask a signer for more under; `undefined` while a quarter is left, or it was asked just now. */
  ask(index: number, now: Instant, patience: Duration): Uint8Array | undefined {
    const held = this.#of(index)
    const isAsked = held.asked !== undefined && now < after(held.asked.at, patience)
    if (4 * held.commitments.length >= this.#ahead || isAsked) return undefined
    held.asked = { session: this.#random.bytes(sessionBytes), at: now, isAnswered: false }
    return held.asked.session
  }

  /**
   * Takes an offer in that was asked for. Returns whether it was, and is of points. One that is not is no reason to ask
   * again sooner than after silence: else whoever offers rubbish has its points judged without end.
   */
  add(index: number, session: Uint8Array, { commitments }: NonceOfferBody): boolean {
    const held = this.#of(index)
    const { asked } = held
    if (asked === undefined || asked.isAnswered || !equalBytes(asked.session, session)) return false
    asked.isAnswered = true
    if (commitments.length === 0 || commitments.length > this.#ahead) return false
    if (!commitments.every(each => isNonceCommitment(this.#suite, each))) return false
    held.asked = undefined
    held.commitments.push(...commitments)
    return true
  }

  has(index: number): boolean {
    return this.#of(index).commitments.length > 0
  }

  /** Gives one out, for ever. */
  take(index: number): NonceCommitment | undefined {
    return this.#of(index).commitments.shift()
  }

  /** The signer does not know what is held any more. */
  drop(index: number): void {
    this.#bySigner.delete(index)
  }

  #of(index: number): Held {
    const held = this.#bySigner.get(index) ?? { commitments: [], asked: undefined }
    this.#bySigner.set(index, held)
    return held
  }
}
