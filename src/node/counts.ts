/** What the shell counts as it happens. Machines count nothing: whoever carries their effects out does. */
import type { MetricFamily } from '../host/telemetry/port.ts'

/**
 * Values of labels per metric. Codes and reasons may come from peers: past the bound they are counted as
 * `other`, so that nobody can grow the table.
 */
const seriesMax = 64

const counted = {
  coterie_attestation_verifications_total: {
    help: 'Appraisals of evidence, those answered from the verdict cache included.',
    labels: ['tee', 'verdict', 'reason'],
  },
  coterie_net_peer_disconnects_total: {
    help: 'Member connections that closed, by the reason that either side gave.',
    labels: ['reason'],
  },
  coterie_net_handshake_refusals_total: {
    help: 'Handshakes that did not end in a connection, by who said no and the code.',
    labels: ['by', 'code'],
  },
  coterie_wire_decode_rejects_total: {
    help: 'Gossip messages that were rejected: no honest neighbour forwards them.',
    labels: ['why'],
  },
  coterie_signing_drops_total: {
    help: 'Statements of threshold signing that were not taken: above a rate, about nothing known here, brought by another, or for one who does not read.',
    labels: ['why'],
  },
  coterie_replica_sync_bytes_total: {
    help: 'Bytes of sync before sealing, by direction and by what began it.',
    labels: ['direction', 'path'],
  },
} as const

type CountedName = keyof typeof counted
type LabelsOf<Name extends CountedName> = Readonly<
  Record<(typeof counted)[Name]['labels'][number], string>
>

interface Series {
  readonly labels: Readonly<Record<string, string>>
  value: number
}

/** The counts of one node since it was made. */
export class Counts {
  readonly #series = new Map<CountedName, Map<string, Series>>()

  add<Name extends CountedName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const all = this.#series.get(name) ?? new Map<string, Series>()
    this.#series.set(name, all)
    const plain = Object.fromEntries(
      Object.entries<string>(labels).map(([label, text]) => [label, plainText(text)]),
    )
    const key = JSON.stringify(plain)
    const known = all.get(key)
    if (known !== undefined) known.value += by
    else if (all.size < seriesMax) all.set(key, { labels: plain, value: by })
    else this.#addOther(name, all, by)
  }

  /** Every counted metric, those that never happened included. */
  families(): readonly MetricFamily[] {
    const rows = Object.entries(counted) as [CountedName, (typeof counted)[CountedName]][]
    return rows.map(([name, { help, labels }]) => ({
      name,
      kind: 'counter' as const,
      help,
      labels,
      samples: [...(this.#series.get(name)?.values() ?? [])],
    }))
  }

  #addOther(name: CountedName, all: Map<string, Series>, by: number): void {
    const labels = Object.fromEntries(counted[name].labels.map(label => [label, 'other']))
    const other = all.get('other') ?? { labels, value: 0 }
    other.value += by
    all.set('other', other)
  }
}

/** Codes are short and of letters; what a peer sends in place of one is cut to that. */
function plainText(text: string): string {
  return text.slice(0, 48).replace(/[^\w.-]/g, '_')
}
