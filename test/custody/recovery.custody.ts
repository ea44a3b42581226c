/** The worst day over real processes, by the tools that people have: every node killed while somebody writes, and the state comes back. */
import { expect, test } from 'vitest'
import type { DrillReport } from '../../testnet/drill.ts'
import { coterie } from '../fixtures/command-line.ts'

test('the drill loses every node of a network and brings its state back with shares of two holders', async () => {
  const { code, out, err } = await coterie(['testnet', 'drill', 'recovery', '--json'])
  expect([code, err]).toEqual([0, expect.stringContaining('all nodes are gone')])
  const report: DrillReport = JSON.parse(out)
  expect(report).toMatchObject({
    ok: true,
    settled: { written: 20, back: 20 },
    isSaid: true,
    root: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  // What is lost is the end, and nothing but the end.
  const { written, back } = report.tail
  expect(written).toBeGreaterThan(0)
  expect(back).toBeLessThanOrEqual(written)
  const order = [
    'started',
    'provisioned',
    'settled',
    'killed',
    'restarted',
    'injected',
    'recovered',
    'joined',
    'verified',
  ]
  const times = order.map(what => report.seconds[what] ?? Number.NaN)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
})
