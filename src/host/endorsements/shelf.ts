/**
 * Endorsements at hand: fetched when somebody misses one, kept on disk, renewed before they end. Nobody waits here: whoever
 * appraises takes what there is, and is told by its absence.
 */
import {
  type Endorsement,
  type Endorsements,
  endorsementLimits,
} from '../../attestation/endorsements.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { equalBytes } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { RateBudget } from '../../base/rate-budget.ts'
import {
  between,
  type Clock,
  type Duration,
  hours,
  type Instant,
  seconds,
} from '../../base/time.ts'
import type { Timers } from '../port.ts'
import { boundedGet } from './bounded-get.ts'
import type { DocumentDisk } from './document-disk.ts'
import type { DocumentRequest, Endorser, KeptDocument } from './endorser.ts'
import type { EndorsementShelf } from './port.ts'
import { renewalAfter, retryAfter } from './renewal.ts'

export interface ShelfPorts {
  /** Asked in turn for what several of them have. */
  readonly endorsers: readonly Endorser[]
  /** At hand from the start, whatever is asked for: they come after what was fetched. */
  readonly standing: readonly Endorsement[]
  /** `null`: nothing is kept over a restart. */
  readonly disk: DocumentDisk | null
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
}

export interface ShelfOptions {
  /** Documents kept; names come from what peers send, and the one least lately asked for goes first. */
  readonly documentsMax: number
  /** Requests to all services together: strangers with made-up chips must not make this node a nuisance to a vendor. */
  readonly requestsPerSecond: number
  /** How long one request may take. */
  readonly patience: Duration
  /** How long nobody asks for a document before it is not renewed any more. */
  readonly idleSpan: Duration
}

const defaults: ShelfOptions = {
  documentsMax: 256,
  requestsPerSecond: 2,
  patience: seconds(30),
  idleSpan: hours(48),
}

/** A document and what goes on about it. */
interface Place {
  readonly name: string
  readonly requests: readonly DocumentRequest[]
  document: KeptDocument | undefined
  failures: number
  usedAt: Instant
  /** Evidence was trusted by it: nobody made its name up. */
  isVouched: boolean
  /** Ends the wait for the next try. */
  cancel: () => void
  isGone: boolean
}

export class RenewedShelf implements EndorsementShelf {
  readonly #ports: ShelfPorts
  readonly #options: ShelfOptions
  readonly #places: BoundedMap<string, Place>
  /** What was given for a set of names, as long as it would be the same. */
  readonly #given: BoundedMap<
    string,
    { documents: readonly KeptDocument[]; endorsements: Endorsements }
  >
  readonly #budget: RateBudget
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<() => void>()

  constructor(ports: ShelfPorts, options: Partial<ShelfOptions> = {}) {
    this.#ports = ports
    this.#options = { ...defaults, ...options }
    const { documentsMax, requestsPerSecond } = this.#options
    this.#places = new BoundedMap(documentsMax, leave)
    this.#given = new BoundedMap(documentsMax)
    const rate = { messagesPerSecond: requestsPerSecond, bytesPerSecond: 1 }
    this.#budget = new RateBudget(rate, ports.clock)
  }

