/** The secret half of dealing: a polynomial, and the seeds that its shares are sealed with. Wiped with the ceremony. */
import type { Random } from '../../../base/random.ts'
import { Secret } from '../../../base/secret.ts'
import { Dealing, weightedShare } from '../../../crypto/frost-dealing.ts'
import { dealingCodec, dealtShareCodec, type OpenedShare } from '../../../wire/key-ceremony.ts'
import type { KeyShare } from './key-share.ts'
import { type CeremonyPlan, type Dealer, handingOf } from './plan.ts'
import { sealShare } from './sealed-share.ts'

export class DealerPart {
  readonly #plan: CeremonyPlan
  readonly #dealer: Dealer
  readonly #dealing: Dealing
  readonly #random: Random
  readonly #seeds = new Map<number, Secret>()

  /** Deals a secret of its own, or of an old key the share of `own`, which is lent. */
  constructor(
    given: { readonly plan: CeremonyPlan; readonly dealer: Dealer; readonly own: KeyShare | null },
    random: Random,
  ) {
    const { plan, dealer, own } = given
    const { suite, threshold } = plan.proposal
    const options = { suite, threshold, index: dealer.index }
    this.#plan = plan
    this.#dealer = dealer
    this.#random = random
    if (own === null) this.#dealing = new Dealing(options, random)
    else {
      using constant = own.use(share => weightedShare(handingOf(plan, dealer), share))
      this.#dealing = new Dealing({ ...options, constant }, random)
    }
  }

  /** What everybody is told. */
  body(): Uint8Array {
    const { commitments, proof } = this.#dealing
    return dealingCodec.encode({ commitments, proof })
  }

  /** The share of a receiver, owned by the caller. */
  shareFor(receiver: number): Secret {
    return this.#dealing.shareFor(receiver)
  }

  /** The sealed share of a receiver; `undefined` if what it attested is no KEM key: then it gets none. */
  sealedFor(receiver: number): Uint8Array | undefined {
    const { kemKey, identity } = this.#plan.receivers[receiver - 1] ?? {}
    if (kemKey === undefined || identity === undefined) return undefined
    const { about } = this.#plan
    const context = { about, dealer: this.#dealer.identity, receiver: identity }
    const sealed = this.#withOpened(receiver, opened => sealShare(context, kemKey, opened))
    return sealed === undefined ? undefined : dealtShareCodec.encode({ receiver, ...sealed })
  }

  /** What was sealed for a receiver, to be shown: it is no secret any more. */
  openedFor(receiver: number): OpenedShare {
    return this.#withOpened(receiver, ({ share, seed }) => ({
      share: share.slice(),
      seed: seed.slice(),
    }))
  }

  #withOpened<T>(receiver: number, action: (opened: OpenedShare) => T): T {
    const seed = this.#seeds.get(receiver) ?? new Secret(this.#random.bytes(32))
    this.#seeds.set(receiver, seed)
    using share = this.#dealing.shareFor(receiver)
    return share.use(shareBytes => seed.use(bytes => action({ share: shareBytes, seed: bytes })))
  }

  [Symbol.dispose](): void {
    this.#dealing[Symbol.dispose]()
    for (const seed of this.#seeds.values()) seed[Symbol.dispose]()
  }
}
