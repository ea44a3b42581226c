/**
 * Fetching the removals that another set has and this one lacks.
 *
 *     list the claims, page by page ──> ask for the items that are missing, 16 at a time ──> all here
 *
 * Nothing of it is trusted: every item proves itself on its way in. A member that names a claim and does
 * not deliver its proof, or delivers an item that proves nothing, is at fault and loses its connection.
 */
import type { Refusal } from '../../attestation/verdict.ts'
import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import {
  type RemovalsAnswer,
  removalIdsPerPage,
  removalsAnswerCodec,
  removalsPerMessage,
  removalsRequestCodec,
  removalsThatFit,
} from '../../wire/removal.ts'
import type { Core } from './core.ts'
import type { Neighbour, RemovalFetch } from './neighbours.ts'

/** Most claims that an honest set can list: twice what one holds, for a manifest with larger limits. */
const listedMax = 16_384
/** Tries before a member that does not answer is disconnected; a redial starts anew. */
const failuresMax = 3
/** Fetches in a row that may bring nothing but another digest: a manifest may change meanwhile, or a request name one in error. */
const barrenFetchesMax = 128

export class RemovalSync {
  readonly #core: Core
  readonly #completed: (neighbour: Neighbour, now: Instant) => void

  /** `completed` is called when all that `neighbour` listed is here. */
  constructor(core: Core, completed: (neighbour: Neighbour, now: Instant) => void) {
    this.#core = core
    this.#completed = completed
  }

  /** Begins to fetch what `neighbour` has; one fetch at a time. */
  start(neighbour: Neighbour): void {
    const { digest } = neighbour
    if (neighbour.fetch !== null || digest === null) return
    const fetch: RemovalFetch = {
      ...{ digest, ask: 0, isListed: false, after: null, listed: 0 },
      ...{ missing: [], asked: [], failures: 0, hasGained: false },
    }
    neighbour.fetch = fetch
    this.#ask(neighbour, fetch)
  }

  /** Answers a member's request. @throws {PeerFault} for a malformed one. */
  answer(bytes: Uint8Array): Uint8Array {
    const { removals } = this.#core
    const request = removalsRequestCodec.decode(bytes)
    const digest = bytesOfDigest(removals.digest)
    if (request.ids.length > 0) {
      const items = removalsThatFit(request.ids.flatMap(id => removals.item(digestOf(id)) ?? []))
      return removalsAnswerCodec.encode({ digest, ids: [], hasMore: false, items })
    }
    const after = request.after === null ? null : digestOf(request.after)
    const { ids, hasMore } = removals.idsAfter(after, removalIdsPerPage)
    return removalsAnswerCodec.encode({ digest, ids: ids.map(bytesOfDigest), hasMore, items: [] })
  }

