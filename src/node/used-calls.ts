/** Which calls were carried out: each id until its call counts no more anyway. Bounded; what is full refuses and never forgets. */
import type { Timestamp } from '../base/time.ts'

/** Of one client, and of all together: some 20 a second each for a minute, and 2 MiB of memory. */
export const usedCallsMax = { ofClient: 1_024, ofAll: 16_384 } as const

export class UsedCalls {
  /** Client key → id → expiry. */
  readonly #used = new Map<string, Map<string, Timestamp>>()
  #count = 0

  /** Keeps the id of a call that counts until `expiresAt`, and answers whether it is new. `now` never goes back. */
  take(
    { client, id }: { readonly client: string; readonly id: string },
    expiresAt: Timestamp,
    now: Timestamp,
  ): 'new' | 'used' | 'full' {
    const own = this.#used.get(client)
    if (own?.has(id) === true) return 'used'
    const isFull = (own?.size ?? 0) >= usedCallsMax.ofClient || this.#count >= usedCallsMax.ofAll
    if (isFull && !this.#forgetExpired(client, now)) return 'full'
    const ids = this.#used.get(client) ?? new Map<string, Timestamp>()
    ids.set(id, expiresAt)
    this.#used.set(client, ids)
    this.#count++
    return 'new'
  }

  get count(): number {
    return this.#count
  }

  /** Whether there is room for this client then. */
  #forgetExpired(client: string, now: Timestamp): boolean {
    for (const [name, ids] of this.#used) {
      for (const [id, expiresAt] of ids) {
        if (expiresAt <= now && ids.delete(id)) this.#count--
      }
      if (ids.size === 0) this.#used.delete(name)
    }
    const own = this.#used.get(client)?.size ?? 0
    return own < usedCallsMax.ofClient && this.#count < usedCallsMax.ofAll
  }
}
