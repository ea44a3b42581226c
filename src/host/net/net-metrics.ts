/** What operators see of the network, as metrics. Nobody's id is in any of it. */
import type { MetricFamily, MetricSample } from '../telemetry/port.ts'
import type { GossipCounts } from './gossip.ts'
import type { GossipArrivals, GossipRegister } from './gossip-register.ts'

/** What the metrics are read from, at the moment of asking. */
export interface NetFigures {
  readonly net: {
    connections(): readonly { readonly outbound: boolean }[]
    socketCount(): number
    lightCounts(): { readonly connections: number }
    dialTargets(): readonly unknown[]
  }
  readonly verifications: { readonly length: number }
  readonly gossip: {
    readonly counts: GossipCounts
    readonly register: GossipRegister
    graylisted(): number
  }
}

const one = (value: number): readonly MetricSample[] => [{ labels: {}, value }]

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, kind: 'gauge', help, labels: [], samples: one(value) }
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { name, kind: 'counter', help, labels: [], samples: one(value) }
}

export function netMetrics(figures: NetFigures): readonly MetricFamily[] {
  const { net, verifications } = figures
  const connections = net.connections()
  const out = connections.filter(({ outbound }) => outbound).length
  return [
    {
      name: 'coterie_net_connections',
      kind: 'gauge',
      help: 'Open member connections, by who dialled.',
      labels: ['direction'],
      samples: [
        { labels: { direction: 'out' }, value: out },
        { labels: { direction: 'in' }, value: connections.length - out },
      ],
    },
    gauge('coterie_net_sockets', 'Open connections of every role.', net.socketCount()),
    gauge(
      'coterie_net_light_clients',
      'Open connections of light clients.',
      net.lightCounts().connections,
    ),
    gauge(
      'coterie_net_dial_targets',
      'Addresses and nodes in the dial loop.',
      net.dialTargets().length,
    ),
    gauge(
      'coterie_net_verifications_queued',
      'Appraisals that wait for a turn of the event loop.',
      verifications.length,
    ),
    ...gossipMetrics(figures.gossip),
  ]
}

function gossipMetrics(gossip: NetFigures['gossip']): readonly MetricFamily[] {
  const { counts, register } = gossip
  const byTopic = (name: string, help: string, kept: keyof GossipArrivals): MetricFamily => ({
    name,
    kind: 'counter',
    help,
    labels: ['topic'],
    samples: [...register.arrivals].map(([topic, arrived]) => ({
      labels: { topic },
      value: arrived[kept],
    })),
  })
  return [
    gauge(
      'coterie_net_gossip_peers_graylisted',
      'Neighbours whose gossip is ignored for their score.',
      gossip.graylisted(),
    ),
    byTopic(
      'coterie_net_gossip_copies_total',
      'Gossip messages that arrived, every copy.',
      'copies',
    ),
    byTopic('coterie_net_gossip_duplicates_total', 'Copies of messages seen before.', 'duplicates'),
    counter(
      'coterie_net_gossip_streams_healed_total',
      'Streams that gossipsub had lost and that were opened again.',
      counts.healed,
    ),
    counter(
      'coterie_net_gossip_over_rate_total',
      'Messages of neighbours above their rate, ignored.',
      counts.overRate,
    ),
    counter(
      'coterie_net_gossip_unheard_total',
      'Own messages that reached nobody although a member was connected.',
      counts.unheard,
    ),
  ]
}
