/** The metrics of a process in the text format of Prometheus, by prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { LoopLag } from './loop-lag.ts'
import type { MetricFamily, Telemetry } from './port.ts'

/** Telemetry with the registry that libraries put their own metrics into. */
export interface PrometheusTelemetry extends Telemetry {
  readonly registry: Registry
}

/** Memory, CPU, garbage collection and the event loop of this process are measured from now on. */
export function openTelemetry(lag: LoopLag): PrometheusTelemetry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const known = new Map<string, Counter | Gauge>()
  const write = (family: MetricFamily): void => {
    const { name, help, labels, kind, samples } = family
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    const made = known.get(name) ?? (kind === 'counter' ? new Counter(options) : new Gauge(options))
    known.set(name, made)
    // Values are read anew at every scrape: the counts are kept where things happen.
    made.reset()
    for (const sample of samples) made.inc(sample.labels, sample.value)
  }
  return {
    registry,
    loopLag: () => lag.longest(),
    async exposition(families) {
      for (const family of [...families, lagFamily(lag)]) write(family)
      return await registry.metrics()
    },
  }
}

function lagFamily(lag: LoopLag): MetricFamily {
  return {
    name: 'coterie_host_event_loop_lag_seconds',
    kind: 'gauge',
    help: 'The longest that the event loop was held up in the last ten seconds.',
    labels: [],
    samples: [{ labels: {}, value: lag.longest() / 1000 }],
  }
}
