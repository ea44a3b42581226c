import type { NodeId } from '../base/ids.ts'
import { between, type Duration, type Instant, seconds } from '../base/time.ts'

/** How far back a trace goes: enough for whoever looks once a second and is late. */
export const traceSpan: Duration = seconds(10)
/** Beats kept for one member: its rate is bounded by the manifest, this bounds it whatever that says. */
const beatsMax = 64
/** As many members as `Agreement` remembers. */
const membersMax = 4_096

/** When the latest beats of each member were accepted, for people who watch the rhythm. */
export class BeatTrace {
  readonly #heard = new Map<NodeId, Instant[]>()

  heard(node: NodeId, now: Instant): void {
    const beats = this.#heard.get(node) ?? []
    if (beats.length === 0 && this.#heard.size >= membersMax) return
    this.#heard.set(node, beats)
    beats.push(now)
    if (beats.length > beatsMax) beats.shift()
  }

  forget(node: NodeId): void {
    this.#heard.delete(node)
  }

  /** How long ago each beat of the last `traceSpan` was accepted, in whole milliseconds, the latest last. */
  ages(node: NodeId, now: Instant): readonly number[] {
    const ages = (this.#heard.get(node) ?? []).map(at => Math.round(between(at, now)))
    return ages.filter(age => age <= traceSpan)
  }
}
