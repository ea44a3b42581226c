/**
 * What travels one way between two nodes, and how that way is disturbed.
 *
 * A stream loses nothing: what a lossy network does to it is that it stalls until the lost segment came again,
 * or breaks. So loss here is a stall or a reset, and delay keeps the order of the bytes.
 */
import type { Socket } from 'node:net'

/** What a lost segment does to the stream that it was part of. */
export type LossKind = 'stall' | 'reset'

/** How everything that one node sends to another is disturbed, on whichever connection. */
export interface FlowFault {
  /** Nothing arrives until the heal, which delivers what was under way. */
  readonly isCut: boolean
  /** Milliseconds until a byte arrives, and how far a chunk may be off either way. */
  readonly delay: number
  readonly jitter: number
  /** Share of chunks in 0..1 that are lost, and what that does. */
  readonly loss: number
  readonly lossKind: LossKind
}

export const soundFlow: FlowFault = {
  isCut: false,
  delay: 0,
  jitter: 0,
  loss: 0,
  lossKind: 'stall',
}

/** Milliseconds that a lost segment holds its stream up: one retransmission timeout (RFC 6298 (2.1): 1 s at first). */
const stallSpan = 1_000
/** Bytes under way in one direction before the sender is told to wait. */
const queuedBytesMax = 4 * 1024 * 1024

export interface PumpOptions {
  /** Asked for every chunk. */
  readonly fault: () => FlowFault
  /** Told everything that arrives. */
  readonly observe: (chunk: Uint8Array) => void
  /** Breaks the connection, both ways. */
  readonly reset: () => void
  /** In 0..1. */
  readonly draw: () => number
}

interface Queued {
  readonly due: number
  /** `null` is the end of the stream. */
  readonly chunk: Uint8Array | null
}

/** Carries one direction of one connection, in order. */
export class Pump {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #options: PumpOptions
  readonly #queue: Queued[] = []
  #queuedBytes = 0
  #lastDue = 0
  #isHeld = false
  #timer: NodeJS.Timeout | undefined

  constructor(source: Socket, sink: Socket, options: PumpOptions) {
    this.#source = source
    this.#sink = sink
    this.#options = options
    source.on('data', chunk => this.#take(chunk))
    source.once('end', () => this.#take(null))
    sink.on('drain', () => this.#go())
    sink.once('close', () => clearTimeout(this.#timer))
    this.#go()
  }

  /** Nothing moves until `release`. */
  hold(): void {
    this.#isHeld = true
    this.#source.pause()
  }

  release(): void {
    this.#isHeld = false
    this.#go()
  }

  #take(chunk: Uint8Array | null): void {
    const { delay, jitter, loss, lossKind } = this.#options.fault()
    let wait = delay + (jitter > 0 ? jitter * (2 * this.#options.draw() - 1) : 0)
    if (loss > 0 && this.#options.draw() < loss) {
      if (lossKind === 'reset') {
        this.#options.reset()
        return
      }
      wait += stallSpan
    }
    // Never before what was sent earlier: a stream keeps its order.
    this.#lastDue = Math.max(this.#lastDue, performance.now() + Math.max(0, wait))
    this.#queue.push({ due: this.#lastDue, chunk })
    this.#queuedBytes += chunk?.length ?? 0
    this.#go()
  }

  /** Delivers what is due, and reads on if there is room. */
  #go(): void {
    clearTimeout(this.#timer)
    if (this.#isHeld) return
    const now = performance.now()
    for (let next = this.#queue[0]; next !== undefined && next.due <= now; next = this.#queue[0]) {
      if (this.#sink.writableNeedDrain) break
      this.#queue.shift()
      this.#deliver(next.chunk)
    }
    const [next] = this.#queue
    if (next !== undefined && next.due > now) {
      this.#timer = setTimeout(() => this.#go(), next.due - now)
    }
    const isFull = this.#queuedBytes >= queuedBytesMax || this.#sink.writableNeedDrain
    if (isFull) this.#source.pause()
    else this.#source.resume()
  }

  #deliver(chunk: Uint8Array | null): void {
    if (this.#sink.destroyed) return
    if (chunk === null) {
      this.#sink.end()
      return
    }
    this.#queuedBytes -= chunk.length
    this.#options.observe(chunk)
    this.#sink.write(chunk)
  }
}
