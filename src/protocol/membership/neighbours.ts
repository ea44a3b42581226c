import type { ManifestMark } from '../../attestation/manifest.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import type { SignedAnnouncement } from '../../wire/epoch-key.ts'

/** A fetch of a neighbour's removals under way. */
export interface RemovalFetch {
  /** Its digest when the list began. */
  readonly digest: Digest
  ask: number
  isListed: boolean
  /** The last claim of the list so far. */
  after: Digest | null
  listed: number
  /** Claims still to be asked for. */
  missing: readonly Digest[]
  /** Claims asked for now. */
  asked: readonly Digest[]
  failures: number
  /** Whether it brought a removal that was not known here. */
  hasGained: boolean
}

/** A member with an open connection, and how far the two have come. */
export interface Neighbour {
  readonly node: NodeId
  /** The digest of its removal set as it last said; `null` before its first word. */
  digest: Digest | null
  /** The digest of its newest key evidence, as it last said. */
  evidence: Digest | null
  /** Gossip flows, keys may: removal sets were exchanged. */
  isGateOpen: boolean
  /** The hello under way. */
  helloAsk: number | null
  /** When the last hello was sent. */
  helloAt: Instant
  /** Hellos in a row that failed, and when to try again. */
  helloFailures: number
  helloRetryAt: Instant | null
  /** Fetching its removals, until all are here. */
  fetch: RemovalFetch | null
  /** Fetches in a row that ended with another digest than they began with and brought nothing. */
  barrenFetches: number
  /** Announcements that wait until its removals are known: digests travel before keys. */
  waiting: readonly SignedAnnouncement[]
  /** Manifests that it named and that are not known here: at most its own and a rival of that. */
  manifests: readonly ManifestMark[]
}

/** Everybody with an open member connection. */
export class Neighbours {
  readonly #neighbours = new Map<NodeId, Neighbour>()

  open(node: NodeId, now: Instant): Neighbour {
    const neighbour: Neighbour = {
      ...{ node, digest: null, evidence: null, isGateOpen: false, helloAsk: null, helloAt: now },
      ...{ helloFailures: 0, helloRetryAt: null, fetch: null, barrenFetches: 0 },
      ...{ waiting: [], manifests: [] },
    }
    this.#neighbours.set(node, neighbour)
    return neighbour
  }

  close(node: NodeId): void {
    this.#neighbours.delete(node)
  }

  of(node: NodeId): Neighbour | undefined {
    return this.#neighbours.get(node)
  }

  all(): readonly Neighbour[] {
    return [...this.#neighbours.values()]
  }
}
