/**
 * Which beats are fresh, and what to cite so that others can tell that mine are.
 *
 * Hold up today's newspaper in a photograph, and the photograph is of today. My beats are the newspaper:
 * whoever cites one signed after I sent it. A beat that cites a third member's beat which I accepted is as
 * fresh as that one, so news of me reaches back over several hops in a large network.
 *
 * Stricter than "cites a beat accepted at most three intervals ago": every accepted beat keeps the
 * time of the beat of mine that it goes back to, and that too must be recent. Otherwise a host that
 * records two members citing each other could play the recording back at a third of its speed: each beat
 * within three intervals of the last, the whole drifting ever further into the past.
 */
import type { NodeId } from '../../base/ids.ts'
import { after, type Duration, type Instant } from '../../base/time.ts'
import { type CitationKey, citationKey } from '../../wire/heartbeat.ts'
import type { LivenessPace } from './pace.ts'

/**
 * Intervals since the beat of mine that all goes back to, beyond those for one citation: three more hops of
 * an interval and a half, enough for 1,000 members with 32 citations each. What a replaying host can gain
 * is this much and no more.
 */
const hopIntervals = 5

interface Anchor {
  readonly key: CitationKey
  /** When I sent or accepted it. */
  readonly at: Instant
  /** When I sent the beat of mine that it goes back to. */
  readonly rootAt: Instant
}

/** How fresh a beat is proven to be. */
export interface Freshness {
  /** Its author signed it later than this. */
  readonly rootAt: Instant
  /** When I sent the latest beat of mine that it cites; `null` if it cites others only. */
  readonly citedMineAt: Instant | null
}

/** Beats of mine and beats that I accepted, as far as a citation of them still proves something. */
export class Anchors {
  readonly #self: NodeId
  readonly #pace: Pick<LivenessPace, 'interval' | 'citationIntervals'>
  readonly #byAuthor = new Map<NodeId, Anchor[]>()
  readonly #byKey = new Map<CitationKey, { readonly author: NodeId; readonly anchor: Anchor }>()

  /** `pace` may change at any time. */
  constructor(self: NodeId, pace: Pick<LivenessPace, 'interval' | 'citationIntervals'>) {
    this.#self = self
    this.#pace = pace
  }

  /** I sent a beat with this citation. */
  sent(citation: Uint8Array, now: Instant): void {
    this.#keep(this.#self, { key: citationKey(citation), at: now, rootAt: now })
  }

  /** I accepted a beat of `author` with this citation, as fresh as `rootAt`. */
  accepted(author: NodeId, citation: Uint8Array, at: { now: Instant; rootAt: Instant }): void {
    this.#keep(author, { key: citationKey(citation), at: at.now, rootAt: at.rootAt })
  }

  /** What the citations of a beat of `author` prove, or `undefined` if nothing. */
  judge(author: NodeId, citations: readonly Uint8Array[], now: Instant): Freshness | undefined {
    let best: Freshness | undefined
    for (const citation of citations) {
      const cited = this.#byKey.get(citationKey(citation))
      // Citing oneself proves nothing: an author can always sign a chain in advance.
      if (cited === undefined || cited.author === author || !this.#isCitable(cited.anchor, now)) {
        continue
      }
      const mineAt = cited.author === this.#self ? cited.anchor.at : null
      const citedMineAt = later(mineAt, best?.citedMineAt ?? null)
      const rootAt = later(cited.anchor.rootAt, best?.rootAt ?? null)
      best = { rootAt, citedMineAt }
    }
    return best
  }

  /** `author` is no member any more: its beats prove nothing. */
  forget(author: NodeId): void {
    for (const { key } of this.#byAuthor.get(author) ?? []) this.#byKey.delete(key)
    this.#byAuthor.delete(author)
  }

  #isCitable(anchor: Anchor, now: Instant): boolean {
    const { interval, citationIntervals } = this.#pace
    const citable = (interval * citationIntervals) as Duration
    const anchored = (interval * (citationIntervals + hopIntervals)) as Duration
    return now <= after(anchor.at, citable) && now <= after(anchor.rootAt, anchored)
  }

  #keep(author: NodeId, anchor: Anchor): void {
    const anchors = this.#byAuthor.get(author) ?? []
    this.#byAuthor.set(author, anchors)
    anchors.push(anchor)
    this.#byKey.set(anchor.key, { author, anchor })
    // At most two per interval, the second as the answer to a probe, and one interval more for jitter.
    const anchorsMax = 2 * (this.#pace.citationIntervals + 1)
    for (const { key } of anchors.splice(0, Math.max(0, anchors.length - anchorsMax))) {
      this.#byKey.delete(key)
    }
  }
}

function later(left: Instant, right: Instant | null): Instant
function later(left: Instant | null, right: Instant | null): Instant | null
function later(left: Instant | null, right: Instant | null): Instant | null {
  if (left === null || right === null) return left ?? right
  return left > right ? left : right
}

/** A beat that I received and may cite. */
export interface Citable {
  readonly citation: Uint8Array
  readonly receivedAt: Instant
  readonly isLive: boolean
  /** When I last cited its author; `null` if never. */
  readonly citedAt: Instant | null
}

/** Places kept for live authors, so that a crowd of strangers cannot make the living lose each other. */
const placesForLive = 8

/**
 * Whom to cite among `candidates` heard within a span, at most `max`: authors that are not live first, because only a citation
 * makes a stranger accepted; among equals whoever waited longest.
 */
export function chooseCitations<T extends Citable>(
  candidates: readonly T[],
  options: { readonly now: Instant; readonly heardWithin: Duration; readonly max: number },
): readonly T[] {
  const waiting = candidates
    .filter(({ receivedAt }) => options.now <= after(receivedAt, options.heardWithin))
    .toSorted((left, right) => (left.citedAt ?? -Infinity) - (right.citedAt ?? -Infinity) || 0)
  const live = waiting.filter(({ isLive }) => isLive)
  const strangers = waiting.filter(({ isLive }) => !isLive)
  const strangersMax = options.max - Math.min(live.length, placesForLive)
  return [...strangers.slice(0, strangersMax), ...live].slice(0, options.max)
}
