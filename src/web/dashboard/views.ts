/** What the page shows, as rows and words made from what it knows. Pure, and the only place where words are chosen. */
import type { Look } from '../../api/look.ts'
import type { DeskNode } from './desk.ts'
import type { Watched } from './model.ts'

export type Tone = 'good' | 'warning' | 'bad' | 'calm'

/** The end of an id: all begin alike. */
export function shortId(id: string): string {
  return id.length > 12 ? `…${id.slice(-6)}` : id
}

export function shortHash(hash: string): string {
  return hash === '' ? 'none yet' : hash.slice(0, 10)
}

export function nameOf(watched: Pick<Watched, 'names'>, id: string): string {
  return watched.names.get(id) ?? shortId(id)
}

/** Seconds in the largest unit that says enough. */
export function spanText(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

/** The time of day of an ISO 8601 time, in UTC as logs have it. */
export function timeText(iso: string): string {
  return iso.slice(11, 19)
}

export interface MemberRow {
  readonly id: string
  readonly name: string
  readonly self: boolean
  readonly state: string
  readonly tone: Tone
  readonly phase: string
  readonly phi: string
  readonly platform: string
  readonly measurement: string
  /** How this node came to believe it. */
  readonly attested: string
  readonly lastBeat: string
  readonly root: string
  readonly agrees: boolean
}

const stateTones: Readonly<Record<string, Tone>> = {
  alive: 'good',
  suspect: 'warning',
  dead: 'bad',
  new: 'calm',
}

export function toneOf(state: string): Tone {
  return stateTones[state] ?? 'calm'
}

export function memberRows(watched: Watched): readonly MemberRow[] {
  const { look } = watched
  if (look === null) return []
  const vitals = new Map(look.vitals.members.map(member => [member.node, member]))
  const rows = look.members.map((member): MemberRow => {
    const own = vitals.get(member.node)
    const age = own?.beatAgesMs.at(-1)
    const root = member.self ? look.status.state.root : (own?.root ?? '')
    const apart = own?.apartMs ?? 0
    return {
      id: member.node,
      name: nameOf(watched, member.node),
      self: member.self,
      state: member.state,
      tone: toneOf(member.state),
      phase: member.phase,
      phi: member.phi === null ? '–' : member.phi.toFixed(1),
      platform: member.platform,
      measurement: member.measurement,
      attested: attestedText(watched, member),
      lastBeat: member.self
        ? '–'
        : age === undefined
          ? 'over 10 s ago'
          : `${(age / 1000).toFixed(1)} s ago`,
      root:
        apart > 0 && root !== ''
          ? `${shortHash(root)}, apart ${spanText(apart / 1000)}`
          : shortHash(root),
      agrees: apart === 0,
    }
  })
  return rows.toSorted((left, right) =>
    left.name.localeCompare(right.name, 'en', { numeric: true }),
  )
}

function attestedText(watched: Watched, { self, vouchedBy }: Look['members'][number]): string {
  if (self) return 'this node'
  if (vouchedBy.length === 0) return 'appraised here'
  return `on the word of ${vouchedBy.map(id => nameOf(watched, id)).join(', ')}`
}

/** Whether replicas agree, in a few words. */
export function agreement(watched: Watched): { readonly text: string; readonly tone: Tone } {
  const roots = watched.desk === null ? rootsHere(watched) : rootsThere(watched.desk.nodes)
  const count = roots.length
  const different = new Set(roots).size
  if (count === 0) return { text: 'no root yet', tone: 'calm' }
  if (different > 1) return { text: `${different} roots in ${count}`, tone: 'warning' }
  return { text: count === 1 ? 'this one' : `all ${count} agree`, tone: 'good' }
}

function rootsHere({ look }: Watched): readonly string[] {
  if (look === null) return []
  const living = new Set(
    look.members.filter(({ state }) => state !== 'dead').map(({ node }) => node),
  )
  const others = look.vitals.members.filter(({ node }) => living.has(node))
  const { root } = look.status.state
  // A moment's difference is a beat under way; a span that lasts is a difference.
  return [root, ...others.map(other => (other.apartMs < 3_000 ? root : (other.root ?? '')))].filter(
    Boolean,
  )
}

function rootsThere(nodes: readonly DeskNode[]): readonly string[] {
  return nodes.flatMap(({ isExtra, root }) =>
    isExtra || root === null || root === '' ? [] : [root],
  )
}

export interface GraphNode {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly platform: string
  readonly self: boolean
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  /** Both believe each other, one believes the other, or one does by a third's word. */
  readonly kind: 'mutual' | 'one-way' | 'by-word'
}

export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

/** Who is attested by whom: of the whole testnet where the desk tells it, else as far as this node sees. */
export function graphOf(watched: Watched): Graph {
  return watched.desk === null ? graphHere(watched) : graphThere(watched, watched.desk.nodes)
}

function graphHere({ look, names }: Watched): Graph {
  if (look === null) return { nodes: [], edges: [] }
  const self = look.status.node
  const nodes = look.members.map(member => ({
    id: member.node,
    name: nameOf({ names }, member.node),
    state: member.phase === 'joining' && member.state !== 'dead' ? 'joining' : member.state,
    platform: member.platform,
    self: member.self,
  }))
  const edges = look.members.flatMap((member): GraphEdge[] => {
    if (member.self) return []
    const { node, vouchedBy, connected } = member
    // An open connection is a verdict of both sides; without one only this side's is known.
    if (vouchedBy.length === 0)
      return [{ from: self, to: node, kind: connected ? 'mutual' : 'one-way' }]
    return vouchedBy.map(from => ({ from, to: node, kind: 'by-word' as const }))
  })
  return { nodes, edges }
}

function graphThere(watched: Watched, places: readonly DeskNode[]): Graph {
  const self = watched.look?.status.node
  const platforms = new Map(watched.look?.members.map(({ node, platform }) => [node, platform]))
  const lastIds = new Map([...watched.names].map(([id, name]) => [name, id]))
  const nodes = places.map(place => {
    const id = place.node ?? lastIds.get(place.name) ?? place.name
    const seen = places.flatMap(({ members }) =>
      members.filter(member => member.node === id && !member.self),
    )
    const platform = platforms.get(id) ?? (place.isExtra ? 'not attested' : '')
    return { id, name: place.name, state: placeState(place, seen), platform, self: id === self }
  })
  const believes = new Map(
    places.map(({ node, members }) => [
      node ?? '',
      new Map(
        members.filter(({ self: own, state }) => !own && state !== 'dead').map(m => [m.node, m]),
      ),
    ]),
  )
  const edges: GraphEdge[] = []
  for (const [i, { id: left }] of nodes.entries()) {
    for (const { id: right } of nodes.slice(i + 1)) {
      const [there, back] = [believes.get(left)?.get(right), believes.get(right)?.get(left)]
      if (there === undefined && back === undefined) continue
      const [from, to] = there === undefined ? [right, left] : [left, right]
      const isByWord = [there, back].some(member => (member?.vouchedBy.length ?? 0) > 0)
      const isMutual = there !== undefined && back !== undefined
      edges.push({ from, to, kind: isByWord ? 'by-word' : isMutual ? 'mutual' : 'one-way' })
    }
  }
  return { nodes, edges }
}

function placeState(place: DeskNode, seen: readonly { readonly state: string }[]): string {
  const states = new Set(seen.map(({ state }) => state))
  if (!place.isRunning) return 'dead'
  if (place.isExtra && seen.length === 0) return 'refused'
  if (states.has('dead')) return 'dead'
  if (states.has('suspect')) return 'suspect'
  return place.phase === 'active' ? 'alive' : 'joining'
}

export interface AttestationRow {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly platform: string
  readonly by: string
}

/** The graph in words, one row for each node. */
export function attestationRows({ nodes, edges }: Graph): readonly AttestationRow[] {
  const names = new Map(nodes.map(({ id, name }) => [id, name]))
  return nodes.map(({ id, name, state, platform }) => {
    const by = nodes.filter(other =>
      edges.some(
        ({ from, to, kind }) =>
          (from === other.id && to === id) ||
          (kind === 'mutual' && to === other.id && from === id) ||
          (kind === 'by-word' && to === other.id && from === id),
      ),
    )
    const isAll = by.length > 2 && by.length === nodes.length - 1
    const text = isAll ? `all ${by.length} others` : by.map(other => names.get(other.id)).join(', ')
    return { id, name, state, platform, by: text || 'nobody here' }
  })
}

export interface Bucket {
  readonly label: string
  readonly count: number
}

/** The buckets of a histogram that hold something, with the empty ones between. */
export function bucketsOf({ boundsMs, counts }: Look['vitals']['writes']): readonly Bucket[] {
  const labels = counts.map((_, i) => {
    const bound = boundsMs[i]
    return bound === undefined
      ? `> ${milliseconds(boundsMs.at(-1) ?? 0)}`
      : `≤ ${milliseconds(bound)}`
  })
  const first = counts.findIndex(count => count > 0)
  const last = counts.findLastIndex(count => count > 0)
  if (first < 0) return []
  return counts
    .slice(first, last + 1)
    .map((count, i) => ({ count, label: labels[first + i] ?? '' }))
}

function milliseconds(span: number): string {
  return span >= 1000 ? `${span / 1000} s` : `${span} ms`
}

/** Facts of a refusal or an event in one line; ids by name. */
export function factsText(
  watched: Pick<Watched, 'names'>,
  facts: Readonly<Record<string, unknown>>,
): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => {
      const text = String(value)
      return `${name} ${watched.names.get(text) ?? (text.length > 40 ? `${text.slice(0, 12)}…${text.slice(-6)}` : text)}`
    })
    .join(' · ')
}

const sides: Readonly<Record<string, string>> = {
  me: 'this node',
  them: 'the other side',
  link: 'the link',
}

export function sideText(by: string): string {
  return sides[by] ?? by
}
