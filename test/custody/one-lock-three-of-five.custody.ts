/** Of two messages under one lock, one at most is ever signed: random lives of groups, a thousand in three files. `SEEDS=1000` for a thousand in each. */
import { expect, test } from 'vitest'
import { live, makeGroup, violations } from '../fakes/signing-schedule.ts'

const lives = Number(process.env['SEEDS'] ?? 200)

test('3 of 5: two messages under one lock are never both signed', () => {
  const made = makeGroup(5, { threshold: 3 })
  for (let seed = 1; seed <= lives; seed++) {
    const life = live(made, seed, { reshares: seed % 2 === 0 })
    expect(violations(life), `life ${seed}`).toEqual([])
  }
})
