/** What a person watches move: the rhythm of beats, roots that meet again, how long things take. Counts and digests only. */
import { between, type Instant } from '../base/time.ts'
import type { Agreement } from './agreement.ts'
import type { BeatTrace } from './beat-trace.ts'
import type { VitalsView } from './handle.ts'
import { Histogram } from './histogram.ts'
import type { Viewed } from './views.ts'

/** How long things took, measured where they happen. */
export class Spans {
  readonly writes = new Histogram()
  readonly appraisals = new Histogram()
}

export function vitalsView(
  viewed: Viewed,
  measured: {
    readonly agreement: Agreement
    readonly beats: BeatTrace
    readonly spans: Spans
  },
): VitalsView {
  const now: Instant = viewed.clock.monotonic()
  const { agreement, beats, spans } = measured
  return {
    uptimeMs: Math.round(between(viewed.startedAt, now)),
    members: viewed.membership.members(now).map(({ node }) => ({
      node,
      beatAgesMs: beats.ages(node, now),
      ...(agreement.with(node, now) ?? { root: null, apartMs: 0 }),
    })),
    writes: spans.writes.view(),
    appraisals: spans.appraisals.view(),
    trafficKey: viewed.membership.sealingKey('traffic', now)?.id ?? null,
  }
}