  take(names: readonly string[]): Endorsements {
    const places = names.map(name => this.#placeOf(name)).filter(place => place !== undefined)
    const documents = places.flatMap(({ document }) => document ?? [])
    const key = names.join('\n')
    const given = this.#given.get(key)
    if (given !== undefined && isSame(given.documents, documents)) return given.endorsements
    const endorsements = {
      items: eachOnce([...documents.flatMap(({ items }) => items), ...this.#ports.standing]),
    }
    this.#given.set(key, { documents, endorsements })
    return endorsements
  }

  held(name: string): readonly Endorsement[] | undefined {
    const document = this.#places.peek(name)?.document
    if (document === undefined || document.endsAt <= this.#ports.clock.wall()) return undefined
    return document.items
  }

  lacks(name: string): boolean {
    const request = this.#places.peek(name)?.requests[0]
    return request?.provesItself === true && this.held(name) === undefined
  }

  offer(name: string, items: readonly Endorsement[]): boolean {
    const place = this.#places.peek(name)
    const [request] = place?.requests ?? []
    if (place === undefined || request === undefined || !this.lacks(name)) return false
    const read = readOrWhy(() => request.read(items))
    if ('code' in read || isOlder(read, place.document)) return false
    if (read.endsAt <= this.#ports.clock.wall()) return false
    this.#arrived(place, read)
    void this.#ports.disk?.write(name, read.items)
    return true
  }

  vouch(names: readonly string[]): void {
    for (const name of names) {
      const place = this.#places.peek(name)
      if (place !== undefined) place.isVouched = true
    }
  }

  onArrival(told: () => void): () => void {
    this.#listeners.add(told)
    return () => void this.#listeners.delete(told)
  }

  stop(): void {
    this.#stopping.abort()
    this.#listeners.clear()
    this.#places.clear()
  }

  #placeOf(name: string): Place | undefined {
    const now = this.#ports.clock.monotonic()
    const known = this.#places.get(name)
    if (known !== undefined) {
      known.usedAt = now
      return known
    }
    if (this.#stopping.signal.aborted) return undefined
    const requests = this.#ports.endorsers.flatMap(endorser => endorser.request(name) ?? [])
    if (requests.length === 0) return undefined
    const place: Place = {
      ...{ name, requests, document: undefined, failures: 0, usedAt: now },
      ...{ isVouched: false, isGone: false },
      cancel: () => undefined,
    }
    this.#makeRoom()
    this.#places.set(name, place)
    void this.#begin(place)
    return place
  }

  /**
   * Whoever makes up chips, or asks for one chip's key at every version there could be, fills places: those without a document go
   * first, then those that nobody was trusted by, of each kind the one least lately asked for.
   */
  #makeRoom(): void {
    if (this.#places.size < this.#options.documentsMax) return
    const places = [...this.#places.keys()].flatMap(name => this.#places.peek(name) ?? [])
    const unknown = places.filter(({ isVouched }) => !isVouched)
    const leaving = unknown.find(({ document }) => document === undefined) ?? unknown[0]
    if (leaving !== undefined) this.#places.delete(leaving.name)
  }

  /** What the disk has spares a vendor the question, unless it is due anyway. */
  async #begin(place: Place): Promise<void> {
    const { disk, clock } = this.#ports
    const items = await disk?.read(place.name)
    const [request] = place.requests
    if (place.isGone || request === undefined) return
    const kept = items === undefined ? undefined : readOrWhy(() => request.read(items))
    if (kept === undefined || 'code' in kept) return await this.#fetch(place)
    this.#arrived(place, kept)
    if (kept.endsAt <= clock.wall()) return await this.#fetch(place)
    this.#rest(place, kept)
  }

  async #fetch(place: Place): Promise<void> {
    if (place.isGone) return
    if (!this.#budget.spend(0)) return this.#wait(place, this.#budget.wait(0))
    const request = place.requests[place.failures % place.requests.length]
    if (request === undefined) return
    const { clock } = this.#ports
    const limits = { ...this.#options, bytesMax: endorsementLimits.bytesMax, now: clock.wall() }
    const outcome = await boundedGet(request, limits, this.#stopping.signal).catch(() => undefined)
    // Thrown is the end of this shelf alone.
    if (place.isGone || outcome === undefined) return
    if (outcome.kind !== 'answer') return this.#failed(place, request, outcome)
    const read = readOrWhy(() => request.read(request.itemsOf(outcome.answer)))
    if ('code' in read) return this.#failed(place, request, { kind: 'not-so', code: read.code })
    if (isOlder(read, place.document)) {
      return this.#failed(place, request, { kind: 'not-so', code: 'SOURCE_GOES_BACK' })
    }
    if (read.endsAt <= clock.wall()) {
      return this.#failed(place, request, { kind: 'not-so', code: 'SOURCE_STALE' })
    }
    place.failures = 0
    const isNew = place.document === undefined || !isSameText(read, place.document)
    if (isNew) this.#arrived(place, read)
    this.#ports.log.debug('an endorsement was fetched', { name: place.name, url: request.url })
    this.#rest(place, read)
    if (isNew) await this.#ports.disk?.write(place.name, read.items)
  }

  #arrived(place: Place, document: KeptDocument): void {
    place.document = document
    for (const told of this.#listeners) told()
  }

  #rest(place: Place, document: KeptDocument): void {
    const { clock, random } = this.#ports
    this.#wait(place, renewalAfter(document, clock.wall(), random))
  }

  #failed(
    place: Place,
    { url }: DocumentRequest,
    failure: {
      readonly kind: 'later' | 'not-so'
      readonly code: string
      readonly retryAfter?: Duration | undefined
    },
  ): void {
    place.failures++
    const { name, failures } = place
    this.#ports.log.warn('an endorsement could not be fetched', {
      ...{ name, url, code: failure.code, failures },
    })
    this.#wait(place, retryAfter(failure, failures, this.#ports.random))
  }

  #wait(place: Place, span: Duration): void {
    place.cancel = this.#ports.timers.after(span, () => {
      const idle = between(place.usedAt, this.#ports.clock.monotonic())
      // Dropped, it is fetched anew by whoever asks; the disk still has it.
      if (idle >= this.#options.idleSpan) this.#places.delete(place.name)
      else void this.#fetch(place)
    })
  }
}

function leave(place: Place): void {
  place.isGone = true
  place.cancel()
}

/** A document, or the code of what is wrong with it: whoever answered is no peer, and costs nothing but the try. */
function readOrWhy(read: () => KeptDocument): KeptDocument | { readonly code: string } {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    return { code: error.code }
  }
}

/** Of two documents the one with the higher number is in force, and of one number the younger. */
function isOlder(found: KeptDocument, held: KeptDocument | undefined): boolean {
  if (held === undefined) return false
  if (found.evaluationNumber !== held.evaluationNumber) {
    return found.evaluationNumber < held.evaluationNumber
  }
  return found.issuedAt < held.issuedAt
}

function isSameText({ items }: KeptDocument, held: KeptDocument): boolean {
  return (
    items.length === held.items.length &&
    items.every(({ bytes }, i) => equalBytes(bytes, held.items[i]?.bytes ?? new Uint8Array()))
  )
}

function isSame(left: readonly KeptDocument[], right: readonly KeptDocument[]): boolean {
  return left.length === right.length && left.every((document, i) => document === right[i])
}

/** Documents of one vendor come with one chain. */
function eachOnce(items: readonly Endorsement[]): readonly Endorsement[] {
  return items.filter(
    (item, i) =>
      items.findIndex(other => other.kind === item.kind && equalBytes(other.bytes, item.bytes)) ===
      i,
  )
}
