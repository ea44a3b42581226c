import { bytesOfDigest } from '../../base/ids.ts'
import { Secret } from '../../base/secret.ts'
import type { Duration, Instant } from '../../base/time.ts'
import { after, milliseconds, seconds } from '../../base/time.ts'
import {
  type EpochKeyKind,
  epochKeyBytes,
  epochKeyId,
  epochKeyKinds,
  epochKeyLife,
} from '../../wire/epoch-key.ts'
import type { Core } from './core.ts'
import type { IncomingKey } from './epoch-keys.ts'
import { signAnnouncement } from './key-grant.ts'

/** Each live active member waits this much longer than the one before it: a round trip on a good link. */
const perRank = milliseconds(50)
/** Longest wait for a key that another announced: then writes have waited long enough and a second key does no harm. */
const pullPatience = seconds(3)

/** What decides whether to make a key. */
export interface KeyNeed {
  readonly isUsable: (kind: EpochKeyKind) => boolean
  readonly isPulling: (kind: EpochKeyKind) => boolean
  /** This node's place among the live active members, from 0. */
  readonly rank: number
}

/** When this node makes a key because none is usable: after its rank, unless another's is on its way. */
export class KeyMaking {
  readonly #missingSince = new Map<EpochKeyKind, Instant>()
  #wakeAt: Instant | null = null

  /** The kinds to make a key of now. To be asked after everything that may have changed the answer. */
  due(need: KeyNeed, now: Instant): readonly EpochKeyKind[] {
    this.#wakeAt = null
    return epochKeyKinds.filter(kind => {
      if (need.isUsable(kind)) {
        this.#missingSince.delete(kind)
        return false
      }
      const since = this.#missingSince.get(kind) ?? now
      this.#missingSince.set(kind, since)
      const isPulling = need.isPulling(kind)
      const wait = Math.max(need.rank * perRank, isPulling ? pullPatience : 0) as Duration
      const at = after(since, wait)
      if (now >= at) return true
      if (this.#wakeAt === null || at < this.#wakeAt) this.#wakeAt = at
      return false
    })
  }

  /** Nothing is missed by whoever makes no keys. */
  rest(): void {
    this.#missingSince.clear()
    this.#wakeAt = null
  }

  wakeAt(): Instant | null {
    return this.#wakeAt
  }
}

/** A fresh key of this node, announced under the removal set of now. */
export function makeEpochKey(core: Core, kind: EpochKeyKind, now: Instant): IncomingKey {
  const { network, self, ports, removals } = core
  const key = new Secret(ports.random.bytes(epochKeyBytes))
  const life = epochKeyLife[kind]
  const announcement = signAnnouncement(ports, network, {
    ...{ kind, life, creator: self.keys.identity },
    id: bytesOfDigest(epochKeyId(kind, key)),
    removalDigest: bytesOfDigest(removals.digest),
  })
  return { announcement, key, since: now, lifeLeft: life, countedFor: self.node }
}
