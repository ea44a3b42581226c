/**
 * Hello and announce: what neighbours know of each other before gossip or a key passes between them.
 *
 *     connected ─ hello both ways ─> its digest known to me? ─ yes ──────────────────────> gate opens
 *                                          └ no ─ fetch its removals, union ─ again ──┘
 *
 * The same door closes again for announcements whenever a frame shows a digest that is not known here:
 * they wait until the removals are fetched.
 */

import { PeerFault } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { bytesOfDigest, digestOf } from '../../base/ids.ts'
import {
  after,
  between,
  type Duration,
  type Instant,
  milliseconds,
  seconds,
} from '../../base/time.ts'
import type { SignedAnnouncement } from '../../wire/epoch-key.ts'
import { type Evidence, evidenceDigest } from '../../wire/evidence.ts'
import {
  type Announce,
  announceCodec,
  announcementsMax,
  type Hello,
  helloCodec,
  type MemberPhase,
} from '../../wire/hello.ts'
import type { ManifestMarkOnWire } from '../../wire/manifest-pull.ts'
import { verifyPossession } from '../../wire/member-record.ts'
import { removalsThatFit } from '../../wire/removal.ts'
import type { Core } from './core.ts'
import { ManifestPulls } from './manifest-pulls.ts'
import type { Neighbour } from './neighbours.ts'
import { RemovalSync, takeFromPeer } from './removal-sync.ts'

/** Hellos in a row without an answer before the connection is closed; a redial starts anew. */
const failuresMax = 3
/** Before the first retry, longer each time: the other side may have heard of the connection a moment later. */
const retryFirst = milliseconds(250)
/** Least time between two hellos to one member that only ask what has changed. */
const refreshAfter = seconds(1)

type Announced = (
  neighbour: Neighbour,
  announcements: readonly SignedAnnouncement[],
  now: Instant,
) => void

export class Greetings {
  readonly #core: Core
  readonly #announced: Announced
  readonly sync: RemovalSync
  readonly manifests: ManifestPulls

  /** `announced` gets what a neighbour says of keys once its removals are known here. */
  constructor(core: Core, announced: Announced) {
    this.#core = core
    this.#announced = announced
    this.manifests = new ManifestPulls(core)
    this.sync = new RemovalSync(core, (neighbour, now) => this.settle(neighbour, now))
  }

  connected(node: NodeId, now: Instant): void {
    this.#hello(this.#core.neighbours.open(node, now), now)
  }

  /** Asks again what a neighbour has, unless that was just done. */
  refresh(neighbour: Neighbour, now: Instant): void {
    const isRecent = between(neighbour.helloAt, now) < refreshAfter
    if (neighbour.helloAsk === null && neighbour.helloRetryAt === null && !isRecent) {
      this.#hello(neighbour, now)
    }
  }

  /** Answers a neighbour's hello with this node's own. @throws {PeerFault} for what no honest member says. */
  answer(neighbour: Neighbour, bytes: Uint8Array, now: Instant): Uint8Array {
    this.#take(neighbour, helloCodec.decode(bytes), now)
    return this.#own(now)
  }

  /** @throws {PeerFault} for what no honest member says. */
  answered(neighbour: Neighbour, answer: { ask: number; bytes: Uint8Array }, now: Instant): void {
    if (neighbour.helloAsk !== answer.ask) return
    neighbour.helloAsk = null
    neighbour.helloFailures = 0
    this.#take(neighbour, helloCodec.decode(answer.bytes), now)
  }

  failed(neighbour: Neighbour, ask: number, now: Instant): void {
    if (neighbour.helloAsk !== ask) return
    neighbour.helloAsk = null
    neighbour.helloFailures++
    neighbour.helloRetryAt = after(now, (retryFirst * neighbour.helloFailures) as Duration)
    if (neighbour.helloFailures === failuresMax) {
      this.#core.outbox.disconnect(neighbour.node, 'HELLO_UNANSWERED')
    }
  }

