/**
 * Getting the keys that others made.
 *
 *     announced or needed ─> wanted ─> source: gate open, active, same removal set, fresh ─> asked ─> held
 *                              └───────────── not yet: step up, greet again, wait ────┘
 *
 * Only keys that could be sealed under are pulled when announced; any other only when something sealed
 * under it arrived. A key is taken only from a member whose removals are all known here: so the set of
 * every holder contains the set under which the key was made, and whom that set removes gets it nowhere.
 */

import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Secret } from '../../base/secret.ts'
import { after, type Duration, type Instant, milliseconds, seconds } from '../../base/time.ts'
import {
  type EpochKeyKind,
  type KeyGrant,
  type KeyRequest,
  keyGrantCodec,
  keyRequestCodec,
  type SignedAnnouncement,
} from '../../wire/epoch-key.ts'
import type { Core } from './core.ts'
import { usablePerCreator } from './epoch-keys.ts'
import type { Greetings } from './greetings.ts'
import { openGrant, verifyAnnouncement } from './key-grant.ts'
import type { Neighbour } from './neighbours.ts'

/** Keys wanted at once: all kinds at their limits. A flood beyond it finds no room. */
const wantedMax = 64
/** Of these, keys known by a message alone: made-up ids must not crowd out keys to seal under. */
const neededMax = 32
/** Of those, keys that one neighbour named: its made-up ids must not crowd out what others need. */
const neededPerSource = 8
/** Members remembered per wanted key that said they hold it. */
const sourcesMax = 4
/** How long a key stays wanted: sixty tries at half a second; what is then still needed is asked for again. */
const wantedFor = seconds(30)
/** Rest after a failed try, doubled each time, and its most. */
const restFirst = milliseconds(100)
const restMax = seconds(2)
/** How often a source that is not ready is looked at again. */
const lookAgain = milliseconds(250)

interface Pull {
  readonly ask: number
  readonly node: NodeId
  readonly request: KeyRequest
  readonly askedAt: Instant
}

interface Wanted {
  readonly id: Digest
  /** What its creator says; `null` if only its id is known. */
  readonly announcement: SignedAnnouncement | null
  sources: readonly NodeId[]
  readonly until: Instant
  failures: number
  notBefore: Instant
  /** When to look again for a ready source, if no input makes one ready before. */
  lookAt: Instant
  pull: Pull | null
}

export class KeyPulls {
  readonly #core: Core
  readonly #greetings: () => Greetings
  readonly #wanted = new Map<Digest, Wanted>()

  /** `greetings` is asked to look again at neighbours that seem behind. */
  constructor(core: Core, greetings: () => Greetings) {
    this.#core = core
    this.#greetings = greetings
  }

  /** Hears which keys a neighbour holds. @throws {PeerFault} `BAD_ANNOUNCEMENT` for one that nobody signed. */
  announced(from: Neighbour, announcements: readonly SignedAnnouncement[], now: Instant): void {
    for (const announcement of announcements) this.#consider(from, announcement, now)
  }

