/**
 * Handing epoch keys to other members. Every condition is one line of `judge` (docs/spec/epoch-keys.md).
 *
 * What can still come true (the gate, a step-up) makes the request wait; what cannot refuses it.
 */
import { bytesOfDigest, digestOf, type NodeId } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import { type KeyRequest, keyGrantCodec, keyRequestCodec } from '../../wire/epoch-key.ts'
import type { Core } from './core.ts'
import type { Greetings } from './greetings.ts'
import { grantKey } from './key-grant.ts'

/** Longest wait of a request: below the ten seconds after which an asker gives up. */
const patience = seconds(9)
/** Requests of one member that may wait: one for each kind, and as many again. */
const waitingPerNode = 6
const waitingMax = 256

interface Waiting {
  readonly request: number
  readonly from: NodeId
  readonly asked: KeyRequest
  readonly until: Instant
}

type Judgement =
  | { readonly kind: 'grant' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'refuse'; readonly code: string }

const refuse = (code: string): Judgement => ({ kind: 'refuse', code })

export class KeyServing {
  readonly #core: Core
  readonly #greetings: () => Greetings
  #waiting: readonly Waiting[] = []

  constructor(core: Core, greetings: () => Greetings) {
    this.#core = core
    this.#greetings = greetings
  }

  /** A member asks for a key; the answer comes now or later. @throws {PeerFault} for a malformed request. */
  asked(
    { request, from, bytes }: { request: number; from: NodeId; bytes: Uint8Array },
    now: Instant,
  ): void {
    const asked = keyRequestCodec.decode(bytes)
    const own = this.#waiting.filter(waiting => waiting.from === from).length
    if (own >= waitingPerNode || this.#waiting.length >= waitingMax) {
      return this.#core.outbox.emit({ kind: 'refuse', request, code: 'BUSY' })
    }
    this.#waiting = [...this.#waiting, { request, from, asked, until: after(now, patience) }]
    this.drive(now)
  }

  /** Judges all that wait again. */
  drive(now: Instant): void {
    const waiting = this.#waiting
    this.#waiting = []
    const still = waiting.filter(one => !this.#settle(one, now))
    this.#waiting = [...still, ...this.#waiting]
  }

  /** The connection closed: nobody reads these answers any more, but whoever carries them still waits. */
  forget(node: NodeId): void {
    const gone = this.#waiting.filter(({ from }) => from === node)
    this.#waiting = this.#waiting.filter(({ from }) => from !== node)
    for (const { request } of gone) {
      this.#core.outbox.emit({ kind: 'refuse', request, code: 'NOT_CONNECTED' })
    }
  }

  wakeAt(): Instant | null {
    const all = this.#waiting.map(({ until }) => until)
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  #settle(waiting: Waiting, now: Instant): boolean {
    const { request } = waiting
    const judged = this.#judge(waiting, now)
    if (judged.kind === 'wait' && now < waiting.until) return false
    if (judged.kind === 'grant') this.#grant(waiting, now)
    else {
      const code = judged.kind === 'refuse' ? judged.code : 'NOT_FRESH'
      this.#core.outbox.emit({ kind: 'refuse', request, code })
    }
    return true
  }

  #judge({ from, asked }: Waiting, now: Instant): Judgement {
    const { roster, removals, keys, neighbours, stepUps } = this.#core
    if (this.#core.phase() !== 'active') return refuse('NOT_ACTIVE')
    if (this.#core.isRemoved(from)) return refuse('REMOVED')
    if (!roster.isMember(from, now)) return refuse('NOT_A_MEMBER')
    if (this.#core.manifest().rival !== null) return refuse('MANIFEST_EQUIVOCATION')
    const neighbour = neighbours.of(from)
    if (neighbour === undefined) return refuse('NOT_CONNECTED')
    if (!neighbour.isGateOpen) return { kind: 'wait' }
    const theirs = digestOf(asked.removalDigest)
    if (theirs !== removals.digest) {
      // Either side may be behind: both look, and the asker asks again.
      neighbour.digest = theirs
      this.#greetings().settle(neighbour, now)
      return refuse('REMOVALS_DIFFER')
    }
    if (keys.opening(digestOf(asked.id), now) === undefined) return refuse('KEY_UNKNOWN')
    if (roster.isFresh(from, now)) return { kind: 'grant' }
    stepUps.request(from, 'step-up', now)
    return { kind: 'wait' }
  }

  #grant({ request, from, asked }: Waiting, now: Instant): void {
    const { network, self, roster, removals, keys, ports, outbox } = this.#core
    const granted = keys.toGrant(digestOf(asked.id), now)
    const asker = roster.member(from, now)
    if (granted === undefined || asker === undefined) {
      return outbox.emit({ kind: 'refuse', request, code: 'KEY_UNKNOWN' })
    }
    const grant = grantKey(
      { network, server: self.node, asker: from, request: asked },
      { ...granted, removalDigest: bytesOfDigest(removals.digest) },
      { kemKey: asker.keys.kem, random: ports.random },
    )
    if (grant === undefined) {
      outbox.emit({ kind: 'refuse', request, code: 'BAD_KEM_KEY' })
      return outbox.fault(from, 'BAD_KEM_KEY')
    }
    outbox.emit({ kind: 'answer', request, bytes: keyGrantCodec.encode(grant) })
  }
}
