/**
 * The removal set: who can never be a member again. It only grows.
 *
 * Two sets are one when they prove the same claims, whatever the proofs: a set is a union of claims, so
 * that order, repetition and the choice among several proofs of one claim move nobody's digest. An item is
 * verified once, on its way in.
 *
 * Certificates need the manifest set, so their number is its own business up to `certificatesMax`. Contradicting
 * beats can be made by whoever has a machine: `double-beats.ts` counts them by machine.
 */
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import {
  bytesOfDigest,
  type Digest,
  digestOf,
  type NetworkId,
  nodeIdOfKey,
} from '../../base/ids.ts'
import { framed, sha256 } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { type RemovalCertificate, type RemovalClaim, removalClaimId } from '../../wire/removal.ts'
import type { Attestor } from './attestor.ts'
import { DoubleBeats, type Taken } from './double-beats.ts'
import { disproveCertificate, readRemoval } from './removal-proof.ts'
import type { ManifestFacts } from './types.ts'

/** One a day for eleven years; 300 bytes each in practice, at most 48 MiB. */
const certificatesMaxDefault = 4096
/** Digests of earlier sets that this one contains: each growth makes one, 100 bytes each. */
const containedMax = 4096

/** Whom a question is about: an identity, and what its verdict said if there is one. */
export interface RemovalSubject {
  readonly node: NodeId
  readonly verdict?: { readonly instance: Digest; readonly measurement: string }
}

interface HeldItem {
  readonly claim: RemovalClaim
  readonly bytes: Uint8Array
}

type RemovalManifest = Pick<
  ManifestFacts,
  'hash' | 'manifestSet' | 'measurements' | 'endedMeasurements'
>

export class RemovalSet {
  readonly #network: NetworkId
  readonly #certificatesMax: number
  readonly #beats: DoubleBeats
  readonly #items = new Map<Digest, HeldItem>()
  readonly #nodes = new Set<NodeId>()
  readonly #instances = new Set<Digest>()
  readonly #measurements = new Set<string>()
  readonly #contained = new Set<Digest>()
  #manifest: RemovalManifest
  /** Items that count, in order, how many claims they prove, and the digest of these: made anew at each growth, which is rare. */
  #ids: readonly Digest[] = []
  #count = 0
  #digest: Digest

  constructor(
    manifest: RemovalManifest,
    options: {
      readonly network: NetworkId
      readonly attestor: Attestor
      readonly certificatesMax?: number
      readonly identitiesMax?: number
      readonly instancesMax?: number
    },
  ) {
    this.#network = options.network
    this.#manifest = manifest
    this.#certificatesMax = options.certificatesMax ?? certificatesMaxDefault
    this.#beats = new DoubleBeats(options.network, options.attestor, options)
    this.#digest = this.#refresh()
  }

  /** Hash of the manifest, of what it lets end, and of the claims in order: equal at two nodes when their sets are. */
  get digest(): Digest {
    return this.#digest
  }

  /** Number of claims that count. */
  get count(): number {
    return this.#count
  }

  /** Another manifest decides from now on who may sign and which claims it implies. Nothing leaves the set. */
  govern(manifest: RemovalManifest): void {
    this.#manifest = manifest
    this.#beats.govern()
    this.#refresh()
  }

