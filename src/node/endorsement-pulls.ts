/**
 * Vendors' documents from members, when this host cannot get them: signed by the vendor, read like the vendor's own answer, so that
 * nobody is believed for carrying them.
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { PeerFault } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { RateBudget } from '../base/rate-budget.ts'
import { after, type Instant, instant, milliseconds, minutes, seconds } from '../base/time.ts'
import type { EndorsementShelf } from '../host/endorsements/port.ts'
import type { Net } from '../host/net/port.ts'
import type { Host } from '../host/port.ts'
import {
  endorsementAnswerBytesMax,
  endorsementAnswerCodec,
  endorsementRequestCodec,
} from '../wire/endorsement-pull.ts'

/** Documents asked for at once; their names come from evidence that strangers show. */
const wantedMax = 64
/** The vendor is asked first. */
const vendorFirst = seconds(2)
/** Between two questions, whoever they go to. */
const restBetween = seconds(1)
/** After all members had nothing. */
const restAfterAll = minutes(5)
/** A member that answers later than this has nothing. */
const patience = seconds(10)
/** What all members together are served: a joiner asks for a dozen documents of 20 KiB, once. */
const served = { messagesPerSecond: 4, bytesPerSecond: 256 * 1024 }
/** Of it, what one member is: it asks once in a second, and must not leave nothing for a joiner. */
const servedEach = { messagesPerSecond: 1, bytesPerSecond: 64 * 1024 }
/** Members that asked lately, 100 bytes each; who is forgotten begins with a full budget of its own. */
const askersMax = 4_096

interface Wanted {
  readonly asked: Set<NodeId>
  notBefore: Instant
}

export interface EndorsementPullsPorts {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly shelf: EndorsementShelf
  readonly net: () => Pick<Net, 'ask' | 'connections'>
  /** A member sent what no member sends. */
  readonly faulted: (node: NodeId, code: string) => void
}

export class EndorsementPulls {
  readonly #ports: EndorsementPullsPorts
  readonly #wanted = new BoundedMap<string, Wanted>(wantedMax)
  readonly #served: RateBudget
  readonly #servedEach = new BoundedMap<NodeId, RateBudget>(askersMax)
  readonly #stopping = new AbortController()
  #isAsking = false
  #askNotBefore: Instant = instant(0)
  #cancel: (() => void) | undefined

  constructor(ports: EndorsementPullsPorts) {
    this.#ports = ports
    this.#served = new RateBudget(served, ports.host.clock)
  }

  /** A verdict misses these documents. */
  want(names: readonly string[]): void {
    const notBefore = after(this.#ports.host.clock.monotonic(), vendorFirst)
    for (const name of names) {
      if (this.#wanted.get(name) !== undefined) continue
      this.#wanted.set(name, { asked: new Set(), notBefore })
    }
    this.#rest()
  }

  /** A member asks for a document. @throws {PeerFault} for a malformed request, which costs the member, and `BUSY`. */
  answer(request: Uint8Array, from: NodeId): Uint8Array {
    const name = this.#nameIn(request, from)
    const held = this.#ports.shelf.held(name) ?? []
    const size = held.reduce((sum, item) => sum + item.bytes.length, 0)
    const items = size <= endorsementAnswerBytesMax ? held : []
    if (!this.#pays(from, items.length === 0 ? 0 : size)) {
      throw new PeerFault('BUSY', 'too many documents at once')
    }
    return endorsementAnswerCodec.encode({ items })
  }

  /** From a member's own budget first: whoever has none left takes nothing from what all share. */
  #pays(member: NodeId, bytes: number): boolean {
    const own = this.#servedEach.get(member) ?? new RateBudget(servedEach, this.#ports.host.clock)
    this.#servedEach.set(member, own)
    if (!own.spend(bytes)) return false
    if (this.#served.spend(bytes)) return true
    own.refund(bytes)
    return false
  }

  #nameIn(request: Uint8Array, from: NodeId): string {
    try {
      return endorsementRequestCodec.decode(request).name
    } catch (error) {
      if (error instanceof PeerFault) this.#ports.faulted(from, error.code)
      throw error
    }
  }

  stop(): void {
    this.#stopping.abort()
    this.#cancel?.()
    this.#wanted.clear()
  }

  /** Until the first document may be asked for: one that is missed now does not wait for those that nobody had. */
  #rest(): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#isAsking || this.#stopping.signal.aborted) return
    const dates = [...this.#wanted.keys()].map(name => this.#wanted.peek(name)?.notBefore ?? 0)
    if (dates.length === 0) return
    const { clock, timers } = this.#ports.host
    const at = Math.max(Math.min(...dates), this.#askNotBefore)
    this.#cancel = timers.after(milliseconds(Math.max(0, at - clock.monotonic())), () => {
      this.#cancel = undefined
      void this.#askNext()
    })
  }

  async #askNext(): Promise<void> {
    const next = this.#next()
    if (next !== undefined) {
      this.#isAsking = true
      await this.#ask(next.name, next.node)
      this.#isAsking = false
      this.#askNotBefore = after(this.#ports.host.clock.monotonic(), restBetween)
    }
    this.#rest()
  }

  /** Drops what came meanwhile; of the rest the first that somebody may have. */
  #next(): { readonly name: string; readonly node: NodeId } | undefined {
    const { host, shelf, net } = this.#ports
    const now = host.clock.monotonic()
    for (const name of [...this.#wanted.keys()]) {
      const wanted = this.#wanted.peek(name)
      if (wanted === undefined || !shelf.lacks(name)) {
        this.#wanted.delete(name)
        continue
      }
      if (now < wanted.notBefore) continue
      const candidate = net()
        .connections()
        .find(({ node }) => !wanted.asked.has(node))
      if (candidate !== undefined) {
        wanted.asked.add(candidate.node)
        return { name, node: candidate.node }
      }
      // Where nobody was there to be asked, the first who comes is.
      wanted.notBefore = after(now, wanted.asked.size === 0 ? vendorFirst : restAfterAll)
      wanted.asked.clear()
    }
    return undefined
  }

  async #ask(name: string, node: NodeId): Promise<void> {
    const { host, net, shelf, faulted } = this.#ports
    const deadline = new AbortController()
    const cancel = host.timers.after(patience, () => deadline.abort())
    const signal = AbortSignal.any([this.#stopping.signal, deadline.signal])
    const bytes = await net()
      .ask(node, 'endorsement', endorsementRequestCodec.encode({ name }), signal)
      // Whoever does not answer has nothing; the next one is asked.
      .catch(() => undefined)
      .finally(cancel)
    if (bytes === undefined || this.#stopping.signal.aborted) return
    try {
      const { items } = endorsementAnswerCodec.decode(bytes)
      if (items.length > 0 && shelf.offer(name, items)) this.#wanted.delete(name)
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error
      faulted(node, error.code)
    }
  }
}
