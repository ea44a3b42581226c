/** The metrics of a process in the text format of Prometheus, by prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { LoopLag } from './loop-lag.ts'
import type { MetricFamily, Telemetry } from './port.ts'

/** Telemetry with the registry that libraries put their own metrics into. */
export interface PrometheusTelemetry extends Telemetry {
  readonly registry: Registry
}

let processRegistry: Registry | undefined

/**
 * Memory, CPU, garbage collection and the event loop are measured once in a process, however many hosts are opened in
 * it: prom-client (15.1.3) starts observers for them that nothing can stop.
 */
function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
  }
  return processRegistry
}

/** This process is measured from now on. */
export function openTelemetry(lag: LoopLag): PrometheusTelemetry {
  const ofProcess = processMetrics()
  const registry = new Registry()
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
      return await Registry.merge([ofProcess, registry]).metrics()
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
