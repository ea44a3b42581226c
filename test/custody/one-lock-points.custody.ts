/** The same with a restart, or a copy of a memory, between every two steps of one life. */
import { expect, test } from 'vitest'
import { live, makeGroup, stepsOfTrouble, violations } from '../fakes/signing-schedule.ts'

test.each([
  ['a signer starts anew', 'restart', 3, { threshold: 2 }],
  ['a memory is copied', 'clone', 4, { threshold: 3, clonesMax: 1 }],
] as const)(
  '%s between any two steps: two messages under one lock are never both signed',
  (_name, what, size, terms) => {
    const made = makeGroup(size, terms)
    for (let step = 0; step < stepsOfTrouble; step++) {
      const life = live(made, step + 1, { reshares: step % 2 === 0, before: { step, what } })
      expect(violations(life), `before step ${step}`).toEqual([])
    }
  },
)
