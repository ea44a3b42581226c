/**
 * Member streams: `ask` is one stream with one request and one answer; `tell` is a kept-open one-way stream
 * of frames in order. Length-prefixed and bounded in both directions.
 */
import type { Stream, StreamHandler } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { type LengthPrefixedStream, lpStream } from '@libp2p/utils'
import { CoterieError, HostError, PeerFault } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import type { Duration } from '../../base/time.ts'
import { answerBytesMax, decodeAnswer, encodeAnswer } from '../../wire/answer.ts'
import { limits } from '../../wire/limits.ts'
import type { Timers } from '../port.ts'
import { readEcho } from './eager-streams.ts'
import { decodeLength } from './length-prefix.ts'
import type { Link, MemberLinks } from './member-links.ts'
import { inOnePiece } from './noise-crypto.ts'
import { streamLimits } from './options.ts'
import { Slots } from './slots.ts'

/** Answers one request. A thrown `CoterieError` becomes a coded error at the asker. */
export type Answer = (
  request: Uint8Array,
  from: NodeId,
  signal: AbortSignal,
  link: Link,
) => Promise<Uint8Array>

/** What streams stand on. */
export interface StreamsDeps {
  readonly links: MemberLinks
  readonly timers: Timers
  readonly log: Logger
  /** How long a request may take, by the id of its protocol. */
  readonly askTimeout: (protocol: string) => Duration
}

/** Requests and their answers. */
export class Asks {
  readonly #deps: StreamsDeps
  readonly #slots = new Slots(streamLimits.asksMax)
  readonly #serving = new Map<string, number>()

  constructor(deps: StreamsDeps) {
    this.#deps = deps
  }

