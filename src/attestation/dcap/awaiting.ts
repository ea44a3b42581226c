/**
 * Quotes that a machine made, and that lacked documents of Intel when they were verified. A judgement learns by the first look which documents
 * it needs, and looks again with them: the signatures of the quote are good by then, and nothing is verified twice.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import { framedHashHex } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'

/** Appraisals that wait for documents at once; a quote that was pushed out is verified once more. */
const quotesMax = 64

export class AwaitingQuotes {
  /** By the digest of all bytes, and so of the keys and signatures in them. */
  readonly #names = new BoundedMap<string, true>(quotesMax)

  /** The signatures in these bytes are good. */
  add(quote: Uint8Array): void {
    this.#names.set(nameOf(quote), true)
  }

  /** Whether they were found good, and nobody asked since: once, so that a quote shown again and again is verified again and again. */
  take(quote: Uint8Array): boolean {
    return this.#names.size > 0 && this.#names.delete(nameOf(quote))
  }
}

const nameOf = (quote: Uint8Array): string => framedHashHex(domains.quote, quote)
