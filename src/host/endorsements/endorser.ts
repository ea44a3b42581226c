/** What a vendor's service is: names of documents, where they lie, and how an answer is read before it is kept. */
import type { Endorsement } from '../../attestation/endorsements.ts'
import { PeerFault } from '../../base/errors.ts'
import type { Timestamp } from '../../base/time.ts'

/** One document with what belongs to it, as it is kept. */
export interface KeptDocument {
  readonly items: readonly Endorsement[]
  /** When its vendor made it. */
  readonly issuedAt: Timestamp
  /** When another is due. */
  readonly endsAt: Timestamp
  /** Of Intel's documents; 0 where a vendor counts nothing. It never goes back. */
  readonly evaluationNumber: number
}

/** The answer of a service: its bytes, and a header of it as text. */
export interface EndorserAnswer {
  readonly bytes: Uint8Array
  header(name: string): string | undefined
}

/** How one document is got. */
export interface DocumentRequest {
  readonly url: string
  /** Content types that such a document comes as; all else is a login page or an error in friendly words. */
  readonly contentTypes: readonly string[]
  /** Whether `read` sees a signature under a pinned root: then it does not matter who brought it. */
  readonly provesItself: boolean
  /** @throws {PeerFault} */
  readonly itemsOf: (answer: EndorserAnswer) => readonly Endorsement[]
  /**
   * Whether the items are what was asked for, and signed under a pinned key as far as can be told without evidence: so that a
   * service between cannot push a good document out with a bad one. Dates are not held against any clock.
   *
   * @throws {PeerFault} `BAD_ENDORSEMENT`, `BAD_CERTIFICATE`, `BAD_PEM`.
   */
  readonly read: (items: readonly Endorsement[]) => KeptDocument
}

/** A vendor's service, or a cache of it. */
export interface Endorser {
  /** For people. */
  readonly name: string
  /** `undefined` for names of documents that are not its own. */
  request(document: string): DocumentRequest | undefined
}

export const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_ENDORSEMENT', `expected ${expected}`)

/** The bytes of the one item of a kind. @throws {PeerFault} `BAD_ENDORSEMENT`. */
export function only(items: readonly Endorsement[], kind: Endorsement['kind']): Uint8Array {
  const found = items.filter(item => item.kind === kind)
  const [first] = found
  if (first === undefined || found.length > 1) throw bad(`one document of the kind ${kind}`)
  return first.bytes
}
