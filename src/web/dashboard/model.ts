/** What the page knows, as a value: each look and each word of the desk makes the next one. Nothing here touches the page. */
import type { Look } from '../../api/look.ts'
import type { DeskLook } from './desk.ts'

/** Seconds of history that the page keeps and shows. */
export const historySpan = 120
/** Milliseconds of beats that are shown. */
export const beatSpan = 60_000
const rotationsMax = 20

export type Connection = 'connecting' | 'open' | 'lost' | 'locked'

export interface RatePoint {
  /** Seconds since the Unix epoch, by the node's host. */
  readonly at: number
  readonly writes: number
  readonly deliveries: number
}

export interface Rotation {
  /** ISO 8601. */
  readonly at: string
  /** The first key that was seen is no rotation: it was there before. */
  readonly isFirst: boolean
  readonly key: string
}

export interface Watched {
  readonly connection: Connection
  /** Why the token was not taken; empty before one was tried. */
  readonly lockedBy: string
  readonly look: Look | null
  readonly refusals: NonNullable<Look['refusals']>
  readonly events: NonNullable<Look['events']>
  readonly rates: readonly RatePoint[]
  /** When beats of each member were accepted, in milliseconds of the node's uptime, rising. */
  readonly beats: ReadonlyMap<string, readonly number[]>
  readonly rotations: readonly Rotation[]
  readonly desk: DeskLook | null
  /** Names of places by every identity that was seen there. */
  readonly names: ReadonlyMap<string, string>
}

export const nothingWatched: Watched = {
  connection: 'connecting',
  lockedBy: '',
  look: null,
  refusals: [],
  events: [],
  rates: [],
  beats: new Map(),
  rotations: [],
  desk: null,
  names: new Map(),
}

export type News =
  | { readonly kind: 'look'; readonly look: Look }
  | { readonly kind: 'desk'; readonly look: DeskLook | null }
  | { readonly kind: 'lost' }
  | { readonly kind: 'locked'; readonly why: string }

export function told(before: Watched, news: News): Watched {
  switch (news.kind) {
    case 'look':
      return looked(before, news.look)
    case 'desk':
      return { ...before, desk: news.look, names: namesAfter(before.names, news.look) }
    case 'lost':
      return { ...before, connection: before.connection === 'connecting' ? 'connecting' : 'lost' }
    case 'locked':
      return { ...nothingWatched, connection: 'locked', lockedBy: news.why }
  }
}

function looked(before: Watched, look: Look): Watched {
  // Another boot behind the same address is another node: what was seen of the last one is not its history.
  const isSame = before.look?.status.node === look.status.node
  const known = isSame ? before : { ...nothingWatched, desk: before.desk, names: before.names }
  return {
    ...known,
    connection: 'open',
    lockedBy: '',
    look,
    refusals: look.refusals ?? known.refusals,
    events: look.events ?? known.events,
    rates: ratesAfter(known.rates, look),
    beats: beatsAfter(known.beats, look),
    rotations: rotationsAfter(known.rotations, look),
  }
}

function ratesAfter(before: readonly RatePoint[], { at, status }: Look): readonly RatePoint[] {
  const seconds = Date.parse(at) / 1000
  const { writesPerSecond: writes, deliveriesPerSecond: deliveries } = status.state
  // A clock that was set back would fold the line over itself.
  const kept = before.filter(point => point.at < seconds && point.at > seconds - historySpan)
  return [...kept, { at: seconds, writes, deliveries }]
}

/** A look tells the last ten seconds anew, so that a look that was missed leaves no gap: it replaces them. */
function beatsAfter(before: Watched['beats'], { vitals }: Look): Watched['beats'] {
  const { uptimeMs, members } = vitals
  return new Map(
    members.map(({ node, beatAgesMs }) => {
      const latest = beatAgesMs.map(age => uptimeMs - age)
      // Clocks are rounded: a beat told twice may differ by a millisecond.
      const from = (latest[0] ?? uptimeMs) - 2
      const earlier = (before.get(node) ?? []).filter(at => at < from && at > uptimeMs - beatSpan)
      return [node, [...earlier, ...latest]]
    }),
  )
}

function rotationsAfter(before: readonly Rotation[], { at, vitals }: Look): readonly Rotation[] {
  const key = vitals.trafficKey
  if (key === null || before.at(-1)?.key === key) return before
  return [...before, { at, isFirst: before.length === 0, key }].slice(-rotationsMax)
}

function namesAfter(before: Watched['names'], look: DeskLook | null): Watched['names'] {
  const named = look?.names ?? []
  return named.every(([node, name]) => before.get(node) === name)
    ? before
    : new Map([...before, ...named])
}
