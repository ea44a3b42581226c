/** One value of a metric. Labels are of few values: never an id, an address or a key. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric with all its values, as it is at the moment of asking. */
export interface MetricFamily {
  /** `coterie_<room>_<what>_<unit>`, a counter with `_total` behind; base units. */
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  /** One sentence for people. */
  readonly help: string
  /** Names of the labels that every sample has. */
  readonly labels: readonly string[]
  readonly samples: readonly MetricSample[]
}

/** What a process measures of itself, and how metrics are written down. */
export interface Telemetry {
  /** The metrics of the process with these beside them, in the text format of Prometheus. */
  exposition(families: readonly MetricFamily[]): Promise<string>
  /** The longest that the event loop was held up lately, in milliseconds. */
  loopLag(): number
}
