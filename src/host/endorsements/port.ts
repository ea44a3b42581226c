/** Endorsements as this host gets them, for whoever appraises. */
import type { Endorsement, Endorsements } from '../../attestation/endorsements.ts'

/** Documents of vendors, at hand or on their way. What comes from it is not believed: verifiers judge it. */
export interface EndorsementShelf {
  /**
   * What is at hand under the names that verifiers miss documents by, in their order. What is not is fetched in the background, and
   * what was asked for lately is renewed before it ends. The same object as long as nothing under these names changed.
   */
  take(names: readonly string[]): Endorsements
  /** What is at hand under this name and in force, to be handed on; `undefined` if nothing is. */
  held(name: string): readonly Endorsement[] | undefined
  /** Whether somebody asked for this document, it is not at hand, and anybody could bring it, because it proves itself. */
  lacks(name: string): boolean
  /** A document that a stranger hands over for this name. Answers whether it was kept, as its vendor's own answer would be. */
  offer(name: string, items: readonly Endorsement[]): boolean
  /** Evidence was trusted by what is under these names: when there is no room for all, they go last. */
  vouch(names: readonly string[]): void
  /** Calls `told` whenever something came that was not at hand. The returned function ends that, and is idempotent. */
  onArrival(told: () => void): () => void
  /** Ends all that goes on in the background. Idempotent. */
  stop(): void
}
