/** Of two messages under one lock, one at most is ever signed: many random lives of groups. `SEEDS=1000` for a thousand of each. */
import { expect, test } from 'vitest'
import { live, makeGroup, violations } from '../fakes/signing-schedule.ts'

const lives = Number(process.env['SEEDS'] ?? 340)

test.each([
  ['2 of 3', 3, { threshold: 2 }],
  ['3 of 5', 5, { threshold: 3 }],
  ['3 of 4, one of which may be copied', 4, { threshold: 3, clonesMax: 1 }],
])('%s: two messages under one lock are never both signed', (_name, size, terms) => {
  const made = makeGroup(size, terms)
  for (let seed = 1; seed <= lives; seed++) {
    const life = live(made, seed, { reshares: seed % 2 === 0 })
    expect(violations(life), `life ${seed}`).toEqual([])
  }
})
