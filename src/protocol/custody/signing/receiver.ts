/** The secret half of receiving: what each dealer dealt to this participant, opened and checked. */
import { toHex } from '../../../base/bytes.ts'
import { Secret } from '../../../base/secret.ts'
import { verifyDealtShare } from '../../../crypto/frost-dealing.ts'
import {
  type ComplaintBody,
  type DealingBody,
  dealtShareCodec,
} from '../../../wire/key-ceremony.ts'
import { bodyOf, type SigningStatement, statementCodec } from '../../../wire/signing-statement.ts'
import type { CeremonyPlan } from './plan.ts'
import { isWhatWasSealed, openShare } from './sealed-share.ts'

/** What came of a dealt share; a complaint is said to everybody. */
export type Received =
  | { readonly kind: 'good' }
  | { readonly kind: 'not-mine' }
  | { readonly kind: 'complaint'; readonly complaint: ComplaintBody }

export class ReceiverPart {
  readonly #plan: CeremonyPlan
  readonly #index: number
  readonly #decapsulate: (ciphertext: Uint8Array) => Secret | undefined
  readonly #shares = new Map<string, Secret>()
  /** Dealers complained of: the first complaint ends the ceremony, and more of what is wrong is no news. */
  readonly #complainedOf = new Set<string>()

  constructor(
    given: { readonly plan: CeremonyPlan; readonly index: number },
    ports: { readonly decapsulate: (ciphertext: Uint8Array) => Secret | undefined },
  ) {
    this.#plan = given.plan
    this.#index = given.index
    this.#decapsulate = ports.decapsulate
  }

  /** A dealer's share for this participant, held against what the dealer told everybody. */
  receive(said: SigningStatement, dealing: DealingBody): Received {
    const received = this.#receive(said, dealing)
    if (received.kind === 'complaint') this.#complainedOf.add(toHex(said.sender))
    return received
  }

  #receive(said: SigningStatement, dealing: DealingBody): Received {
    const body = bodyOf(said, 'dealt-share', dealtShareCodec)
    if (body !== undefined && body.receiver !== this.#index) return { kind: 'not-mine' }
    const dealt = statementCodec.encode(said)
    const unopened: Received = { kind: 'complaint', complaint: { dealt, opened: null } }
    const { identity, kemKey } = this.#plan.receivers[this.#index - 1] ?? {}
    if (body === undefined || identity === undefined || kemKey === undefined) return unopened
    const context = { about: this.#plan.about, dealer: said.sender, receiver: identity }
    const opened = openShare(context, body, { decapsulate: this.#decapsulate })
    // What does not seal to the same bytes shows nothing, so the dealer must open it itself.
    if (opened === undefined || !isWhatWasSealed(context, kemKey, { body, opened })) {
      opened?.share.fill(0)
      return unopened
    }
    const { suite } = this.#plan.proposal
    const to = { index: this.#index, share: opened.share }
    if (!verifyDealtShare(suite, dealing.commitments, to)) {
      return { kind: 'complaint', complaint: { dealt, opened } }
    }
    this.keep(said.sender, new Secret(opened.share))
    return { kind: 'good' }
  }

  /** Takes over a share that is known to be good: its own, from itself. */
  keep(dealer: Uint8Array, share: Secret): void {
    this.#shares.get(toHex(dealer))?.[Symbol.dispose]()
    this.#shares.set(toHex(dealer), share)
  }

  /** Dealers who still owe a good share. */
  get missing(): readonly Uint8Array[] {
    return this.#plan.dealers
      .map(({ identity }) => identity)
      .filter(each => !this.#shares.has(toHex(each)))
  }

  /** Whether nothing more is expected of a dealer: its share is here, or was complained of. */
  isThroughWith(dealer: Uint8Array): boolean {
    const name = toHex(dealer)
    return this.#shares.has(name) || this.#complainedOf.has(name)
  }

  /** Lends the shares of all dealers, in their order. */
  get shares(): readonly Secret[] {
    return this.#plan.dealers.flatMap(({ identity }) => this.#shares.get(toHex(identity)) ?? [])
  }

  [Symbol.dispose](): void {
    for (const share of this.#shares.values()) share[Symbol.dispose]()
    this.#shares.clear()
  }
}