  /** Something sealed under this key came from `from`. */
  need(id: Digest, from: NodeId, now: Instant): void {
    const needed = [...this.#wanted.values()].filter(({ announcement }) => announcement === null)
    const named = needed.filter(({ sources }) => sources[0] === from)
    const isFull = needed.length >= neededMax || named.length >= neededPerSource
    if (this.#core.keys.has(id) || isFull) return
    this.#want(id, null, from, now)
  }

  /** Asks active neighbours again which keys there are: what they announced before may have found nobody ready. */
  lookAgain(now: Instant): void {
    const { neighbours, roster } = this.#core
    for (const neighbour of neighbours.all()) {
      const isActive = roster.member(neighbour.node, now)?.phase === 'active'
      if (isActive && neighbour.isGateOpen) this.#greetings().refresh(neighbour, now)
    }
  }

  /** Whether a key of this kind that could be sealed under is on its way. */
  isPulling(kind: EpochKeyKind): boolean {
    for (const { announcement } of this.#wanted.values()) {
      if (announcement?.kind === kind && this.#wouldBeUsable(announcement)) return true
    }
    return false
  }

  /** Takes a grant in. @throws {PeerFault} for one that is not what was asked for. */
  answered(node: NodeId, answer: { ask: number; bytes: Uint8Array }, now: Instant): void {
    const wanted = this.#pulledBy(answer.ask)
    const pull = wanted?.pull
    if (wanted === undefined || pull === undefined || pull === null) return
    wanted.pull = null
    this.#rest(wanted, now)
    const { network, self, ports, removals, neighbours } = this.#core
    const context = { network, server: node, asker: self.node, request: pull.request }
    const grant = keyGrantCodec.decode(answer.bytes)
    const opened = openGrant(context, grant, ports)
    if (opened.kind === 'flawed') throw new PeerFault(opened.code, 'a grant is what was asked for')
    const digest = digestOf(grant.removalDigest)
    const neighbour = neighbours.of(node)
    if (neighbour === undefined || !removals.contains(digest)) {
      // It learned of a removal that is not known here: first the removal, then the key.
      opened.key[Symbol.dispose]()
      if (neighbour === undefined) return
      neighbour.digest = digest
      return this.#greetings().settle(neighbour, now)
    }
    this.#hold(node, { grant, key: opened.key, since: pull.askedAt }, now)
  }

  failed({ ask, code }: { ask: number; code: string }, now: Instant): void {
    const wanted = this.#pulledBy(ask)
    if (wanted?.pull == null) return
    const { node } = wanted.pull
    wanted.pull = null
    this.#rest(wanted, now)
    // Another may have it. Who does not is not asked again; who refused for now is asked last.
    const others = wanted.sources.filter(source => source !== node)
    wanted.sources = code === 'KEY_UNKNOWN' ? others : [...others, node]
    if (wanted.sources.length === 0) this.#wanted.delete(wanted.id)
    this.#core.outbox.event('debug', 'KEY_PULL_FAILED', { node, facts: { cause: code } })
    const neighbour = this.#core.neighbours.of(node)
    if (neighbour !== undefined) this.#greetings().refresh(neighbour, now)
  }

  /** Asks for what is wanted wherever that is possible now. */
  drive(now: Instant): void {
    for (const wanted of [...this.#wanted.values()]) {
      const isNeedless = now >= wanted.until || this.#core.keys.has(wanted.id)
      if (isNeedless) this.#wanted.delete(wanted.id)
      else if (wanted.pull === null && now >= wanted.notBefore) this.#try(wanted, now)
    }
  }

  /** The connection closed: what was asked there is asked elsewhere. */
  forget(node: NodeId): void {
    for (const wanted of this.#wanted.values()) if (wanted.pull?.node === node) wanted.pull = null
  }

  wakeAt(): Instant | null {
    let first: Instant | null = null
    for (const { pull, notBefore, lookAt, until } of this.#wanted.values()) {
      const next = Math.max(notBefore, lookAt) as Instant
      const at = pull === null && next < until ? next : until
      if (first === null || at < first) first = at
    }
    return first
  }

  #consider(from: Neighbour, announcement: SignedAnnouncement, now: Instant): void {
    const id = digestOf(announcement.id)
    if (this.#core.keys.has(id) || !this.#wouldBeUsable(announcement)) return
    const creator = nodeIdOfKey(announcement.creator)
    if (this.#core.isRemoved(creator)) return
    const known = this.#wanted.get(id)
    if (known !== undefined && known.announcement !== null) {
      return this.#want(id, known.announcement, from.node, now)
    }
    if (this.#claimsOf(announcement, from.node, now) >= usablePerCreator) {
      return this.#core.outbox.event('debug', 'KEY_LIMIT', { node: creator })
    }
    if (!verifyAnnouncement(this.#core.network, announcement)) {
      throw new PeerFault('BAD_ANNOUNCEMENT', 'an announcement is signed by its creator')
    }
    this.#wanted.delete(id)
    this.#want(id, announcement, from.node, now)
  }

  /** Usable keys, held and wanted, that stand against whoever answers for this announcement. */
  #claimsOf(announcement: SignedAnnouncement, from: NodeId, now: Instant): number {
    const { keys } = this.#core
    const { kind } = announcement
    const accountable = this.#accountable(announcement, from, now)
    let claims = keys.countedFor(kind, accountable, this.#core.conditions(), now)
    for (const { announcement: other, sources } of this.#wanted.values()) {
      if (other?.kind !== kind || !this.#wouldBeUsable(other)) continue
      const first = sources[0]
      if (first !== undefined && this.#accountable(other, first, now) === accountable) claims++
    }
    return claims
  }

  /** The creator answers for a key while it is a member here; whoever vouches for a departed one answers itself. */
  #accountable(announcement: SignedAnnouncement, from: NodeId, now: Instant): NodeId {
    const creator = nodeIdOfKey(announcement.creator)
    return this.#core.roster.isMember(creator, now) ? creator : from
  }

  #wouldBeUsable(announcement: SignedAnnouncement): boolean {
    return digestOf(announcement.removalDigest) === this.#core.removals.digest
  }

  #want(id: Digest, announcement: SignedAnnouncement | null, from: NodeId, now: Instant): void {
    const known = this.#wanted.get(id)
    if (known !== undefined) {
      if (known.sources.includes(from)) return
      known.sources = [...known.sources, from].slice(0, sourcesMax)
      return
    }
    if (this.#wanted.size >= wantedMax) return
    this.#wanted.set(id, {
      ...{ id, announcement, sources: [from], until: after(now, wantedFor) },
      ...{ failures: 0, notBefore: now, lookAt: now, pull: null },
    })
  }

  #try(wanted: Wanted, now: Instant): void {
    wanted.lookAt = after(now, lookAgain)
    const source = this.#sources(wanted).find(neighbour => this.#isReady(neighbour, now))
    if (source === undefined) return
    const { outbox, ports, removals } = this.#core
    const request = {
      id: bytesOfDigest(wanted.id),
      nonce: ports.random.bytes(16),
      removalDigest: bytesOfDigest(removals.digest),
    }
    const ask = outbox.ask(source.node, 'key', keyRequestCodec.encode(request))
    wanted.pull = { ask, node: source.node, request, askedAt: now }
  }

  /** Who said that it holds the key; if none of them is connected any more, every neighbour. */
  #sources(wanted: Wanted): readonly Neighbour[] {
    const { neighbours } = this.#core
    const named = wanted.sources.flatMap(node => neighbours.of(node) ?? [])
    return named.length > 0 ? named : neighbours.all()
  }

  /** Whether a neighbour may be asked for a key now; if not, what would make it ready is set going. */
  #isReady(neighbour: Neighbour, now: Instant): boolean {
    const { roster, removals, stepUps } = this.#core
    const { node } = neighbour
    if (!neighbour.isGateOpen || roster.member(node, now)?.phase !== 'active') return false
    if (neighbour.digest !== removals.digest) {
      this.#greetings().refresh(neighbour, now)
      return false
    }
    if (roster.isFresh(node, now)) return true
    stepUps.request(node, 'step-up', now)
    return false
  }

  #hold(
    server: NodeId,
    pulled: { readonly grant: KeyGrant; readonly key: Secret; readonly since: Instant },
    now: Instant,
  ): void {
    const { announcement, lifeLeft } = pulled.grant
    const id = digestOf(announcement.id)
    this.#wanted.delete(id)
    const incoming = {
      ...{ announcement, key: pulled.key, since: pulled.since, lifeLeft },
      countedFor: this.#accountable(announcement, server, now),
    }
    if (!this.#core.keys.hasRoom(announcement.kind)) {
      pulled.key[Symbol.dispose]()
      return this.#core.outbox.event('warn', 'COMMIT_KEYS_FULL', { node: server })
    }
    if (!this.#core.keys.hold(incoming, this.#core.conditions(), now)) return
    this.#core.keyHeld({ kind: announcement.kind, id }, now)
  }

  #rest(wanted: Wanted, now: Instant): void {
    const span = Math.min(restFirst * 2 ** wanted.failures, restMax) as Duration
    wanted.failures++
    wanted.notBefore = after(now, span)
  }

  #pulledBy(ask: number): Wanted | undefined {
    for (const wanted of this.#wanted.values()) if (wanted.pull?.ask === ask) return wanted
    return undefined
  }
}
