/**
 * Who may begin a handshake: budgets for strangers, before a byte of theirs is read.
 *
 * A socket costs a stranger nothing, so places are counted by origin (an IPv4 address, an IPv6 /64), one origin
 * never holds them all, and whoever dawdles gives way to whoever comes. A third of all connections is left for
 * those that this node dials itself: strangers alone cannot fill its neighbourhood (eclipse; Heilman et al. 2015).
 */
import { originOf } from '../../base/origin.ts'
import { after, between, type Clock, type Instant, seconds } from '../../base/time.ts'
import type { NetLimits } from './options.ts'

/** An honest handshake takes a fraction of this; whoever waits for longer may lose its place to a newcomer. */
const dawdling = seconds(1)
/** Seconds' worth of connections that may come at once. */
const burst = 1
/** Origins whose rate is remembered; beyond it the least recent start anew. */
const originsMax = 4_096

/** A socket on which a stranger would begin. */
export interface Knock {
  readonly remoteAddr: { toString(): string }
  /** What the connection inherits: the tie between the two. */
  readonly timeline: object
  abort(error: Error): void
  addEventListener(type: 'close', listener: () => void): void
}

type DoorLimits = Pick<
  NetLimits,
  'inboundPerIpPerSecond' | 'pendingMax' | 'pendingPerIpMax' | 'connectionsMax'
>

export interface DoorkeeperDeps {
  readonly clock: Clock
  readonly limits: DoorLimits
  /** Open connections that others dialled. */
  inboundOpen(): number
}

/** Why nobody comes in now. */
export type DoorRefusal = 'TOO_FAST' | 'TOO_MANY_PENDING' | 'INBOUND_FULL'

interface Pending {
  readonly origin: string
  readonly since: Instant
  readonly knock: Knock
}

/** The door. */
export class Doorkeeper {
  readonly #deps: DoorkeeperDeps
  /** Oldest first. */
  readonly #pending = new Map<object, Pending>()
  readonly #rates = new Map<string, { tokens: number; at: Instant }>()
  readonly #turnedAway: Record<DoorRefusal, number> = {
    TOO_FAST: 0,
    TOO_MANY_PENDING: 0,
    INBOUND_FULL: 0,
  }

  constructor(deps: DoorkeeperDeps) {
    this.#deps = deps
  }

  /** Handshakes of strangers that are under way. */
  get pendingCount(): number {
    return this.#pending.size
  }

  /** How many sockets were closed unheard, by reason. */
  get turnedAway(): Readonly<Record<DoorRefusal, number>> {
    return { ...this.#turnedAway }
  }

  /** Takes a socket in, or says why not. Its place is free again when it closes, or once `passed`. */
  knocks(knock: Knock): DoorRefusal | undefined {
    const origin = originOf(knock.remoteAddr.toString())
    const refusal = this.#judge(origin)
    if (refusal !== undefined) {
      this.#turnedAway[refusal]++
      return refusal
    }
    const { timeline } = knock
    this.#pending.set(timeline, { origin, since: this.#deps.clock.monotonic(), knock })
    knock.addEventListener('close', () => this.passed(timeline))
    return undefined
  }

  /** The handshake on this socket is over, well or not. */
  passed(timeline: object): void {
    this.#pending.delete(timeline)
  }

  #judge(origin: string): DoorRefusal | undefined {
    const { limits, inboundOpen } = this.#deps
    const { pendingMax, pendingPerIpMax, connectionsMax } = limits
    if (!this.#spend(origin)) return 'TOO_FAST'
    const inboundMax = Math.floor((connectionsMax * 2) / 3)
    if (inboundOpen() + this.#pending.size >= inboundMax) return 'INBOUND_FULL'
    const same = [...this.#pending.values()].filter(each => each.origin === origin)
    if (same.length >= pendingPerIpMax) return this.#makeRoom(same)
    if (this.#pending.size >= pendingMax) return this.#makeRoom(this.#largest())
    return undefined
  }

  /** The one that has waited longest gives way, if it dawdles. */
  #makeRoom([oldest]: readonly Pending[]): DoorRefusal | undefined {
    const now = this.#deps.clock.monotonic()
    if (oldest === undefined || between(oldest.since, now) < dawdling) return 'TOO_MANY_PENDING'
    this.passed(oldest.knock.timeline)
    oldest.knock.abort(new Error('TOO_MANY_PENDING: others wait'))
    return undefined
  }

  /** Everything pending of the origin that has most, oldest first. */
  #largest(): readonly Pending[] {
    const byOrigin = Map.groupBy(this.#pending.values(), ({ origin }) => origin)
    const groups = [...byOrigin.values()]
    return groups.reduce((most, each) => (each.length > most.length ? each : most), [])
  }

  /** Pays for one connection of this origin. */
  #spend(origin: string): boolean {
    const rate = this.#deps.limits.inboundPerIpPerSecond
    const now = this.#deps.clock.monotonic()
    const known = this.#rates.get(origin) ?? { tokens: burst * rate, at: now }
    const filled = known.tokens + (rate * between(known.at, now)) / seconds(1)
    const tokens = Math.min(burst * rate, filled)
    this.#rates.delete(origin)
    this.#rates.set(origin, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    if (this.#rates.size > originsMax) this.#forgetIdle(now)
    return tokens >= 1
  }

  /** Whoever has been quiet for a burst has all its tokens again; if nobody was, the least recent starts anew. */
  #forgetIdle(now: Instant): void {
    for (const [origin, { at }] of this.#rates) {
      if (this.#rates.size <= originsMax && after(at, seconds(burst)) > now) return
      this.#rates.delete(origin)
    }
  }
}