  /** @throws {HostError} `NOT_CONNECTED`, `ASK_FAILED`, `ASK_TIMEOUT`; the peer's own coded errors as `PeerFault`. */
  async ask(
    node: NodeId,
    protocol: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (request.length > limits.frameBytesMax) {
      throw new HostError('FRAME_TOO_LARGE', `a request has at most ${limits.frameBytesMax} bytes`)
    }
    this.#deps.links.require(node)
    using deadline = this.#deadline(protocol, signal)
    using _slot = await this.#slots.take(`${node} ${protocol}`, deadline.signal)
    const { connection } = this.#deps.links.require(node)
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(protocol, { signal: deadline.signal })
      const frames = framesOf(stream)
      await frames.write(request, { signal: deadline.signal })
      await readEcho(frames, protocol, deadline.signal)
      const bytes = inOnePiece(await frames.read({ signal: deadline.signal }))
      closeQuietly(stream)
      return this.#bodyOf(bytes)
    } catch (error) {
      if (error instanceof PeerFault) throw error
      const timedOut = deadline.signal.aborted
      stream?.abort(error instanceof Error ? error : new Error(String(error)))
      const code = timedOut ? 'ASK_TIMEOUT' : 'ASK_FAILED'
      throw new HostError(code, `${protocol} to ${node} had no answer`, { cause: error })
    }
  }

  #bodyOf(bytes: Uint8Array): Uint8Array {
    const answer = decodeAnswer(bytes)
    if (answer.kind === 'answer') return answer.body
    throw new PeerFault(answer.code, 'the peer refused the request')
  }

  /** Registers the answering side of a protocol. */
  async serve(registrar: Registrar, protocol: string, answer: Answer): Promise<void> {
    const handler: StreamHandler = async (stream, connection) => {
      const link = this.#deps.links.linkOf(connection)
      if (link === undefined) {
        stream.abort(new HostError('MEMBERS_ONLY', 'MEMBERS_ONLY: not a member connection'))
        return
      }
      const key = `${link.node} ${protocol}`
      const count = (this.#serving.get(key) ?? 0) + 1
      this.#serving.set(key, count)
      try {
        await this.#serveOne(stream, protocol, async (request, signal) => {
          if (count > streamLimits.asksMax) throw new PeerFault('TOO_MANY_STREAMS', 'ask later')
          return await answer(request, link.node, signal, link)
        })
      } finally {
        const left = (this.#serving.get(key) ?? 1) - 1
        if (left === 0) this.#serving.delete(key)
        else this.#serving.set(key, left)
      }
    }
    // A stream counts until both ends forgot it, so the limit of libp2p stands above the one that is meant.
    await registrar.handle(protocol, handler, { maxInboundStreams: 4 * streamLimits.asksMax })
  }

  async #serveOne(
    stream: Stream,
    protocol: string,
    answer: (request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>,
  ): Promise<void> {
    using deadline = this.#deadline(protocol)
    const gone = (): void =>
      deadline.abort(new HostError('ASKER_GONE', 'nobody waits for the answer'))
    stream.addEventListener('close', gone, { once: true })
    try {
      const frames = framesOf(stream)
      const request = inOnePiece(await frames.read({ signal: deadline.signal }))
      const bytes = await this.#answerBytes(() => answer(request, deadline.signal))
      await frames.write(bytes, { signal: deadline.signal })
      stream.removeEventListener('close', gone)
      closeQuietly(stream)
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #answerBytes(answer: () => Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      const body = await answer()
      if (body.length <= limits.frameBytesMax) return encodeAnswer({ kind: 'answer', body })
      this.#deps.log.error('answer too large', { bytes: body.length })
    } catch (error) {
      if (error instanceof CoterieError) {
        return encodeAnswer({ kind: 'refusal', code: error.code, facts: {} })
      }
      this.#deps.log.error('a request handler failed', { error: String(error) })
    }
    return encodeAnswer({ kind: 'refusal', code: 'INTERNAL', facts: {} })
  }

  #deadline(
    protocol: string,
    signal?: AbortSignal,
  ): Disposable & {
    readonly signal: AbortSignal
    abort(reason: HostError): void
  } {
    const controller = new AbortController()
    const cancel = this.#deps.timers.after(this.#deps.askTimeout(protocol), () => {
      // Whoever answers throws the reason on: coded, or it would look like a failure of the answer.
      controller.abort(new HostError('ASK_TIMEOUT', 'there was no answer in time'))
    })
    const abort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    return {
      signal: controller.signal,
      abort: reason => controller.abort(reason),
      [Symbol.dispose]() {
        cancel()
        signal?.removeEventListener('abort', abort)
      },
    }
  }
}

interface Outbox {
  readonly frames: { readonly bytes: Uint8Array; readonly done: PromiseWithResolvers<void> }[]
  bytes: number
  stream: { readonly raw: Stream; readonly framed: LengthPrefixedStream<Stream> } | undefined
  isWriting: boolean
}

/** Kept-open one-way streams. */
export class Tells {
  readonly #deps: StreamsDeps & { cutOff(node: NodeId, code: string): void }
  readonly #outboxes = new Map<string, Outbox>()

  constructor(deps: StreamsDeps & { cutOff(node: NodeId, code: string): void }) {
    this.#deps = deps
  }

