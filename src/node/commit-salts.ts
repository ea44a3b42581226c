import type { Digest } from '../base/ids.ts'
import type { Clock } from '../base/time.ts'
import { MacKey } from '../crypto/hash.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'

/** Salts of private leaves: a commit key made ready once, because every changed entry asks for one. */
export class CommitSalts {
  readonly #ports: {
    readonly clock: Clock
    readonly membership: Pick<MembershipQueries, 'openingKey'>
  }
  readonly #keys = new Map<Digest, MacKey>()

  constructor(ports: {
    readonly clock: Clock
    readonly membership: Pick<MembershipQueries, 'openingKey'>
  }) {
    this.#ports = ports
  }

  /** 32 fresh bytes, or `undefined` while the key is not held. */
  salt(commitKey: Digest, data: Uint8Array): Uint8Array | undefined {
    const known = this.#keys.get(commitKey)
    if (known !== undefined) return known.sign(data)
    const { clock, membership } = this.#ports
    const made = membership
      .openingKey(commitKey, clock.monotonic())
      ?.key.use(key => new MacKey(key))
    if (made === undefined) return undefined
    this.#keys.set(commitKey, made)
    return made.sign(data)
  }

  /** The key was wiped: so is what was made of it. */
  forget(commitKey: Digest): void {
    this.#keys.get(commitKey)?.[Symbol.dispose]()
    this.#keys.delete(commitKey)
  }

  [Symbol.dispose](): void {
    for (const commitKey of [...this.#keys.keys()]) this.forget(commitKey)
  }
}
