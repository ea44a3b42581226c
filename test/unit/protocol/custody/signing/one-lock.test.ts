/** Of two messages under one lock, one at most is ever signed: tried over random lives with restarts and copies. */
import { expect, test } from 'vitest'
import {
  live,
  makeGroup,
  outcome,
  signable,
  violations,
} from '../../../../fakes/signing-schedule.ts'

const lives = Number(process.env['SEEDS'] ?? 24)

test.each([
  ['2 of 3', 3, { threshold: 2 }],
  ['3 of 5', 5, { threshold: 3 }],
  ['3 of 4, one of which may be copied', 4, { threshold: 3, clonesMax: 1 }],
])(
  '%s: two messages under one lock are never both signed, over restarts, copies and resharings',
  (_name, size, terms) => {
    const made = makeGroup(size, terms)
    let [signed, reshared] = [0, 0]
    for (let seed = 1; seed <= lives; seed++) {
      const life = live(made, seed, { reshares: seed % 2 === 0 })
      expect(violations(life), `life ${seed}`).toEqual([])
      signed += signable(life).size
      reshared += outcome(life).epochs - 1
    }
    // Lives in which nothing happens would show nothing.
    expect(signed).toBeGreaterThan(lives / 8)
    expect(reshared).toBeGreaterThan(0)
  },
  600_000,
)
