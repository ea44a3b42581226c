/**
 * Keeps trying: addresses to find the network by, and members once known. It never gives up on an address;
 * it forgets one only when somebody else, or this node itself, turned out to live there.
 */

import { BoundedMap } from '../../base/bounded-map.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { below, type Random } from '../../base/random.ts'
import { after, type Clock, type Instant, milliseconds, minutes, seconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import { DialTurns } from './dial-turns.ts'
import { handshakeLimits, type NetLimits } from './options.ts'
import type { NetHandlers } from './port.ts'

/** How one dial goes on. */
export interface DialOptions {
  readonly signal: AbortSignal
  /** Called when one of the addresses takes the connection, before the handshake. */
  readonly answered: () => void
}

/** What the loop asks of the network. */
export interface Dialler {
  /** Dials any of these addresses of one node; resolves to who answered. Rejects with `code` at the start of the message. */
  dial(addresses: readonly string[], options: DialOptions): Promise<NodeId>
  isConnected(node: NodeId): boolean
  /** Whether a dial would be refused anyway: a denied, removed or own id. */
  isBarred(node: NodeId): boolean
}

export interface DialLoopDeps {
  readonly dialler: Dialler
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
  readonly handlers: Pick<NetHandlers, 'dialRefused' | 'dialFailed'>
  readonly limits: Pick<NetLimits, 'redialWait' | 'redialWaitMax'>
}

/** One thing to dial. */
interface Target {
  addresses: readonly string[]
  /** Who answers there, once known. */
  node: NodeId | undefined
  /** Whether its node was connected once, or a person named it: nobody made such an address up. */
  isKnown: boolean
  failures: number
  lastRefusal: string | undefined
  isDialling: boolean
  /** When the dial under way, or the last one, began. */
  startedAt: Instant
  /** When the next one is due. */
  dueAt: Instant
  cancel: (() => void) | undefined
}

/**
 * Longest pause after a refusal, on every preset: what the other side thinks of this node changes with a manifest,
 * a machine or a ban, not within seconds, and each try costs both a handshake.
 */
const refusedWaitMax = seconds(30)

/** A dial that fails after this long met a machine with too much to do, or one that is not there. */
const longDial = seconds(2)
/** First pauses after such a handshake are so many times longer: each costs both sides what they have not got. */
const busyFactor = 8
/** Longest pause after one: as long as it may have taken, so that half of the time is for something else. */
const busyWaitMax = handshakeLimits.total

/** Failures that say nothing about what the other side thinks of this node. */
const passing: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'DIAL_REFUSED',
  'HANDSHAKE_ABORTED',
  'HANDSHAKE_TIMEOUT',
  'BUSY',
  // Whoever lacks a vendor's document has asked for it, and it comes within seconds.
  'UNDETERMINED',
])

/** Members whose addresses are remembered; the longest unheard go first. */
const membersMax = 512

/**
 * An identity is not dialled for this long where another answered in its place. Routing tables tell of it long after
 * its end, and each dial costs the one that lives there now a handshake.
 */
const goneFor = minutes(5)