  /**
   * Resolves when the frame was handed to the stream.
   *
   * @throws {HostError} `NOT_CONNECTED`, `TELL_FAILED`; `SEND_BUFFER_FULL` cuts the member off besides.
   */
  tell(node: NodeId, protocol: string, frame: Uint8Array): Promise<void> {
    const key = `${node} ${protocol}`
    const outbox = this.#outboxes.get(key) ?? {
      frames: [],
      bytes: 0,
      stream: undefined,
      isWriting: false,
    }
    if (frame.length > limits.frameBytesMax) {
      return Promise.reject(new HostError('FRAME_TOO_LARGE', 'a frame of a member stream'))
    }
    if (this.#deps.links.current(node) === undefined) {
      return Promise.reject(new HostError('NOT_CONNECTED', `no connection to ${node}`))
    }
    if (outbox.bytes + frame.length > streamLimits.tellBufferBytesMax) {
      this.#deps.cutOff(node, 'SEND_BUFFER_FULL')
      return Promise.reject(new HostError('SEND_BUFFER_FULL', `${node} does not read`))
    }
    this.#outboxes.set(key, outbox)
    const done = Promise.withResolvers<void>()
    outbox.frames.push({ bytes: frame, done })
    outbox.bytes += frame.length
    if (!outbox.isWriting) void this.#write(node, protocol, outbox)
    return done.promise
  }

  /** Rejects what is not handed over: the member is gone. */
  memberGone(node: NodeId): void {
    for (const [key, outbox] of this.#outboxes) {
      if (!key.startsWith(`${node} `)) continue
      this.#outboxes.delete(key)
      this.#failAll(outbox, new HostError('NOT_CONNECTED', `${node} went`))
      outbox.stream?.raw.abort(new Error('the member went'))
    }
  }

  /** Registers the receiving side of a protocol. */
  async serve(
    registrar: Registrar,
    protocol: string,
    told: (frame: Uint8Array, from: NodeId) => void,
  ): Promise<void> {
    const handler: StreamHandler = async (stream, connection) => {
      const link = this.#deps.links.linkOf(connection)
      if (link === undefined) {
        stream.abort(new HostError('MEMBERS_ONLY', 'MEMBERS_ONLY: not a member connection'))
        return
      }
      try {
        const frames = framesOf(stream)
        for (;;) {
          const frame = inOnePiece(await frames.read())
          if (this.#deps.links.linkOf(connection) === undefined) break
          told(frame, link.node)
        }
      } catch (error) {
        if (stream.status === 'open') {
          stream.abort(error instanceof Error ? error : new Error(String(error)))
        }
      }
    }
    await registrar.handle(protocol, handler, { maxInboundStreams: 4 })
  }

  async #write(node: NodeId, protocol: string, outbox: Outbox): Promise<void> {
    outbox.isWriting = true
    try {
      for (let next = outbox.frames[0]; next !== undefined; next = outbox.frames[0]) {
        const stream = await this.#streamOf(node, protocol, outbox)
        await stream.framed.write(next.bytes)
        outbox.frames.shift()
        outbox.bytes -= next.bytes.length
        next.done.resolve()
      }
    } catch (cause) {
      outbox.stream = undefined
      this.#failAll(outbox, new HostError('TELL_FAILED', `${protocol} to ${node}`, { cause }))
    } finally {
      outbox.isWriting = false
    }
  }

  async #streamOf(
    node: NodeId,
    protocol: string,
    outbox: Outbox,
  ): Promise<NonNullable<Outbox['stream']>> {
    const { connection } = this.#deps.links.require(node)
    const kept = outbox.stream
    if (kept?.raw.status === 'open' && kept.raw.writeStatus === 'writable') return kept
    const raw = await connection.newStream(protocol)
    const framed = framesOf(raw)
    outbox.stream = { raw, framed }
    // Nobody waits for it; but frames that nobody takes must not pass for told.
    readEcho(framed, protocol).catch((error: unknown) =>
      raw.abort(error instanceof Error ? error : new Error(String(error))),
    )
    return outbox.stream
  }

  #failAll(outbox: Outbox, error: HostError): void {
    const waiting = outbox.frames.splice(0)
    outbox.bytes = 0
    for (const { done } of waiting) done.reject(error)
  }
}

/** Frames of a member stream; a peer that sends anything else is cut off by what reading throws. */
export function framesOf(stream: Stream): LengthPrefixedStream<Stream> {
  return lpStream(stream, {
    maxDataLength: answerBytesMax,
    lengthDecoder: decodeLength,
    maxBufferSize: 8 * answerBytesMax,
  })
}

function closeQuietly(stream: Stream): void {
  stream.close().catch((error: unknown) => {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  })
}
