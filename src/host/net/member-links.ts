/**
 * Open member connections: which of two to keep, when gossip may start, when a verdict runs out.
 *
 * A link is one libp2p connection with the verdict on its other end. A member has one link, two while dials
 * of both sides race; both sides keep the one that the smaller node id dialled.
 */
import type { Connection } from '@libp2p/interface'
import { compareBytes } from '../../base/bytes.ts'
import { CoterieError, HostError } from '../../base/errors.ts'
import { type Digest, type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { after, between, type Clock, type Instant, seconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import { memberProtocol } from './attested-noise.ts'
import type { ChannelFacts } from './channel-facts.ts'
import type { Attested } from './handshake-exchange.ts'
import { isSmaller } from './node-order.ts'
import type { MemberConnection, NetHandlers } from './port.ts'

/** One attested connection. */
export interface Link {
  readonly node: NodeId
  readonly connection: Connection
  readonly channel: ChannelFacts
  /** The evidence that this side named in the handshake. */
  readonly shown: Digest
  readonly openedAt: Instant
  /** What the node is told; its verdict is replaced by later ones. */
  member: MemberConnection
  /** When the verdict lapses, by the clock that the host cannot turn back. */
  lapsesAt: Instant
}

interface Member {
  readonly links: Link[]
  current: Link
  readonly gate: PromiseWithResolvers<void>
  isOpen: boolean
  /** Why the connection is being closed, if anybody said. */
  reason: string | undefined
}

/** Two connections this close together were dialled in ignorance of each other. */
const raceWindow = seconds(5)
/** A connection that lost the race lives on this long, for requests that are under way on it. */
const retirement = seconds(2)

/** How soon a connection that ended unheard is noticed. */
const sweepInterval = seconds(1)

/** What a change of links means to others. */
export interface LinkListener {
  /** The link to use for this member is new or another. */
  linkChanged(link: Link): void
  /** The member's last link closed. */
  memberGone(node: NodeId): void
}

/** What the table stands on. */
export interface MemberLinksDeps {
  readonly self: NodeId
  readonly handlers: NetHandlers
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly listeners: readonly LinkListener[]
  /** Closes the connections to a member that the node does not want. */
  turnAway(node: NodeId, code: string): void
}

/** The table of member connections. */
export class MemberLinks {
  readonly #deps: MemberLinksDeps
  readonly #attested = new WeakMap<object, Attested>()
  readonly #links = new Map<Connection, Link>()
  readonly #members = new Map<NodeId, Member>()
  readonly #timers = new Set<() => void>()
  #closed = false
  #isSweeping = false

  constructor(deps: MemberLinksDeps) {
    this.#deps = deps
  }

  /** Notes what the handshake learned, until libp2p makes a connection of it. */
  attested(link: object, attested: Attested): void {
    this.#attested.set(link, attested)
  }

  /** The link of an attested connection whose verdict has not lapsed. */
  linkOf(connection: Connection): Link | undefined {
    if (connection.encryption !== memberProtocol) return undefined
    const link = this.#links.get(connection)
    return link !== undefined && link.lapsesAt > this.#deps.clock.monotonic() ? link : undefined
  }

  /** The link in use with this member. */
  current(node: NodeId): Link | undefined {
    const link = this.#members.get(node)?.current
    return link === undefined ? undefined : this.linkOf(link.connection)
  }

  /** @throws {HostError} `NOT_CONNECTED` if there is no link to this member. */
  require(node: NodeId): Link {
    const link = this.current(node)
    if (link === undefined) throw new HostError('NOT_CONNECTED', `no connection to ${node}`)
    return link
  }

  /** Every member's link in use. */
  all(): readonly Link[] {
    return [...this.#members.values()].map(member => member.current)
  }

  has(node: NodeId): boolean {
    return this.#members.has(node)
  }

  /** Whether the only connection to this member is older than a race of dials: a further one is no race. */
  isSettled(node: NodeId): boolean {
    const link = this.#members.get(node)?.current
    return link !== undefined && this.#age(link) > raceWindow
  }

  isGateOpen(node: NodeId): boolean {
    return this.#members.get(node)?.isOpen === true
  }

  /** Resolves when gossip with this member may start; rejects if it goes before that. */
  gate(node: NodeId): Promise<void> {
    const member = this.#members.get(node)
    if (member === undefined)
      return Promise.reject(new HostError('NOT_CONNECTED', 'no such member'))
    return member.gate.promise
  }

  /** Takes a later verdict on the other end of this member's links. */
  renew(link: Link, verdict: MemberConnection['verdict']): void {
    const { clock } = this.#deps
    const left = between(clock.wall(), verdict.expiresAt)
    for (const each of this.#members.get(link.node)?.links ?? []) {
      each.member = { ...each.member, verdict }
      each.lapsesAt = after(clock.monotonic(), left)
    }
  }

  /** A connection stands. Called before any byte of it is read. */
  opened(connection: Connection): void {
    const attested = this.#attested.get(connection.timeline)
    if (attested === undefined || attested.shown === null || this.#closed) {
      connection.abort(new HostError('NOT_ATTESTED', 'a member connection without a verdict'))
      return
    }
    // The other side may be gone before libp2p made a connection of the socket: then nobody tells of the end.
    if (connection.status !== 'open') return
    const link = this.#linkOf(connection, attested, attested.shown)
    this.#links.set(connection, link)
    this.#sweepLater()
    const member = this.#members.get(link.node)
    if (member === undefined) {
      this.#join(link)
      return
    }
    member.links.push(link)
    const [kept, other] = this.#choose(member.current, link)
    this.#retire(other)
    if (kept === member.current) return
    member.current = kept
    for (const listener of this.#deps.listeners) listener.linkChanged(kept)
  }

  /** A connection ended. */
  closed(connection: Connection): void {
    const link = this.#links.get(connection)
    this.#links.delete(connection)
    const member = link && this.#members.get(link.node)
    if (link === undefined || member === undefined) return
    member.links.splice(member.links.indexOf(link), 1)
    const next = member.links.at(-1)
    if (next !== undefined) {
      if (member.current !== link) return
      member.current = next
      for (const listener of this.#deps.listeners) listener.linkChanged(next)
      return
    }
    this.#members.delete(link.node)
    if (!member.isOpen) member.gate.reject(new HostError('NOT_CONNECTED', 'the member went'))
    for (const listener of this.#deps.listeners) listener.memberGone(link.node)
    this.#deps.handlers.memberDisconnected(link.node, member.reason ?? 'LINK_CLOSED')
  }

  /** Says why the member's connections are about to close; the first reason stands. */
  giveReason(node: NodeId, code: string): void {
    const member = this.#members.get(node)
    if (member !== undefined) member.reason ??= code
  }

  /** Closes all connections to a member; resolves when they are closed. */
  async close(node: NodeId, code: string): Promise<void> {
    this.giveReason(node, code)
    const links = [...(this.#members.get(node)?.links ?? [])]
    await Promise.all(links.map(link => closeConnection(link.connection)))
  }

  /** Forgets all timers; links are closed by libp2p. */
  stop(): void {
    this.#closed = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }

  /** Drops links whose end was not told: a connection may close between two steps of libp2p. */
  #sweepLater(): void {
    if (this.#isSweeping || this.#closed || this.#links.size === 0) return
    this.#isSweeping = true
    const cancel = this.#deps.timers.after(sweepInterval, () => {
      this.#timers.delete(cancel)
      this.#isSweeping = false
      for (const { connection } of this.#links.values()) {
        if (connection.status !== 'open' && connection.status !== 'closing') this.closed(connection)
      }
      this.#sweepLater()
    })
    this.#timers.add(cancel)
  }

  #linkOf(connection: Connection, attested: Attested, shown: Digest): Link {
    const { clock } = this.#deps
    const node = nodeId(connection.remotePeer.toString())
    const { keys, evidence, verdict, channel } = attested
    const openedAt = clock.monotonic()
    return {
      node,
      connection,
      channel,
      shown,
      openedAt,
      lapsesAt: after(openedAt, between(clock.wall(), verdict.expiresAt)),
      member: {
        node,
        keys,
        evidence,
        verdict,
        outbound: channel.own === 'initiator',
        address: connection.remoteAddr.toString(),
      },
    }
  }

  #join(link: Link): void {
    const gate = Promise.withResolvers<void>()
    const member: Member = {
      links: [link],
      current: link,
      gate,
      isOpen: false,
      reason: undefined,
    }
    // Whoever waits has its own handler; a gate that nobody waits for may reject unseen.
    gate.promise.catch(() => {})
    this.#members.set(link.node, member)
    for (const listener of this.#deps.listeners) listener.linkChanged(link)
    this.#deps.handlers.memberConnected(link.member).then(
      () => this.#openGate(link.node, member),
      (error: unknown) => this.#turnAway(link.node, error),
    )
  }

  #openGate(node: NodeId, member: Member): void {
    if (this.#members.get(node) !== member) return
    member.isOpen = true
    member.gate.resolve()
  }

  #turnAway(node: NodeId, error: unknown): void {
    const code = error instanceof CoterieError ? error.code : 'TURNED_AWAY'
    this.#deps.log.warn('member turned away', { node, code })
    this.#deps.turnAway(node, code)
  }

  /**
   * Which of two connections to one member both sides keep. Both know who dialled which, and the handshake
   * hash; neither knows more than the other.
   */
  #choose(old: Link, young: Link): readonly [kept: Link, other: Link] {
    // An honest peer that has a connection does not dial again: to it, the old one is lost.
    if (this.#age(old) > raceWindow) return [young, old]
    const iAmSmaller = isSmaller(this.#deps.self, old.node)
    const isRight = (link: Link): boolean => (link.channel.own === 'initiator') === iAmSmaller
    if (isRight(old) !== isRight(young)) return isRight(old) ? [old, young] : [young, old]
    const { handshakeHash } = young.channel
    const youngFirst = compareBytes(handshakeHash, old.channel.handshakeHash) < 0
    return youngFirst ? [young, old] : [old, young]
  }

  #age(link: Link): number {
    return between(link.openedAt, this.#deps.clock.monotonic())
  }

  #retire(link: Link): void {
    const cancel = this.#deps.timers.after(retirement, () => {
      this.#timers.delete(cancel)
      void closeConnection(link.connection)
    })
    this.#timers.add(cancel)
  }
}

/** Closes in order, or at once if that takes too long. */
async function closeConnection(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(1000) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new Error(String(error)))
  }
}
