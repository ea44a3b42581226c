/**
 * The policy lease: may I believe that the network as I know it is the network as it is?
 *
 * A host that withholds a removal certificate must cut its node off from those who have it. So a node that
 * most machines have not lately been seen to hear does not trust its own picture: it releases no key
 * and admits nobody to a committee until it is heard again. Being heard is what a citation proves: a beat that
 * names a beat of mine was signed by somebody whom mine had reached.
 *
 * Machines count and identities do not: an instance has one voice, however many nodes it runs, dead ones
 * included until they leave the roster. I am my own instance's voice: so one instance alone holds the lease, and of two
 * both are needed. Time is counted from when I sent the beat that was cited, by the clock that no host can turn.
 */
import type { Digest, NodeId } from '../../base/ids.ts'
import { after, type Duration, type Instant } from '../../base/time.ts'

/** The lease at a moment. */
export interface LeaseView {
  /** `isolated`: reads, attestation and non-critical writes only. */
  readonly kind: 'held' | 'isolated'
  /** When it ends unless somebody cites me again; `null` if no other instance is needed, or it is not held. */
  readonly until: Instant | null
  /** Platform instances of the roster, the own one included. */
  readonly instances: number
  /** Those that heard this node lately, the own one included. */
  readonly citing: number
}

interface Voice {
  instance: Digest
  /** When I sent the latest beat of mine that it cited. */
  heardAt: Instant | null
}

export class PolicyLease {
  readonly #ownInstance: Digest
  readonly #options: { readonly span: Duration }
  readonly #voices = new Map<NodeId, Voice>()

  /** `span` is how long a citation counts, and may change at any time; `ownInstance` the machine that this node runs on. */
  constructor(options: { readonly ownInstance: Digest; readonly span: Duration }) {
    this.#ownInstance = options.ownInstance
    this.#options = options
  }

  memberAdded(node: NodeId, instance: Digest): void {
    const voice = this.#voices.get(node)
    if (voice === undefined) this.#voices.set(node, { instance, heardAt: null })
    else voice.instance = instance
  }

  memberGone(node: NodeId): void {
    this.#voices.delete(node)
  }

  /** An accepted beat of `node` cites the beat that I sent at `sentAt`. */
  cited(node: NodeId, sentAt: Instant): void {
    const voice = this.#voices.get(node)
    if (voice === undefined) return
    if (voice.heardAt === null || sentAt > voice.heardAt) voice.heardAt = sentAt
  }

  at(now: Instant): LeaseView {
    const ends = this.#endOfEachInstance()
    const instances = ends.size + 1
    const running = [...ends.values()]
      .filter(end => end !== null && now < end)
      .toSorted((left, right) => Number(right) - Number(left))
    const citing = running.length + 1
    if (2 * citing <= instances) return { kind: 'isolated', until: null, instances, citing }
    // With so many others besides me it is more than half; it lasts as long as the last that is needed.
    const needed = Math.floor(instances / 2)
    return { kind: 'held', until: running[needed - 1] ?? null, instances, citing }
  }

  /** Until when each other instance counts; `null` for one that was never heard to hear me. */
  #endOfEachInstance(): ReadonlyMap<Digest, Instant | null> {
    const ends = new Map<Digest, Instant | null>()
    for (const { instance, heardAt } of this.#voices.values()) {
      if (instance === this.#ownInstance) continue
      const end = heardAt === null ? null : after(heardAt, this.#options.span)
      const known = ends.get(instance) ?? null
      ends.set(instance, known === null || (end !== null && end > known) ? end : known)
    }
    return ends
  }
}