  /** Takes one item if it proves itself. */
  take(bytes: Uint8Array): Taken {
    const read = readRemoval(this.#network, bytes)
    if (read.kind === 'refused') return { ...read, id: null, isFault: true }
    const { item } = read
    if (item.kind === 'certificate') return this.#takeCertificate(item, bytes)
    const taken = this.#beats.take(item, bytes)
    if (taken.kind === 'added') this.#refresh()
    return taken
  }

  /** The claim that takes this member out; `undefined` if none does. */
  covers(subject: RemovalSubject): RemovalClaim['scope'] | undefined {
    if (this.#nodes.has(subject.node)) return 'identity'
    if (this.#beats.bars(subject.node)) return 'identity'
    if (subject.verdict === undefined) return undefined
    const { instance } = subject.verdict
    if (this.#instances.has(instance) || this.#beats.isBroken(instance)) return 'instance'
    return this.#measurements.has(subject.verdict.measurement) ? 'measurement' : undefined
  }

  /** Whether every claim of the set with this digest is known to be in this one. */
  contains(digest: Digest): boolean {
    return digest === this.#digest || this.#contained.has(digest)
  }

  /** Notes that all items of the set with this digest were fetched. */
  noteContained(digest: Digest): void {
    this.#contained.add(digest)
    const oldest = this.#contained.values().next().value
    if (this.#contained.size > containedMax && oldest !== undefined) this.#contained.delete(oldest)
  }

  /** The names of at most `limit` items that count, in order, after `after`. */
  idsAfter(after: Digest | null, limit: number): { ids: readonly Digest[]; hasMore: boolean } {
    const start = after === null ? 0 : this.#ids.findIndex(id => id > after)
    const from = start === -1 ? this.#ids.length : start
    const ids = this.#ids.slice(from, from + limit)
    return { ids, hasMore: from + ids.length < this.#ids.length }
  }

  /** Whether an item needs no fetching. */
  hasClaim(id: Digest): boolean {
    return this.#items.has(id) || this.#beats.has(id)
  }

  /** The item of this name, lent. */
  item(id: Digest): Uint8Array | undefined {
    return this.#items.get(id)?.bytes ?? this.#beats.item(id)
  }

  /** All items that count: what people certified, then what members proved, each in the order of their names. */
  items(): readonly Uint8Array[] {
    const certified = this.#ids.filter(id => this.#items.has(id))
    const proved = this.#ids.filter(id => !this.#items.has(id))
    return [...certified, ...proved].flatMap(id => this.item(id) ?? [])
  }

  #takeCertificate(item: RemovalCertificate, bytes: Uint8Array): Taken {
    const { scope, subject } = item
    const claim = { scope, subject }
    const id = removalClaimId(this.#network, claim)
    if (this.#items.has(id)) return { kind: 'known', id }
    const rules = { network: this.#network, manifestSet: this.#manifest.manifestSet }
    const flaw = disproveCertificate(rules, item)
    if (flaw !== undefined) return { kind: 'refused', ...flaw, id, isFault: true }
    if (this.#items.size >= this.#certificatesMax) {
      return { kind: 'refused', code: 'REMOVAL_SET_FULL', facts: {}, id, isFault: false }
    }
    this.#items.set(id, { claim, bytes: bytes.slice() })
    this.#bar(claim)
    this.#refresh()
    return { kind: 'added', id }
  }

  #bar(claim: RemovalClaim): void {
    if (claim.scope === 'identity') this.#nodes.add(nodeIdOfKey(claim.subject))
    if (claim.scope === 'instance') this.#instances.add(digestOf(claim.subject))
    if (claim.scope === 'measurement') this.#measurements.add(fromUtf8(claim.subject) ?? '')
  }

  #refresh(): Digest {
    const counted = [...this.#items].filter(([, { claim }]) => !this.#isImplied(claim))
    const certified = counted.map(([id]) => id)
    this.#ids = [...certified, ...this.#beats.listed()].toSorted()
    const claims = [...certified, ...this.#beats.claims].toSorted()
    this.#count = claims.length
    const parts = [governingHash(this.#manifest), ...claims.map(bytesOfDigest)]
    this.#digest = digestOf(sha256(framed(domains.removalSet, ...parts)))
    this.noteContained(this.#digest)
    return this.#digest
  }

  /** A measurement that the manifest does not name cannot join anyway: the claim folds away. */
  #isImplied(claim: RemovalClaim): boolean {
    return (
      claim.scope === 'measurement' &&
      !this.#manifest.measurements.includes(fromUtf8(claim.subject) ?? '')
    )
  }
}

/**
 * What the manifest excludes by itself. A measurement that ends takes its members out without any item, and the keys
 * that they hold must end with it; before the first end it is the hash of the manifest.
 */
function governingHash({ hash, endedMeasurements }: RemovalManifest): Uint8Array {
  const bytes = bytesOfDigest(hash)
  if (endedMeasurements.length === 0) return bytes
  return sha256(framed(domains.endedMeasurements, bytes, ...endedMeasurements.map(utf8)))
}