  /** Takes an announce frame in. @throws {PeerFault} for what no honest member says. */
  told(neighbour: Neighbour, bytes: Uint8Array, now: Instant): void {
    const frame = announceCodec.decode(bytes)
    takeFromPeer(this.#core, frame.removals, neighbour.node, now)
    if (this.#core.neighbours.of(neighbour.node) !== neighbour) return
    neighbour.evidence = digestOf(frame.evidence)
    this.#namedManifests(
      neighbour,
      frame.rival === null ? [frame.manifest] : [frame.manifest, frame.rival],
    )
    this.#heard(neighbour, frame, now)
  }

  /** Tells every neighbour this node's phase and digest, with what is news. `isKnownTo` has the removals already. */
  broadcast(
    news: {
      readonly announcements?: readonly SignedAnnouncement[]
      readonly removals?: readonly Uint8Array[]
    },
    isKnownTo: NodeId | null,
  ): void {
    const { removals, neighbours, outbox } = this.#core
    const frame = (items: readonly Uint8Array[]): Uint8Array =>
      announceCodec.encode({
        phase: this.#phase(),
        removalDigest: bytesOfDigest(removals.digest),
        announcements: (news.announcements ?? []).slice(0, announcementsMax),
        // More than a frame holds is fetched: the digest says that there is something.
        removals: removalsThatFit(items),
        ...this.#manifests(),
        evidence: this.#core.own.evidence,
      })
    const full = frame(news.removals ?? [])
    for (const { node } of neighbours.all()) {
      const bytes = node === isKnownTo ? frame([]) : full
      outbox.emit({ kind: 'tell', node, bytes })
    }
  }

  /** This node shows newer evidence from now on, and tells all that it does. */
  evidenceRenewed(evidence: Evidence): void {
    this.#core.own.renew(evidence)
    this.broadcast({}, null)
  }

  /** Fetches what is missing; with nothing missing, opens the gate and hears what waited behind it. */
  settle(neighbour: Neighbour, now: Instant): void {
    if (neighbour.digest === null) return
    if (!this.#core.removals.contains(neighbour.digest)) return this.sync.start(neighbour)
    if (!neighbour.isGateOpen) {
      neighbour.isGateOpen = true
      this.#core.outbox.emit({ kind: 'openGate', node: neighbour.node })
    }
    const { waiting } = neighbour
    neighbour.waiting = []
    if (waiting.length > 0) this.#announced(neighbour, waiting, now)
  }

  tick(now: Instant): void {
    for (const neighbour of this.#core.neighbours.all()) {
      const { helloRetryAt } = neighbour
      if (helloRetryAt !== null && now >= helloRetryAt) this.#hello(neighbour, now)
    }
    this.manifests.drive(now)
  }

  wakeAt(): Instant | null {
    const retries = this.#core.neighbours.all().flatMap(({ helloRetryAt }) => helloRetryAt ?? [])
    const all = [...retries, this.manifests.wakeAt() ?? []].flat()
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  #hello(neighbour: Neighbour, now: Instant): void {
    neighbour.helloRetryAt = null
    neighbour.helloAt = now
    neighbour.helloAsk = this.#core.outbox.ask(neighbour.node, 'hello', this.#own(now))
  }

  #own(now: Instant): Uint8Array {
    const isActive = this.#phase() === 'active'
    return helloCodec.encode({
      phase: this.#phase(),
      manifest: this.#manifests().manifest,
      removalDigest: bytesOfDigest(this.#core.removals.digest),
      possession: this.#core.own.record.possession,
      evidence: this.#core.own.evidence,
      // A joining node serves no key, so it announces none.
      announcements: isActive
        ? this.#core.keys.announcements(this.#core.conditions(), now).slice(0, announcementsMax)
        : [],
    })
  }

  #take(neighbour: Neighbour, hello: Hello, now: Instant): void {
    neighbour.evidence = digestOf(hello.evidence)
    this.#checkPossession(neighbour.node, hello, now)
    this.#namedManifests(neighbour, [hello.manifest])
    this.#heard(neighbour, hello, now)
  }

  #heard(
    neighbour: Neighbour,
    heard: {
      readonly phase: MemberPhase
      readonly removalDigest: Uint8Array
      readonly announcements: readonly SignedAnnouncement[]
    },
    now: Instant,
  ): void {
    this.#core.roster.setPhase(neighbour.node, heard.phase)
    neighbour.digest = digestOf(heard.removalDigest)
    const waiting = [...heard.announcements, ...neighbour.waiting]
    neighbour.waiting = waiting.slice(0, announcementsMax)
    this.settle(neighbour, now)
  }

  /** Of other evidence than is held here the signature comes with the record. */
  #checkPossession(node: NodeId, { possession, evidence: named }: Hello, now: Instant): void {
    const { roster, network } = this.#core
    const member = roster.member(node, now)
    if (member === undefined || roster.hasPossession(node)) return
    const { keys, evidence } = member
    if (evidenceDigest(evidence) !== digestOf(named)) return
    if (!verifyPossession(network, { keys, evidence, possession })) {
      throw new PeerFault('BAD_POSSESSION', 'a member signs for the keys of its handshake')
    }
    roster.setPossession(node, possession)
  }

  #namedManifests(neighbour: Neighbour, named: readonly ManifestMarkOnWire[]): void {
    neighbour.manifests = named.map(({ nonce, hash }) => ({ nonce, hash: digestOf(hash) }))
  }

  /** Marks of the manifest in force and, if the manifest set contradicted itself, of the other one. */
  #manifests(): Pick<Announce, 'manifest' | 'rival'> {
    const { nonce, hash, rival } = this.#core.manifest()
    return {
      manifest: { nonce, hash: bytesOfDigest(hash) },
      rival: rival === null ? null : { nonce, hash: bytesOfDigest(rival) },
    }
  }

  #phase(): MemberPhase {
    return this.#core.phase() === 'active' ? 'active' : 'joining'
  }
}
