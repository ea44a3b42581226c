/** A joiner and the members that tell it the time, one of whom lies. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex } from '../../../../src/base/bytes.ts'
import { nodeIdOfKey } from '../../../../src/base/ids.ts'
import { instant, milliseconds } from '../../../../src/base/time.ts'
import { ClockAdoption } from '../../../../src/protocol/replica/clock-adoption.ts'
import { FakeNetwork, type FakeNode, openRules } from '../../../fakes/replica-network.ts'

const start = Date.UTC(2026, 10, 2)
const years = 10 * 365 * 86_400_000
const drift = milliseconds(30_000)
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const timeOf = (network: FakeNetwork, node: FakeNode): number | undefined =>
  node.replica.groupClock(instant(network.now))

test('two instances that agree are believed, one of several is not, the only one is', () => {
  const [a, b, c] = ['a', 'b', 'c']
  const adoption = new ClockAdoption()
  adoption.heard(a, start + years, instant(0))
  expect(adoption.agreed(new Set([a, b]), drift, instant(0))).toBeUndefined()
  adoption.heard(b, start, instant(0))
  expect(adoption.agreed(new Set([a, b]), drift, instant(0))).toBeUndefined()
  adoption.heard(c, start + 1000, instant(1000))
  const agreed = adoption.agreed(new Set([a, b, c]), drift, instant(1000))
  expect(Math.abs((agreed ?? 0) - start - 1000)).toBeLessThanOrEqual(drift)
  const alone = new ClockAdoption()
  alone.heard(a, start, instant(0))
  expect(alone.agreed(new Set([a]), drift, instant(500))).toBe(start + 500)
})

test('one instance with many identities is one voice, and an old word is none', () => {
  const adoption = new ClockAdoption()
  for (let i = 0; i < 20; i++) adoption.heard('liar', start + years, instant(i))
  adoption.heard('honest', start, instant(0))
  expect(adoption.agreed(new Set(['liar', 'honest']), drift, instant(20))).toBeUndefined()
  adoption.heard('other', start, instant(0))
  adoption.heard('liar', start + years, instant(60_000))
  const active = new Set(['liar', 'honest', 'other'])
  expect(adoption.agreed(active, drift, instant(60_000))).toBeUndefined()
})

for (const lie of [years, -86_400_000, 3_600_000, -years]) {
  test(`a joiner whose neighbours disagree goes by the two that agree, not by one that is ${lie} ms off`, () => {
    const network = new FakeNetwork({ seed: 3 })
    const [a, b, liar] = [network.found(), network.join(), network.join()]
    network.beatFor(3)
    liar.clockLie = lie
    const joiner = network.join()
    for (const other of [a, b]) network.disconnect(joiner, other)
    network.beatFor(3)
    // Nobody but the liar is there to ask: it waits.
    expect(joiner.phase).toBe('joining')
    for (const other of [a, b]) network.connect(joiner, other)
    network.beatFor(10)
    expect(joiner.phase).toBe('active')
    expect(Math.abs((timeOf(network, joiner) ?? 0) - (timeOf(network, a) ?? 0))).toBeLessThan(2000)
    network.set(joiner, 'k', 'joiner')
    network.beatFor(3)
    const entry = a.replica.get('k')
    expect(entry?.kind === 'register' && fromUtf8(entry.value)).toBe('joiner')
    expect(new Set([a, b, joiner].map(rootOf)).size).toBe(1)
  })

  test(`a joiner that knew only a liar at first, ${lie} ms off, is set right by two others`, () => {
    const network = new FakeNetwork({ seed: 4, wall: start + lie })
    const liar = network.found()
    const joiner = network.join()
    network.beatFor(3)
    expect(joiner.phase).toBe('active')
    network.set(joiner, 'early', 'v', 'local')
    const honest = [1, 2].map(i => nodeIdOfKey(new Uint8Array(32).fill(i)))
    const members = [joiner.id, liar.id, ...honest].map((node, i) => ({
      ...{ node, instance: `i${i}`, phase: 'active' as const },
    }))
    network.feed(joiner, { kind: 'membersChanged', members })
    for (const node of honest) {
      network.feed(joiner, { kind: 'beat', node, root: null, groupClock: start + network.now })
    }
    expect(timeOf(network, joiner)).toBe(start + network.now)
    if (lie > 0) expect(joiner.replica.get('early')).toBeUndefined()
    else expect(joiner.replica.get('early')).toBeDefined()
  })
}

test('a joiner takes the time by the drift of the manifest in force, not by that of its boot', () => {
  const network = new FakeNetwork({ seed: 4, replica: { maxDrift: drift } })
  const [, ahead] = [network.found(), network.join()]
  network.beatFor(3)
  ahead.clockLie = 45_000
  const joiner = network.join()
  network.beatFor(3)
  expect(timeOf(network, joiner)).toBeUndefined()
  network.feed(joiner, {
    kind: 'rulesChanged',
    rules: { ...openRules, maxDrift: milliseconds(60_000) },
  })
  network.beatFor(3)
  expect(timeOf(network, joiner)).toBeDefined()
})
