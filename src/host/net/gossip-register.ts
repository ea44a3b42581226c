/** What gossipsub counts of itself, as far as anybody reads it. */
import type { GossipsubOpts } from '@libp2p/gossipsub'
import type { GossipTopic } from './port.ts'

/** Gossip messages of one topic as they arrived. */
export interface GossipArrivals {
  copies: number
  duplicates: number
}

/** The names that gossipsub gives the two counts that are kept; see its metrics.ts (17.1.1). */
const keptCounts: Readonly<Record<string, keyof GossipArrivals>> = {
  gossipsub_msg_received_prevalidation_total: 'copies',
  gossipsub_pre_validation_duplicate_total: 'duplicates',
}

type Register = NonNullable<GossipsubOpts['metricsRegister']>

/**
 * A register that keeps the two counts that say what gossip costs, and lets the other ninety go: several of
 * them are computed over all peers at every scrape.
 */
export class GossipRegister implements Register {
  /** By topic. */
  readonly arrivals = new Map<string, GossipArrivals>()
  readonly #topicLabels: Map<string, string>

  constructor(topics: Readonly<Record<GossipTopic, string>>) {
    this.#topicLabels = new Map(Object.entries(topics).map(([topic, name]) => [name, topic]))
  }

  /** As gossipsub takes it. */
  options(): Pick<GossipsubOpts, 'metricsRegister' | 'metricsTopicStrToLabel'> {
    return { metricsRegister: this, metricsTopicStrToLabel: this.#topicLabels }
  }

  gauge(config: { readonly name: string }): {
    inc(labels?: unknown): void
    set(): void
    addCollect(): void
  } {
    const kept = keptCounts[config.name]
    return {
      inc: labels => {
        if (kept !== undefined) this.#count(topicOf(labels), kept)
      },
      set: () => {},
      addCollect: () => {},
    }
  }

  histogram(): { startTimer(): () => void; observe(): void; reset(): void } {
    return { startTimer: () => () => {}, observe: () => {}, reset: () => {} }
  }

  avgMinMax(): { set(): void } {
    return { set: () => {} }
  }

  #count(topic: string, kept: keyof GossipArrivals): void {
    // A neighbour names topics as it likes: those that are not ours are one.
    const known = [...this.#topicLabels.values()].includes(topic) ? topic : 'other'
    const counts = this.arrivals.get(known) ?? { copies: 0, duplicates: 0 }
    counts[kept]++
    this.arrivals.set(known, counts)
  }
}

function topicOf(labels: unknown): string {
  return labels instanceof Object && 'topic' in labels ? String(labels.topic) : 'other'
}
