/** What a ceremony's participants said to all, held against each other as it comes, in whatever order it comes. */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import type { CombinedKey } from '../../../crypto/frost-dealing.ts'
import {
  type Accusation,
  type AccusationCode,
  confirmationCodec,
  type DealingBody,
} from '../../../wire/key-ceremony.ts'
import { groupId, type SigningGroup } from '../../../wire/signing-group.ts'
import { bodyOf, type SigningStatement, statementCodec } from '../../../wire/signing-statement.ts'
import { areTwoDealings, heardIn } from './accusations.ts'
import { type CeremonyPlan, dealingOf, groupOf, receiverIndex } from './plan.ts'

/** What came of a statement: something new, nothing, or the end with a name. */
export type Finding =
  | { readonly kind: 'noted' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'accused'; readonly accusation: Accusation }

export const noted: Finding = { kind: 'noted' }
export const nothing: Finding = { kind: 'nothing' }

/** Names the author of the first statement given, or whom `accused` says. */
export function accuse(
  code: AccusationCode,
  statements: readonly SigningStatement[],
  accused: Uint8Array = statements[0]?.sender ?? new Uint8Array(32),
): Finding {
  const shown = statements.map(said => statementCodec.encode(said))
  return { kind: 'accused', accusation: { code, accused, statements: shown } }
}

/** What all dealers made. */
export interface Made {
  readonly group: SigningGroup
  readonly id: Uint8Array
  readonly key: CombinedKey
}

export class CeremonyRecord {
  readonly #plan: CeremonyPlan
  readonly #dealings = new Map<string, { said: SigningStatement; body: DealingBody }>()
  readonly #echoes = new Map<string, SigningStatement>()
  readonly #confirmations = new Map<string, SigningStatement>()
  /** `null` once it is known that these dealings make none. */
  #made: Made | null | undefined

  constructor(plan: CeremonyPlan) {
    this.#plan = plan
  }

  /** A dealer's package, checked before it is kept. */
  hearDealing(said: SigningStatement): Finding {
    const known = this.#dealings.get(toHex(said.sender))
    if (known !== undefined) {
      return areTwoDealings(known.said, said) ? accuse('TWO_DEALINGS', [known.said, said]) : nothing
    }
    const body = dealingOf(this.#plan, said)
    if (body === undefined) return nothing
    if (body === 'flawed') return accuse('DEALING_INVALID', [said])
    this.#dealings.set(toHex(said.sender), { said, body })
    return noted
  }

  /** What a receiver heard: it must be what everybody heard, and it repairs what was lost on its way here. */
  hearEcho(said: SigningStatement): Finding {
    if (receiverIndex(this.#plan, said.sender) === 0) return nothing
    if (this.#echoes.has(toHex(said.sender))) return nothing
    const heard = heardIn(this.#plan, said)
    if (heard === undefined) return accuse('ECHO_FALSE', [said])
    for (const dealing of heard) {
      const finding = this.hearDealing(dealing)
      if (finding.kind === 'accused') return finding
    }
    this.#echoes.set(toHex(said.sender), said)
    return noted
  }

  /** A receiver holds its share of a group: of the one that all heard being dealt. */
  hearConfirmation(said: SigningStatement): Finding {
    const name = toHex(said.sender)
    if (receiverIndex(this.#plan, said.sender) === 0) return nothing
    if (this.#confirmations.has(name)) return nothing
    this.#confirmations.set(name, said)
    return this.#judgeConfirmation(said)
  }

  /** Confirmations that came before all dealings were known, held against the group at last. */
  judgeEarly(): Finding {
    for (const said of this.#confirmations.values()) {
      const finding = this.#judgeConfirmation(said)
      if (finding.kind === 'accused') return finding
    }
    return nothing
  }

  #judgeConfirmation(said: SigningStatement): Finding {
    const { made } = this
    const echo = this.#echoes.get(toHex(said.sender))
    if (made === undefined || echo === undefined) return noted
    const body = bodyOf(said, 'confirmation', confirmationCodec)
    const isRight = body !== undefined && equalBytes(body.group, made.id)
    return isRight ? noted : accuse('CONFIRMATION_FALSE', [echo, said])
  }

  dealingBy(dealer: Uint8Array): { said: SigningStatement; body: DealingBody } | undefined {
    return this.#dealings.get(toHex(dealer))
  }

  /** All dealings in the order of the dealers; `undefined` while one is missing. */
  get dealings(): readonly { said: SigningStatement; body: DealingBody }[] | undefined {
    const known = this.#plan.dealers.flatMap(({ identity }) => this.dealingBy(identity) ?? [])
    return known.length === this.#plan.dealers.length ? known : undefined
  }

  /** The group of all dealings; `undefined` while one is missing, and if dealers cancelled each other out. */
  get made(): Made | undefined {
    const { dealings } = this
    if (this.#made !== undefined) return this.#made ?? undefined
    if (dealings === undefined) return undefined
    const found = groupOf(
      this.#plan,
      dealings.map(({ body }) => body),
    )
    this.#made = found === undefined ? null : { ...found, id: groupId(found.group) }
    return this.#made ?? undefined
  }

  /** Who has not been heard yet, by what is waited for. */
  missing(what: 'dealing' | 'echo' | 'confirmation'): readonly Uint8Array[] {
    const { dealers, receivers } = this.#plan
    if (what === 'dealing') return absentFrom(this.#dealings, dealers)
    return absentFrom(what === 'echo' ? this.#echoes : this.#confirmations, receivers)
  }

  /** Confirmations heard so far, encoded: all of them together let everybody finish who hears them. */
  get confirmations(): readonly Uint8Array[] {
    return [...this.#confirmations.values()].map(said => statementCodec.encode(said))
  }
}

function absentFrom(
  heard: ReadonlyMap<string, unknown>,
  expected: readonly { readonly identity: Uint8Array }[],
): readonly Uint8Array[] {
  return expected.map(({ identity }) => identity).filter(each => !heard.has(toHex(each)))
}
