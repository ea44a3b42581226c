/** What was asked of evidence, in order, and what came of it: a verdict without its reasons convinces nobody. */

/** One thing that was asked. `found` and `expected` are public and printable. */
export interface Check {
  /** Stable, kebab-case: `chain`, `report-signature`. */
  readonly id: string
  readonly outcome: 'pass' | 'fail' | 'skipped'
  /** In a person's words: what it means, or why it failed or was not asked. */
  readonly why?: string
  readonly found?: string
  readonly expected?: string
}

/** What was found and what would have been right. */
export type CheckFacts = Pick<Check, 'why' | 'found' | 'expected'>

/** Collects what passed or was skipped. A verifier notes each check in its turn; the first that does not pass is its refusal. */
export class Checks {
  readonly #passed: Check[] = []

  pass(id: string, facts: CheckFacts = {}): void {
    this.#passed.push({ id, outcome: 'pass', ...facts })
  }

  /** Notes what was not asked although its turn came, and why. */
  skip(id: string, why: string): void {
    this.#passed.push({ id, outcome: 'skipped', why })
  }

  get passed(): readonly Check[] {
    return this.#passed
  }
}

/**
 * All checks of `plan` in its order: those that passed, then the one that `failed` names, and the others as skipped. What passed
 * and is not in the plan comes first to be seen as a mistake of the verifier.
 */
export function checkReport(
  plan: readonly string[],
  passed: readonly Check[],
  failed: { readonly id: string; readonly facts: CheckFacts } | undefined,
): readonly Check[] {
  const unplanned = passed.filter(({ id }) => !plan.includes(id))
  const planned = plan.map((id): Check => {
    const known = passed.find(each => each.id === id)
    if (known !== undefined) return known
    if (failed?.id === id) return { id, outcome: 'fail', ...failed.facts }
    return { id, outcome: 'skipped' }
  })
  return [...unplanned, ...planned]
}
