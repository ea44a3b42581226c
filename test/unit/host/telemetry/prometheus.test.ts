import { createRequire } from 'node:module'
import type * as performanceHooks from 'node:perf_hooks'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LoopLag } from '../../../../src/host/telemetry/loop-lag.ts'
import type { MetricFamily } from '../../../../src/host/telemetry/port.ts'
import { openTelemetry } from '../../../../src/host/telemetry/prometheus.ts'

function telemetry() {
  const lag = new LoopLag()
  onTestFinished(() => lag.stop())
  return openTelemetry(lag)
}

const family = (value: number, code = 'BUSY'): MetricFamily => ({
  name: 'coterie_net_refusals_total',
  kind: 'counter',
  help: 'Said no.',
  labels: ['code'],
  samples: [{ labels: { code }, value }],
})

test('families are written with their kind, help and labels, as they are at each scrape', async () => {
  const { exposition } = telemetry()
  expect(await exposition([family(3)])).toContain(
    '# HELP coterie_net_refusals_total Said no.\n# TYPE coterie_net_refusals_total counter\ncoterie_net_refusals_total{code="BUSY"} 3\n',
  )
  const later = await exposition([family(5, 'REMOVED')])
  expect(later).toContain('coterie_net_refusals_total{code="REMOVED"} 5')
  expect(later).not.toContain('BUSY')
})

test('a label that tries to forge a line is written as one value', async () => {
  const { exposition } = telemetry()
  const text = await exposition([family(1, 'x"} 1\nforged_total 9\n')])
  expect(text.split('\n').filter(line => line.startsWith('forged'))).toEqual([])
})

test('the process is measured: memory, CPU, and how long the loop was held up', async () => {
  const opened = telemetry()
  const until = performance.now() + 400
  while (performance.now() < until);
  expect(opened.loopLag()).toBeGreaterThan(50)
  const text = await opened.exposition([])
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_p99_seconds',
    'coterie_host_event_loop_lag_seconds',
  ]) {
    expect(text).toMatch(new RegExp(`^${name} `, 'm'))
  }
})

test('a watch that ended keeps what it saw, and calls nothing late that came after', async () => {
  const lag = new LoopLag()
  lag.stop()
  const seen = lag.longest()
  const until = performance.now() + 400
  while (performance.now() < until);
  await new Promise(resolve => setTimeout(resolve, 1))
  expect(lag.longest()).toBe(seen)
})

test('hosts that are opened one after the other leave one measurement of the process, not one each', async () => {
  telemetry()
  // The object that prom-client calls: what Node observes is seen nowhere else.
  const hooks: typeof performanceHooks = createRequire(import.meta.url)('node:perf_hooks')
  const begun = vi.spyOn(hooks, 'monitorEventLoopDelay')
  onTestFinished(() => begun.mockRestore())
  const opened = [telemetry(), telemetry(), telemetry()]
  expect(begun).not.toHaveBeenCalled()
  for (const { exposition } of opened) {
    const text = await exposition([family(1)])
    expect(text.match(/^process_cpu_seconds_total /gm)).toHaveLength(1)
    expect(text).toContain('coterie_net_refusals_total{code="BUSY"} 1')
  }
})
