import { expect, test } from 'vitest'
import { seconds } from '../../../../src/base/time.ts'
import { FakeNetwork } from '../../../fakes/replica-network.ts'

/** Pulls that one idle node begins within a minute, in a network of `count`. */
function idlePulls(count: number): number {
  const network = new FakeNetwork({ seed: 7, replica: { syncInterval: seconds(2) } })
  network.found()
  for (let i = 1; i < count; i++) network.join()
  network.beatFor(30)
  let pulls = 0
  const [first] = network.nodes
  if (first === undefined) throw new Error('nobody')
  const step = first.replica.step.bind(first.replica)
  first.replica.step = (input, now) => {
    const effects = step(input, now)
    pulls += effects.filter(({ kind }) => kind === 'askSync').length
    return effects
  }
  network.beatFor(60)
  return pulls
}

test('a node asks one member each interval for what it missed, however many there are', () => {
  const few = idlePulls(3)
  const many = idlePulls(9)
  expect(few).toBeGreaterThan(20)
  expect(many).toBeGreaterThan(20)
  expect(many).toBeLessThan(40)
})