/** The loop. */
export class DialLoop {
  readonly #deps: DialLoopDeps
  /** Addresses of the configuration by text, members by node id. */
  readonly #targets = new Map<string, Target>()
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #turns: DialTurns
  /** Who no longer lives where, and until when that is believed. */
  readonly #gone = new BoundedMap<NodeId, { readonly where: string; readonly until: Instant }>(
    membersMax,
  )
  /** When the cause of a refusal, by its code, was last said to be over. */
  readonly #retriedAt = new BoundedMap<string, Instant>(16)
  #isStarted = false

  constructor(deps: DialLoopDeps) {
    this.#deps = deps
    this.#turns = new DialTurns(deps)
  }

  start(): void {
    this.#isStarted = true
    for (const target of this.#targets.values()) this.#schedule(target, 0)
  }

  /** Resolves when no dial runs. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#turns.stop()
    for (const target of this.#targets.values()) target.cancel?.()
    this.#targets.clear()
    await Promise.all(this.#running)
  }

  /** Adds an address, with or without peer id. */
  addAddress(address: string): void {
    if (!this.#targets.has(address)) this.#add(address, [address], undefined)
  }

  /**
   * Adds a node said to be a member, or its newer addresses.
   *
   * @returns whether it is new here.
   */
  addNode(node: NodeId, addresses: readonly string[]): boolean {
    if (addresses.length === 0) return false
    const target = this.#targets.get(node)
    if (target !== undefined) {
      target.addresses = addresses
      return false
    }
    if (this.#isGone(node, addresses)) return false
    this.#makeRoom()
    this.#add(node, addresses, node)
    return true
  }

  /** Somebody turned out to answer at this address. */
  learn(address: string, node: NodeId): void {
    const target = this.#targets.get(address)
    if (target !== undefined) target.node = node
  }

  /** Tries again soon: the member's last connection closed. */
  lost(node: NodeId): void {
    for (const target of this.#targets.values()) {
      if (target.node !== node) continue
      target.isKnown = true
      this.#schedule(target, this.#jittered(this.#deps.limits.redialWait) / 2)
    }
  }

  /**
   * The cause of this refusal may be over: what ended so is dialled soon. However often that is said, no dial is put off by it, and
   * none comes sooner than the first pause after a failure.
   */
  retry(code: string): void {
    const now = this.#deps.clock.monotonic()
    this.#retriedAt.set(code, now)
    const wait = milliseconds(this.#jittered(this.#deps.limits.redialWait))
    for (const target of this.#targets.values()) {
      const isWaiting = target.lastRefusal === code && !target.isDialling
      if (isWaiting && target.dueAt > after(now, wait)) this.#schedule(target, wait)
    }
  }

  /** What is being tried, for status: address, who answers, last refusal. */
  view(): readonly {
    readonly addresses: readonly string[]
    readonly node: NodeId | undefined
    readonly lastRefusal: string | undefined
  }[] {
    return [...this.#targets.values()].map(({ addresses, node, lastRefusal }) => ({
      addresses,
      node,
      lastRefusal,
    }))
  }

  #add(name: string, addresses: readonly string[], node: NodeId | undefined): void {
    const target: Target = {
      addresses,
      node,
      isKnown: node === undefined,
      failures: 0,
      lastRefusal: undefined,
      isDialling: false,
      startedAt: this.#deps.clock.monotonic(),
      dueAt: this.#deps.clock.monotonic(),
      cancel: undefined,
    }
    this.#targets.set(name, target)
    if (this.#isStarted) this.#schedule(target, 0)
  }

  #makeRoom(): void {
    const members = [...this.#targets].filter(([name, target]) => target.node === name)
    if (members.length < membersMax) return
    const [name, target] = members.reduce((worst, each) =>
      each[1].failures > worst[1].failures ? each : worst,
    )
    target.cancel?.()
    this.#targets.delete(name)
  }

  #schedule(target: Target, wait: number): void {
    if (this.#stopping.signal.aborted) return
    target.cancel?.()
    target.dueAt = after(this.#deps.clock.monotonic(), milliseconds(wait))
    target.cancel = this.#deps.timers.after(milliseconds(wait), () => {
      target.cancel = undefined
      const run = this.#try(target).finally(() => this.#running.delete(run))
      this.#running.add(run)
    })
  }

  async #try(target: Target): Promise<void> {
    if (target.isDialling || this.#isSettled(target)) return
    target.isDialling = true
    target.startedAt = this.#deps.clock.monotonic()
    using turn = await this.#turns.take(target)
    let isAnswered = false
    const answered = (): void => {
      isAnswered = true
      turn.answered()
    }
    try {
      // It may have dialled this node while it waited.
      if (this.#stopping.signal.aborted || this.#isSettled(target)) return
      const { signal } = this.#stopping
      target.node = await this.#deps.dialler.dial(target.addresses, { signal, answered })
      target.isKnown = true
      target.failures = 0
      target.lastRefusal = undefined
      this.#schedule(target, this.#jittered(this.#deps.limits.redialWaitMax))
    } catch (error) {
      const code = codeOf(error)
      const isLong = turn.age >= longDial
      // Who refuses does so at once; who hangs up after long was too busy, which says nothing about its health.
      const told = code === 'DIAL_REFUSED' && isLong ? 'UNREACHABLE' : code
      this.#failed(target, { code: told, isBusy: isAnswered && isLong })
    } finally {
      target.isDialling = false
    }
  }

  /** Whether there is nothing to dial now; looks again later. */
  #isSettled(target: Target): boolean {
    const { dialler, limits } = this.#deps
    const { node } = target
    if (node === undefined) return false
    if (!dialler.isConnected(node) && !dialler.isBarred(node)) return false
    // A lost connection is told to the loop; this look is for whatever was not.
    this.#schedule(target, this.#jittered(limits.redialWaitMax))
    return true
  }

  /** `isBusy`: somebody took the connection, and the handshake was not done for long. */
  #failed(target: Target, { code, isBusy }: { code: string; isBusy: boolean }): void {
    const { log, limits } = this.#deps
    const { redialWait, redialWaitMax } = limits
    if (this.#stopping.signal.aborted) return
    this.#deps.handlers.dialFailed(code)
    if (code === 'ALREADY_CONNECTED') {
      target.failures = 0
      this.#schedule(target, this.#jittered(redialWaitMax))
      return
    }
    if (code === 'SELF_DIAL' || (code === 'UNEXPECTED_PEER' && target.node !== undefined)) {
      // Another node lives at this address now: the member that did is gone with its keys.
      this.#forget(target)
      if (code === 'UNEXPECTED_PEER') this.#left(target)
      return
    }
    if (code === 'DIAL_REFUSED') this.#refused(target)
    if (code !== target.lastRefusal) {
      log.info('dial failed', { addresses: target.addresses, code })
    }
    const isPassing = passing.has(code)
    // Patience learned while nobody answered does not keep a node out that answers now, nor the other way round.
    if (passing.has(target.lastRefusal ?? 'UNREACHABLE') !== isPassing) target.failures = 0
    target.lastRefusal = code
    target.failures++
    const first = isBusy ? redialWait * busyFactor : redialWait
    const wait = first * 2 ** Math.min(target.failures - 1, 16)
    const patience = isBusy ? busyWaitMax : refusedWaitMax
    const waitMax = isPassing && !isBusy ? redialWaitMax : Math.max(redialWaitMax, patience)
    const retriedAt = this.#retriedAt.peek(code)
    const isOver = retriedAt !== undefined && retriedAt >= target.startedAt
    this.#schedule(target, this.#jittered(isOver ? redialWait : Math.min(wait, waitMax)))
  }

  #refused({ node }: Target): void {
    if (node !== undefined && !this.#deps.dialler.isConnected(node))
      this.#deps.handlers.dialRefused(node)
  }

  /** Another answered in its place. */
  #left(target: Target): void {
    const { node, addresses } = target
    const until = after(this.#deps.clock.monotonic(), goneFor)
    if (node !== undefined) this.#gone.set(node, { where: addresses.join(), until })
    this.#refused(target)
  }

  #isGone(node: NodeId, addresses: readonly string[]): boolean {
    const gone = this.#gone.peek(node)
    return gone?.where === addresses.join() && this.#deps.clock.monotonic() < gone.until
  }

  #forget(target: Target): void {
    for (const [name, each] of this.#targets) if (each === target) this.#targets.delete(name)
  }

  /** Between half and the whole of `span`, so that nodes that failed together do not try together. */
  #jittered(span: number): number {
    return span / 2 + below(this.#deps.random, Math.max(1, Math.floor(span / 2) + 1))
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNREACHABLE'
  const errors = error instanceof AggregateError ? [...error.errors, error] : [error]
  for (const each of errors) {
    const code = /^([A-Z][A-Z0-9_]+):/.exec(String(each?.message))?.[1]
    if (code !== undefined) return code
  }
  return 'UNREACHABLE'
}
