/** One connection through a relay, and its continuation to the node behind it. */
import { Socket } from 'node:net'
import { type FlowFault, Pump } from './flow.ts'
import { loopback } from './ports.ts'

/** `forth`: from the dialler. */
export type Direction = 'forth' | 'back'

export interface RelayedOptions {
  /** Where the node listens now; `undefined` while it does not run. */
  readonly target: () => number | undefined
  readonly fault: (direction: Direction) => FlowFault
  readonly observe: (direction: Direction, chunk: Uint8Array) => void
  readonly closed: () => void
  /** In 0..1. */
  readonly draw: () => number
}

/** Two sockets joined by two pumps. */
export class RelayedConnection {
  readonly #client: Socket
  readonly #options: RelayedOptions
  #upstream: Socket | undefined
  #pumps: Readonly<Record<Direction, Pump>> | undefined
  #isHeld = true
  #isOver = false

  /** Starts held, with a paused `client`: `release` dials the node. */
  constructor(client: Socket, options: RelayedOptions) {
    this.#client = client
    this.#options = options
    client.on('error', () => this.reset())
    client.on('close', hadError => this.#ended(hadError))
  }

  /** Nothing moves either way until `release`. */
  hold(): void {
    this.#isHeld = true
    this.refresh()
  }

  release(): void {
    this.#isHeld = false
    this.refresh()
  }

  /** Applies the faults as they are now. */
  refresh(): void {
    if (this.#isOver) return
    const isCut = {
      forth: this.#isHeld || this.#options.fault('forth').isCut,
      back: this.#isHeld || this.#options.fault('back').isCut,
    }
    if (this.#upstream === undefined) {
      // TCP itself needs both ways: a dial over half a link waits for its answer.
      if (!isCut.forth && !isCut.back) this.#dial()
      return
    }
    for (const direction of ['forth', 'back'] as const) {
      if (isCut[direction]) this.#pumps?.[direction].hold()
      else this.#pumps?.[direction].release()
    }
  }

  /**
   * Closes both halves at once, whatever they still had to say. Idempotent.
   *
   * Not `resetAndDestroy`: libuv refuses a reset while a shutdown is pending (uv_tcp_close_reset, EINVAL),
   * and Node then never closes the handle and spins when it exits. The kernel resets by itself where
   * bytes were left unread (RFC 2525 §2.17).
   */
  reset(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#client.destroy()
    this.#upstream?.destroy()
    this.#options.closed()
  }

  #dial(): void {
    const port = this.#options.target()
    if (port === undefined) {
      this.reset()
      return
    }
    const upstream = new Socket({ allowHalfOpen: true })
    this.#upstream = upstream
    upstream.setNoDelay(true)
    upstream.on('error', () => this.reset())
    upstream.on('close', hadError => this.#ended(hadError))
    upstream.once('connect', () => {
      this.#pumps = {
        forth: this.#pump('forth', this.#client, upstream),
        back: this.#pump('back', upstream, this.#client),
      }
      this.refresh()
    })
    upstream.connect({ host: loopback, port })
  }

  #pump(direction: Direction, source: Socket, sink: Socket): Pump {
    const { fault, observe, draw } = this.#options
    return new Pump(source, sink, {
      fault: () => fault(direction),
      observe: chunk => observe(direction, chunk),
      reset: () => this.reset(),
      draw,
    })
  }

  /** One side is closed. After an orderly end the other side may still have bytes to deliver. */
  #ended(hadError: boolean): void {
    if (hadError) this.reset()
    if (this.#isOver || !this.#client.closed || this.#upstream?.closed === false) return
    this.#isOver = true
    this.#options.closed()
  }
}
