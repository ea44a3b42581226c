/**
 * Pairs of nonces that wait for their one use, in memory alone.
 *
 * A signature share with a nonce that was used before gives the signer's share away, so a pair leaves the store
 * before anything is computed with it, and nothing puts it back.
 */
import { BoundedMap } from '../../../base/bounded-map.ts'
import { concatBytes, toHex } from '../../../base/bytes.ts'
import type { Secret } from '../../../base/secret.ts'
import type { NonceCommitment, Nonces } from '../../../crypto/frost.ts'

/** Pairs kept for one asker: two offers. The oldest go first, and whoever waits for them asks again. */
const pairsPerAsker = 32
/** Askers for whom pairs are kept: 2,048 pairs together. */
const askersMax = 64

export class NonceStore {
  readonly #byAsker = new BoundedMap<string, BoundedMap<string, Secret>>(askersMax, pairs =>
    pairs.clear(),
  )

  /** Keeps a pair for exactly this asker. Owns the secret from now on. */
  keep(asker: Uint8Array, { commitment, secret }: Nonces): void {
    const name = toHex(asker)
    const pairs =
      this.#byAsker.get(name) ??
      new BoundedMap<string, Secret>(pairsPerAsker, gone => gone[Symbol.dispose]())
    pairs.set(nameOf(commitment), secret)
    this.#byAsker.set(name, pairs)
  }

  has(asker: Uint8Array, commitment: NonceCommitment): boolean {
    return this.#byAsker.peek(toHex(asker))?.peek(nameOf(commitment)) !== undefined
  }

  /** Takes a pair out for its one use; the caller owns it. `undefined` if it is not there any more, or never was. */
  take(asker: Uint8Array, commitment: NonceCommitment): Secret | undefined {
    const pairs = this.#byAsker.peek(toHex(asker))
    return pairs?.take(nameOf(commitment))
  }

  clear(): void {
    this.#byAsker.clear()
  }
}

function nameOf({ hiding, binding }: NonceCommitment): string {
  return toHex(concatBytes(hiding, binding))
}
