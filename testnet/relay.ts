/**
 * Recording TCP relays, one in front of each node.
 *
 * A relay's port is the only address that its node announces, so every connection between nodes passes one.
 * The relay asks the kernel which process dialled, so that every ordered pair (dialler, node) is a *link* of
 * its own: it can be cut, healed and measured, and everything it carries is searched for planted plaintext.
 * Faults happen here and on processes; a node has no fault hook.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { HostError } from '../src/base/errors.ts'
import { type FlowFault, soundFlow } from './flow.ts'
import { PlaintextSearch, type PlantedRun } from './plaintext-search.ts'
import { loopback } from './ports.ts'
import { type Direction, RelayedConnection } from './relayed-connection.ts'
import { ConnectionOwners, type Endpoint } from './socket-owner.ts'

/** From the dialling process to the node behind the relay; it carries both directions of its connections. */
export interface Link {
  /** The name of a known process, or `outside`. */
  readonly from: string
  readonly to: string
}

export const outside = 'outside'

/**
 * How a link is broken. `silent`: nothing moves and nobody is told, as when a cable is pulled; what was
 * under way moves on after the heal, as TCP would resend it. `reset`: connections break at once and new
 * ones are refused.
 */
export type CutKind = 'silent' | 'reset'

export interface LinkReport extends Link {
  readonly cut: CutKind | null
  /** Connections open now, and opened ever. */
  readonly open: number
  readonly opened: number
  /** Bytes from the dialler, and to it. */
  readonly bytesForth: number
  readonly bytesBack: number
}

/** A planted run that was seen in clear. */
export interface Sighting extends Link {
  readonly run: string
  readonly direction: Direction
}

type BytesListener = (link: Link, direction: Direction, chunk: Uint8Array) => void

interface LinkState extends Link {
  cut: CutKind | null
  opened: number
  bytesForth: number
  bytesBack: number
  readonly connections: Set<RelayedConnection>
}

/** All relays of one testnet. */
export class RelayBoard {
  readonly #relays = new Map<string, Relay>()
  readonly #links = new Map<string, LinkState>()
  readonly #names = new Map<number, string>()
  readonly #planted: PlantedRun[] = []
  readonly #sightings: Sighting[] = []
  readonly #listeners = new Set<BytesListener>()
  readonly #flows = new Map<string, FlowFault>()
  readonly #draw: () => number
  readonly #owners = new ConnectionOwners(() => this.#names.keys())
  #isClosed = false

  /** `draw`, in 0..1, decides which chunks are lost and how far they are off. */
  constructor(draw: () => number = Math.random) {
    this.#draw = draw
  }

  /** Listens on `port` for connections to `node`. @throws {HostError} `PORT_IN_USE`. */
  async open(node: string, port: number): Promise<void> {
    const relay = new Relay(node, this)
    await relay.listen(port)
    this.#relays.set(node, relay)
  }

  /** Says where `node` listens now; `undefined` while it does not run: dials are refused. */
  point(node: string, port: number | undefined): void {
    const relay = this.#relays.get(node)
    if (relay !== undefined) relay.target = port
  }

  /** Gives the sockets of a process a name. A process that is not named dials as `outside`. */
  identify(pid: number, name: string): void {
    this.#names.set(pid, name)
  }

  forget(pid: number): void {
    this.#names.delete(pid)
  }

  cut(link: Link, kind: CutKind): void {
    const state = this.#link(link)
    state.cut = kind
    for (const connection of state.connections) {
      if (kind === 'reset') connection.reset()
      else connection.hold()
    }
  }

  heal(link: Link): void {
    const state = this.#link(link)
    state.cut = null
    for (const connection of state.connections) connection.release()
  }

  /** Cuts both directions between every node of `left` and every one of `right`. */
  partition(left: readonly string[], right: readonly string[], kind: CutKind): void {
    for (const link of linksBetween(left, right)) this.cut(link, kind)
  }

  /** Disturbs all that `flow.from` sends to `flow.to`, whoever dialled; what is not said stays as it is. */
  disturb(flow: Link, fault: Partial<FlowFault>): void {
    this.#flows.set(keyOf(flow), { ...this.#faultOf(flow), ...fault })
    this.#refresh()
  }

