/** What the liveness room takes from the manifest in force. */
import type { ParsedManifest } from '../attestation/manifest.ts'
import { milliseconds } from '../base/time.ts'
import type { LivenessPace } from '../protocol/liveness/pace.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

export function paceOf({ liveness }: ParsedManifest): LivenessPace {
  const { beatIntervalMs, citationIntervals, newIntervals, leaseMs } = liveness
  return { interval: milliseconds(beatIntervalMs), citationIntervals, newIntervals, leaseMs }
}

/** The pace of the manifest in force, whichever that is when it is asked. */
export function livePace(manifests: ManifestKeeper): Pick<LivenessPace, 'interval'> {
  return {
    get interval() {
      return paceOf(manifests.current.manifest).interval
    },
  }
}
