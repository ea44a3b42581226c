/**
 * The removal set: who can never be a member again. It only grows.
 *
 * Two sets are one when they prove the same claims, whatever the proofs: a set is a union of claims, so
 * that order, repetition and the choice among several proofs of one claim move nobody's digest. An item is
 * verified once, on its way in.
 *
 * Bounds: certificates need the manifest set, so their number is its own business up to `certificatesMax`.
 * Contradicting beats can be made in any number by whoever makes up identities; a member's code takes them
 * from its own detector and from other members only, but one broken enclave could flood. Beyond
 * `doubleBeatsMax` the smallest claim ids stay: also a union law, so that all sets still end equal. What
 * is pushed out stays barred on this node.
 */
import type { Refusal } from '../../attestation/verdict.ts'
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
import { type RemovalClaim, type RemovalItem, removalClaimId } from '../../wire/removal.ts'
import { disproveRemoval, readRemoval } from './removal-proof.ts'
import type { ManifestFacts } from './types.ts'

/** One a day for eleven years; 300 bytes each in practice, at most 48 MiB. */
const certificatesMaxDefault = 4096
/** 2 KiB each in practice, at most 10 MiB; more means that an enclave is broken and floods. */
const doubleBeatsMaxDefault = 1024
/** Claims pushed out by smaller ones that this node still bars: 100 bytes each. */
const displacedMax = 65_536
/** Digests of earlier sets that this one contains: each growth makes one, 100 bytes each. */
const containedMax = 4096

/** What became of an item. `known`: its claim was there before, or the manifest implies it. */
export type Taken =
  | { readonly kind: 'added'; readonly claim: RemovalClaim }
  | { readonly kind: 'known' }
  | ({ readonly kind: 'refused' } & Refusal)

/** Whom a question is about: an identity, and what its verdict said if there is one. */
export interface RemovalSubject {
  readonly node: NodeId
  readonly verdict?: { readonly instance: Digest; readonly measurement: string }
}

interface HeldItem {
  readonly claim: RemovalClaim
  readonly bytes: Uint8Array
  readonly kind: RemovalItem['kind']
}

type RemovalManifest = Pick<
  ManifestFacts,
  'hash' | 'manifestSet' | 'measurements' | 'endedMeasurements'
>

export class RemovalSet {
  readonly #network: NetworkId
  readonly #limits: { readonly certificatesMax: number; readonly doubleBeatsMax: number }
  readonly #items = new Map<Digest, HeldItem>()
  readonly #displaced = new Set<Digest>()
  readonly #nodes = new Set<NodeId>()
  readonly #instances = new Set<Digest>()
  readonly #measurements = new Set<string>()
  readonly #contained = new Set<Digest>()
  #manifest: RemovalManifest
  /** Claims that count, in order, and their digest: made anew at each growth, which is rare. */
  #ids: readonly Digest[] = []
  #digest: Digest

  constructor(
    manifest: RemovalManifest,
    options: {
      readonly network: NetworkId
      readonly certificatesMax?: number
      readonly doubleBeatsMax?: number
    },
  ) {
    this.#network = options.network
    this.#manifest = manifest
    this.#limits = {
      certificatesMax: options.certificatesMax ?? certificatesMaxDefault,
      doubleBeatsMax: options.doubleBeatsMax ?? doubleBeatsMaxDefault,
    }
    this.#digest = this.#refresh()
  }

  /** Hash of the manifest, of what it lets end, and of the claims in order: equal at two nodes when their sets are. */
  get digest(): Digest {
    return this.#digest
  }

  /** Number of claims that count. */
  get count(): number {
    return this.#ids.length
  }

  /** Another manifest decides from now on who may sign and which claims it implies. Nothing leaves the set. */
  govern(manifest: RemovalManifest): void {
    this.#manifest = manifest
    this.#refresh()
  }

  /** Takes one item if it proves itself. */
  take(bytes: Uint8Array): Taken {
    const read = readRemoval(this.#network, bytes)
    if (read.kind === 'refused') return read
    const { item, claim } = read
    const id = removalClaimId(this.#network, claim)
    if (this.#items.has(id) || this.#displaced.has(id)) return { kind: 'known' }
    const rules = { network: this.#network, manifestSet: this.#manifest.manifestSet }
    const flaw = disproveRemoval(rules, item) ?? this.#fullFor(item.kind)
    if (flaw !== undefined) return { kind: 'refused', ...flaw }
    this.#items.set(id, { claim, bytes: bytes.slice(), kind: item.kind })
    this.#bar(claim)
    if (item.kind === 'double-beat') this.#displaceLargest()
    this.#refresh()
    return { kind: 'added', claim }
  }

  /** The claim that takes this member out; `undefined` if none does. */
  covers(subject: RemovalSubject): RemovalClaim['scope'] | undefined {
    if (this.#nodes.has(subject.node)) return 'identity'
    if (subject.verdict === undefined) return undefined
    if (this.#instances.has(subject.verdict.instance)) return 'instance'
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

  /** At most `limit` claims that count, in order, after `after`. */
  idsAfter(after: Digest | null, limit: number): { ids: readonly Digest[]; hasMore: boolean } {
    const start = after === null ? 0 : this.#ids.findIndex(id => id > after)
    const from = start === -1 ? this.#ids.length : start
    const ids = this.#ids.slice(from, from + limit)
    return { ids, hasMore: from + ids.length < this.#ids.length }
  }

  /** Whether a claim needs no fetching. */
  hasClaim(id: Digest): boolean {
    return this.#items.has(id) || this.#displaced.has(id)
  }

  /** The item that proves a claim, lent. */
  item(id: Digest): Uint8Array | undefined {
    return this.#items.get(id)?.bytes
  }

  /** All items that count, in the order of their claims. */
  items(): readonly Uint8Array[] {
    return this.#ids.flatMap(id => this.item(id) ?? [])
  }

  #fullFor(kind: RemovalItem['kind']): Refusal | undefined {
    const max = this.#limits.certificatesMax
    const isFull =
      kind === 'certificate' ? this.#countOf(kind) >= max : this.#displaced.size >= displacedMax
    return isFull ? { code: 'REMOVAL_SET_FULL', facts: { kind } } : undefined
  }

  #countOf(kind: RemovalItem['kind']): number {
    let count = 0
    for (const item of this.#items.values()) if (item.kind === kind) count++
    return count
  }

  #bar(claim: RemovalClaim): void {
    if (claim.scope === 'identity') this.#nodes.add(nodeIdOfKey(claim.subject))
    if (claim.scope === 'instance') this.#instances.add(digestOf(claim.subject))
    if (claim.scope === 'measurement') this.#measurements.add(fromUtf8(claim.subject) ?? '')
  }

  #displaceLargest(): void {
    if (this.#countOf('double-beat') <= this.#limits.doubleBeatsMax) return
    let largest: Digest | undefined
    for (const [id, { kind }] of this.#items) {
      if (kind === 'double-beat' && (largest === undefined || id > largest)) largest = id
    }
    if (largest === undefined) return
    this.#items.delete(largest)
    this.#displaced.add(largest)
  }

  #refresh(): Digest {
    const counted = [...this.#items].filter(([, { claim }]) => !this.#isImplied(claim))
    this.#ids = counted.map(([id]) => id).toSorted()
    const parts = [governingHash(this.#manifest), ...this.#ids.map(bytesOfDigest)]
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
