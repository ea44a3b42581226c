/** What the live view shows: lines of styled text made from snapshots and events. Pure. */
import type { TestnetEvent } from './network.ts'
import type { NodeSnapshot } from './snapshot.ts'

export type Tone = 'plain' | 'title' | 'alarm' | 'good' | 'warning' | 'bad' | 'faint'

export interface Span {
  readonly text: string
  readonly tone: Tone
}

export type Line = readonly Span[]

export interface ViewModel {
  readonly nodes: readonly NodeSnapshot[]
  /** The last known id of each place, by name: a stopped node is still known to the others. */
  readonly ids: ReadonlyMap<string, string>
  /** Seconds from the start until all had converged for the first time, or `null` before. */
  readonly convergedAfter: number | null
  /** Why they are not converged now, or `null` if they are. */
  readonly divergence: string | null
  readonly seed: string
  /** Newest last. */
  readonly events: readonly TestnetEvent[]
  /** Where a browser sees the network. */
  readonly page: string
  /** What to try next. */
  readonly commands: readonly string[]
}

export const banner = 'SIMULATED TEE — NOT SECURE'
export const farewell =
  'Ctrl-C stops all nodes. The state lives in their memory: with the last one it is lost.'

const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone })

/** The whole view in at most `rows` lines: events give way first, then commands. */
export function renderView(model: ViewModel, rows: number): Line[] {
  const head: Line[] = [
    [
      span('coterie testnet', 'title'),
      span(`   seed ${model.seed}   `, 'faint'),
      span(` ${banner} `, 'alarm'),
    ],
    [progress(model)],
    [],
    ...nodeTable(model),
  ]
  const commands: Line[] = [
    [],
    [span('In a browser: ', 'faint'), span(model.page)],
    [span('Next, in another terminal:', 'faint')],
    ...model.commands.map(command => [span(`  ${command}`)]),
    [span(farewell, 'faint')],
  ]
  const shown = head.length + commands.length <= rows ? commands : []
  const eventRows = Math.max(0, rows - head.length - shown.length - 2)
  const latest = model.events.slice(Math.max(0, model.events.length - eventRows))
  const events: Line[] =
    eventRows > 0 ? [[], [span('events', 'faint')], ...latest.map(eventLine)] : []
  return [...head, ...events, ...shown].slice(0, rows)
}

/** An event as a line of its own: time, node, text. */
export function eventText({ at, node, text }: TestnetEvent): string {
  return `${at.toISOString().slice(11, 19)}  ${node.padEnd(8)}  ${text}`
}

/** One line about all nodes, for output that is not redrawn. */
export function summaryText(nodes: readonly NodeSnapshot[]): string {
  const active = nodes.filter(node => node.status?.phase === 'active').length
  const roots = new Set(nodes.flatMap(node => node.status?.state.root ?? []))
  const [root = ''] = roots
  const writes = nodes.reduce((sum, node) => sum + (node.status?.state.writesPerSecond ?? 0), 0)
  const agreement = roots.size === 1 ? `root ${shortHash(root)}` : `${roots.size} different roots`
  return `${active} of ${nodes.length} active, ${agreement}, ${writes.toFixed(1)} writes/s`
}

/** Enough of a hash to tell two apart by eye. */
export function shortHash(hash: string): string {
  return hash.slice(0, 10)
}

/** The end of a node id: all begin alike. */
export function shortId(id: string): string {
  return id === '' ? '-' : `…${id.slice(-6)}`
}

function progress(model: ViewModel): Span {
  const total = model.nodes.length
  if (model.convergedAfter === null) {
    return span(`starting ${total} nodes: ${model.divergence ?? 'waiting'}`, 'warning')
  }
  const first = `${total} nodes mutually attested and converged ${model.convergedAfter.toFixed(1)} s after the start`
  return model.divergence === null ? span(first, 'good') : span(model.divergence, 'warning')
}

interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly cell: (node: NodeSnapshot, model: Pick<ViewModel, 'nodes' | 'ids'>) => Span
}

const none = span('-', 'faint')

const columns: readonly Column[] = [
  { title: 'node', align: 'left', cell: node => span(node.name) },
  // What a person kills to see the others notice.
  { title: 'pid', align: 'right', cell: ({ pid }) => (pid === null ? none : span(String(pid))) },
  { title: 'phase', align: 'left', cell: phaseCell },
  { title: 'seen by others', align: 'left', cell: seenCell },
  {
    title: 'members',
    align: 'right',
    cell: ({ status }) => {
      return status === null ? none : span(`${status.members.live}/${status.members.known}`)
    },
  },
  {
    title: 'root',
    align: 'left',
    cell: ({ status }) => (status === null ? none : span(shortHash(status.state.root))),
  },
  {
    title: 'entries',
    align: 'right',
    cell: ({ status }) => (status === null ? none : span(String(status.state.entries))),
  },
  {
    title: 'writes/s',
    align: 'right',
    cell: ({ status }) => {
      return status === null ? none : span(status.state.writesPerSecond.toFixed(1))
    },
  },
  { title: 'api', align: 'left', cell: node => span(node.http, 'faint') },
  { title: 'id', align: 'left', cell: ({ name }, { ids }) => span(shortId(ids.get(name) ?? '')) },
]

function phaseCell(node: NodeSnapshot): Span {
  if (node.pid === null) return span('stopped', 'bad')
  const phase = node.status?.phase ?? 'no answer'
  return span(phase, phase === 'active' ? 'good' : 'warning')
}

/** How the other nodes judge this one: `alive 4`, or `suspect 1, dead 3`. */
function seenCell(node: NodeSnapshot, model: Pick<ViewModel, 'nodes' | 'ids'>): Span {
  const id = model.ids.get(node.name)
  const counts = new Map<string, number>()
  for (const other of model.nodes) {
    if (other.name === node.name) continue
    const state = other.members.find(member => member.node === id)?.state
    if (state !== undefined) counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  if (counts.size === 0) return none
  const text = [...counts].map(([state, count]) => `${state} ${count}`).join(', ')
  if (counts.has('dead')) return span(text, 'bad')
  return span(text, counts.has('suspect') ? 'warning' : 'good')
}

/** One row for each node under a row of titles. */
export function nodeTable(model: Pick<ViewModel, 'nodes' | 'ids'>): Line[] {
  const cells = model.nodes.map(node => columns.map(column => column.cell(node, model)))
  const widths = columns.map(({ title }, i) => {
    return Math.max(title.length, ...cells.map(row => row[i]?.text.length ?? 0))
  })
  const line = (row: readonly Span[]): Line => {
    return row.map(({ text, tone }, i) => {
      const width = widths[i] ?? 0
      const padded = columns[i]?.align === 'right' ? text.padStart(width) : text.padEnd(width)
      return span(`${padded}  `, tone)
    })
  }
  return [line(columns.map(column => span(column.title, 'faint'))), ...cells.map(line)]
}

function eventLine(event: TestnetEvent): Line {
  return [span(eventText(event))]
}