  healAll(): void {
    this.#flows.clear()
    for (const state of this.#links.values()) if (state.cut !== null) this.heal(state)
    this.#refresh()
  }

  links(): LinkReport[] {
    return [...this.#links.values()].map(
      ({ from, to, cut, connections, opened, bytesForth, bytesBack }) => {
        return { from, to, cut, open: connections.size, opened, bytesForth, bytesBack }
      },
    )
  }

  /** Searches everything that is relayed from now on for these bytes. */
  plant(run: PlantedRun): void {
    this.#planted.push(run)
  }

  plantedSeen(): readonly Sighting[] {
    return this.#sightings
  }

  /** Tells every relayed chunk, which must not be changed; the returned function ends it. */
  onBytes(listener: BytesListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Breaks every connection and stops listening. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const state of this.#links.values()) {
      for (const connection of state.connections) connection.reset()
    }
    await Promise.all([...this.#relays.values()].map(relay => relay.close()))
    this.#relays.clear()
  }

  /**
   * For relays: takes a paused connection that a client made from `client` to the relay at `server`. Nothing
   * moves before its link is known.
   */
  async accept(
    relay: Relay,
    socket: Socket,
    ends: { client: Endpoint; server: Endpoint },
  ): Promise<void> {
    const pid = await this.#owners.find(ends.client, ends.server)
    // Gone while the kernel was asked; its `close` has been told to nobody.
    if (socket.destroyed) return
    const from = (pid === undefined ? undefined : this.#names.get(pid)) ?? outside
    const state = this.#link({ from, to: relay.node })
    if (state.cut === 'reset' || this.#isClosed) {
      socket.destroy()
      return
    }
    state.opened++
    const { to } = state
    const connection = new RelayedConnection(socket, {
      target: () => relay.target,
      fault: direction => {
        return this.#faultOf(direction === 'forth' ? { from, to } : { from: to, to: from })
      },
      observe: this.#observer(state),
      closed: () => state.connections.delete(connection),
      draw: this.#draw,
    })
    state.connections.add(connection)
    if (state.cut === null) connection.release()
  }

  #faultOf(flow: Link): FlowFault {
    return this.#flows.get(keyOf(flow)) ?? soundFlow
  }

  #refresh(): void {
    for (const state of this.#links.values()) {
      for (const connection of state.connections) connection.refresh()
    }
  }

  #observer(state: LinkState): (direction: Direction, chunk: Uint8Array) => void {
    const { from, to } = state
    const searches = {
      forth: new PlaintextSearch(this.#planted),
      back: new PlaintextSearch(this.#planted),
    }
    return (direction, chunk) => {
      if (direction === 'forth') state.bytesForth += chunk.length
      else state.bytesBack += chunk.length
      for (const run of searches[direction].push(chunk)) {
        this.#sightings.push({ from, to, run, direction })
      }
      for (const listener of this.#listeners) listener({ from, to }, direction, chunk)
    }
  }

  #link({ from, to }: Link): LinkState {
    const key = keyOf({ from, to })
    const known = this.#links.get(key)
    if (known !== undefined) return known
    const fresh: LinkState = {
      from,
      to,
      cut: null,
      opened: 0,
      bytesForth: 0,
      bytesBack: 0,
      connections: new Set(),
    }
    this.#links.set(key, fresh)
    return fresh
  }
}

const keyOf = ({ from, to }: Link): string => `${from}>${to}`

/** Both ordered pairs of every two nodes on different sides. */
export function linksBetween(left: readonly string[], right: readonly string[]): Link[] {
  return left.flatMap(one =>
    right.flatMap(other => [
      { from: one, to: other },
      { from: other, to: one },
    ]),
  )
}

/** The listening end in front of one node. */
class Relay {
  readonly node: string
  target: number | undefined
  readonly #board: RelayBoard
  readonly #server: Server

  constructor(node: string, board: RelayBoard) {
    this.node = node
    this.#board = board
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  }

  listen(port: number): Promise<void> {
    const server = this.#server
    server.on('connection', socket => {
      // Without this a reset that comes before the connection has an owner would end the process.
      socket.on('error', () => socket.destroy())
      const { remoteAddress, remotePort, localPort } = socket
      if (remoteAddress === undefined || remotePort === undefined || localPort === undefined) {
        // The client is gone already.
        socket.destroy()
        return
      }
      void this.#board.accept(this, socket, {
        client: { host: remoteAddress, port: remotePort },
        server: { host: loopback, port: localPort },
      })
    })
    return new Promise((resolve, reject) => {
      server.once('error', cause => {
        const text = `the relay of ${this.node} cannot listen on port ${port}`
        const next = 'Move the whole testnet: --base-port.'
        reject(new HostError('PORT_IN_USE', text, { next, cause }))
      })
      server.listen({ host: loopback, port, exclusive: true }, resolve)
    })
  }

  close(): Promise<void> {
    return new Promise(resolve => this.#server.close(() => resolve()))
  }
}