  /** Takes an answer in. @throws {PeerFault} for one that no honest member gives. */
  answered(neighbour: Neighbour, answer: { ask: number; bytes: Uint8Array }, now: Instant): void {
    const { fetch } = neighbour
    if (fetch === null || fetch.ask !== answer.ask) return
    const page = removalsAnswerCodec.decode(answer.bytes)
    fetch.failures = 0
    if (fetch.isListed) this.#takeItems(neighbour, fetch, page, now)
    else this.#takeList(fetch, page)
    // What was learned may have taken the neighbour itself out.
    if (this.#core.neighbours.of(neighbour.node) !== neighbour) return
    if (!fetch.isListed || fetch.missing.length > 0) return this.#ask(neighbour, fetch)
    neighbour.fetch = null
    neighbour.digest = digestOf(page.digest)
    const isBarren = neighbour.digest !== fetch.digest && !fetch.hasGained
    neighbour.barrenFetches = isBarren ? neighbour.barrenFetches + 1 : 0
    if (neighbour.barrenFetches > barrenFetchesMax) {
      throw new PeerFault(
        'REMOVALS_RESTLESS',
        'a set of removals that changes shows what it gained',
      )
    }
    // If its set grew meanwhile, the new digest is simply not known yet and the next fetch begins.
    if (neighbour.digest === fetch.digest) this.#core.removals.noteContained(fetch.digest)
    this.#completed(neighbour, now)
  }

  failed(neighbour: Neighbour, ask: number): void {
    const { fetch } = neighbour
    if (fetch === null || fetch.ask !== ask) return
    fetch.failures++
    if (fetch.failures === failuresMax) {
      return this.#core.outbox.disconnect(neighbour.node, 'REMOVALS_UNANSWERED')
    }
    fetch.missing = [...fetch.asked, ...fetch.missing]
    this.#ask(neighbour, fetch)
  }

  #ask(neighbour: Neighbour, fetch: RemovalFetch): void {
    fetch.asked = fetch.isListed ? fetch.missing.slice(0, removalsPerMessage) : []
    fetch.missing = fetch.missing.slice(fetch.asked.length)
    const bytes = removalsRequestCodec.encode({
      after: fetch.after === null ? null : bytesOfDigest(fetch.after),
      ids: fetch.asked.map(bytesOfDigest),
    })
    fetch.ask = this.#core.outbox.ask(neighbour.node, 'removals', bytes)
  }

  #takeList(fetch: RemovalFetch, page: RemovalsAnswer): void {
    const ids = page.ids.map(digestOf)
    const isRising = ids.every((id, i) => id > (ids[i - 1] ?? fetch.after ?? ''))
    fetch.listed += ids.length
    if (!isRising || fetch.listed > listedMax || (page.hasMore && ids.length === 0)) {
      throw new PeerFault('REMOVALS_BAD_LIST', 'a list of removals rises and ends')
    }
    const unknown = ids.filter(id => !this.#core.removals.hasClaim(id))
    fetch.missing = [...fetch.missing, ...unknown]
    fetch.after = ids.at(-1) ?? fetch.after
    fetch.isListed = !page.hasMore
  }

  #takeItems(neighbour: Neighbour, fetch: RemovalFetch, page: RemovalsAnswer, now: Instant): void {
    const { digest } = this.#core.removals
    const taken = takeFromPeer(this.#core, page.items, neighbour.node, now)
    fetch.hasGained ||= this.#core.removals.digest !== digest
    // What nobody could name here came all the same: it is not asked for again.
    const left = taken.includes(null) ? [] : fetch.asked.filter(id => !taken.includes(id))
    if (left.length < fetch.asked.length) {
      fetch.missing = [...left, ...fetch.missing]
      return
    }
    // Between its list and its items an honest set may have changed, and then says so.
    if (digestOf(page.digest) === fetch.digest) {
      throw new PeerFault('REMOVALS_WITHHELD', 'who lists a removal can prove it')
    }
    fetch.missing = []
  }
}

/**
 * Takes items of a member in and lets the growth be known. @returns the name of each, `null` where it could not be told.
 *
 * @throws {PeerFault} for an item that proves nothing, after the others before it were taken.
 */
export function takeFromPeer(
  core: Core,
  items: readonly Uint8Array[],
  from: NodeId,
  now: Instant,
): readonly (Digest | null)[] {
  const added: Uint8Array[] = []
  const names: (Digest | null)[] = []
  let fault: Refusal | undefined
  for (const item of items) {
    const taken = core.removals.take(item)
    names.push(taken.id)
    if (taken.kind === 'added') added.push(item)
    if (taken.kind !== 'refused') continue
    fault = taken.isFault ? taken : undefined
    // What follows a forged item is not worth its signatures.
    if (taken.isFault) break
    core.outbox.event('info', taken.code, { node: from, facts: taken.facts })
  }
  if (added.length > 0) core.removalsGrew(added, from, now)
  if (fault === undefined) return names
  throw new PeerFault(fault.code, 'a removal item of a member proves itself')
}
