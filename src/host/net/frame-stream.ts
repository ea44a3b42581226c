/**
 * Frames of those who have proved nothing yet, on a channel before the muxer takes it over and on streams of light clients: three bytes
 * of length, big-endian, then the frame.
 *
 * Differs from libp2p's `lpStream` in reading whole frames instead of one byte at a time, each with its own
 * promise and timer (measured: a fifth of the handshake's cost), in that a length ends after three bytes (`lpStream` reads one that
 * never ends for as long as it comes; @libp2p/utils 7.4.1), and in that a frame that is too large is the peer's fault with a code,
 * not a broken stream.
 */
import type { MessageStream, StreamMessageEvent } from '@libp2p/interface'
import { concatBytes } from '../../base/bytes.ts'
import { HostError, PeerFault } from '../../base/errors.ts'
import type { FramePort } from './handshake-exchange.ts'
import { inOnePiece } from './noise-crypto.ts'

const lengthBytes = 3

/** A frame port over a channel. One reader at a time. */
export class FrameStream implements FramePort {
  readonly #stream: MessageStream
  readonly #frameBytesMax: number
  #buffered: Uint8Array = new Uint8Array(0)
  #isEnded = false
  #wake: (() => void) | undefined

  constructor(stream: MessageStream, frameBytesMax: number) {
    this.#stream = stream
    this.#frameBytesMax = frameBytesMax
    stream.addEventListener('message', this.#received)
    stream.addEventListener('remoteCloseWrite', this.#ended)
    stream.addEventListener('close', this.#ended)
  }

  /** @throws {PeerFault} `FRAME_TOO_LARGE`; {HostError} `CHANNEL_CLOSED` at the end; the reason of `signal`. */
  async read(signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      const frame = this.#take()
      if (frame !== undefined) return frame
      if (this.#isEnded) throw new HostError('CHANNEL_CLOSED', 'the channel closed before a frame')
      await this.#more(signal)
    }
  }

  async write(frames: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const parts = frames.flatMap(frame => [lengthOf(frame), frame])
    if (!this.#stream.send(concatBytes(...parts))) await this.#stream.onDrain({ signal })
  }

  /** Resolves when the channel ended or `signal` aborts; whatever still comes is thrown away. */
  async ended(signal: AbortSignal): Promise<void> {
    while (!this.#isEnded && !signal.aborted) {
      this.#buffered = new Uint8Array(0)
      try {
        await this.#more(signal)
      } catch {
        // Only `signal` rejects here: patience is over.
        return
      }
    }
  }

  /** Gives the channel back, with what was read too far. Nothing here touches it again. */
  unwrap(): MessageStream {
    this.#stream.removeEventListener('message', this.#received)
    this.#stream.removeEventListener('remoteCloseWrite', this.#ended)
    this.#stream.removeEventListener('close', this.#ended)
    if (this.#buffered.length > 0) this.#stream.unshift(this.#buffered)
    return this.#stream
  }

  readonly #received = (event: StreamMessageEvent): void => {
    const data = inOnePiece(event.data)
    this.#buffered = this.#buffered.length === 0 ? data : concatBytes(this.#buffered, data)
    // Two frames may wait; whoever sends on without reading our answers is not in this protocol.
    if (this.#buffered.length > 4 * this.#frameBytesMax) {
      this.#isEnded = true
      this.#stream.abort(
        new PeerFault('TOO_MUCH_AT_ONCE', 'TOO_MUCH_AT_ONCE: frames nobody asked for'),
      )
    }
    this.#wake?.()
  }

  readonly #ended = (): void => {
    this.#isEnded = true
    this.#wake?.()
  }

  #take(): Uint8Array | undefined {
    const bytes = this.#buffered
    if (bytes.length < lengthBytes) return undefined
    const [high = 0, middle = 0, low = 0] = bytes
    const length = (high << 16) | (middle << 8) | low
    if (length > this.#frameBytesMax) {
      throw new PeerFault('FRAME_TOO_LARGE', `a frame has at most ${this.#frameBytesMax} bytes`)
    }
    if (bytes.length < lengthBytes + length) return undefined
    this.#buffered = bytes.subarray(lengthBytes + length)
    return bytes.slice(lengthBytes, lengthBytes + length)
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        this.#wake = undefined
        signal.removeEventListener('abort', aborted)
        action()
      }
      const aborted = (): void => settle(() => reject(signal.reason))
      this.#wake = () => settle(resolve)
      signal.addEventListener('abort', aborted)
      if (signal.aborted) aborted()
    })
  }
}

function lengthOf(frame: Uint8Array): Uint8Array {
  return Uint8Array.of(frame.length >>> 16, (frame.length >>> 8) & 0xff, frame.length & 0xff)
}
