/**
 * Questions of light clients: one stream, one question, one answer, over connections of the light role alone.
 *
 * Who asks has proved nothing and may be anybody, any number of times: what each connection and all of them together hold of this node is
 * bounded here, and what the answers cost is bounded behind `NetHandlers.lightAsked`, together with the same questions over HTTP.
 */
import type { Connection, Stream } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { CoterieError, HostError, PeerFault } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { RateBudget } from '../../base/rate-budget.ts'
import type { Clock } from '../../base/time.ts'
import { encodeAnswer } from '../../wire/answer.ts'
import { lightAnswerBytesMax } from '../../wire/light-answers.ts'
import { lightQuestionBytesMax } from '../../wire/light-question.ts'
import type { Timers } from '../port.ts'
import { FrameStream } from './frame-stream.ts'
import { lightLimits } from './options.ts'
import type { NetHandlers } from './port.ts'

export interface LightAnswersDeps {
  readonly handlers: Pick<NetHandlers, 'lightAsked'>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
}

/** One connection of a light client. */
interface Guest {
  readonly budget: RateBudget
  asks: number
}

/** Light clients, and what they are answered. */
export class LightAnswers {
  readonly #deps: LightAnswersDeps
  /** Whoever asked last stands last. */
  readonly #guests = new Map<Connection, Guest>()
  #answers = 0

  constructor(deps: LightAnswersDeps) {
    this.#deps = deps
  }

  /** Connections of light clients, and answers to them under way. */
  get counts(): { readonly connections: number; readonly answers: number } {
    return { connections: this.#guests.size, answers: this.#answers }
  }

  /** A light client came. */
  opened(connection: Connection): void {
    const rate = { messagesPerSecond: lightLimits.asksPerSecond, bytesPerSecond: 0 }
    this.#guests.set(connection, { budget: new RateBudget(rate, this.#deps.clock), asks: 0 })
    if (this.#guests.size <= lightLimits.connectionsMax) return
    const [oldest] = this.#guests.keys()
    if (oldest === undefined) return
    this.#guests.delete(oldest)
    oldest.abort(new HostError('TOO_MANY_CLIENTS', 'TOO_MANY_CLIENTS: others wait'))
  }

  /** A connection is closed, whoever's it was. */
  closed(connection: Connection): void {
    this.#guests.delete(connection)
  }

  /** Registers the answering side. Called once, before the node listens. */
  async serve(registrar: Registrar, protocol: string): Promise<void> {
    // A stream counts until both ends forgot it, so the limit of libp2p stands above the one that is meant.
    const options = { maxInboundStreams: 4 * lightLimits.asksPerConnection }
    await registrar.handle(
      protocol,
      (stream, connection) => this.#asked(stream, connection),
      options,
    )
  }

  async #asked(stream: Stream, connection: Connection): Promise<void> {
    const guest = this.#guests.get(connection)
    if (guest === undefined) {
      // Members have streams of their own: one role, one set of protocols.
      stream.abort(new HostError('LIGHT_CLIENTS_ONLY', 'LIGHT_CLIENTS_ONLY: another role'))
      return
    }
    this.#guests.delete(connection)
    this.#guests.set(connection, guest)
    if (!guest.budget.spend(0)) {
      connection.abort(new HostError('TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS: asked on and on'))
      return
    }
    guest.asks++
    try {
      await this.#serveOne(stream, guest)
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      guest.asks--
    }
  }

  async #serveOne(stream: Stream, guest: Guest): Promise<void> {
    const ends = new AbortController()
    const cancel = this.#deps.timers.after(lightLimits.patience, () =>
      ends.abort(new HostError('ASK_TIMEOUT', 'there was no end in time')),
    )
    const gone = (): void => ends.abort(new HostError('ASKER_GONE', 'nobody waits for the answer'))
    stream.addEventListener('close', gone, { once: true })
    try {
      const frames = new FrameStream(stream, lightQuestionBytesMax)
      const { signal } = ends
      const question = await frames.read(signal)
      const isTooMuch =
        guest.asks > lightLimits.asksPerConnection || this.#answers >= lightLimits.answersMax
      using _answer = isTooMuch ? undefined : this.#underWay()
      await frames.write([await this.#answerTo(question, { isTooMuch, signal })], signal)
      // A close waits until all was taken: whoever does not read is waited for as long as for everything else.
      await stream.close({ signal })
    } finally {
      cancel()
      stream.removeEventListener('close', gone)
    }
  }

  #underWay(): Disposable {
    this.#answers++
    return {
      [Symbol.dispose]: () => {
        this.#answers--
      },
    }
  }

  async #answerTo(
    question: Uint8Array,
    { isTooMuch, signal }: { readonly isTooMuch: boolean; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    try {
      if (isTooMuch) throw new PeerFault('TOO_MANY_STREAMS', 'ask later')
      const body = await this.#deps.handlers.lightAsked(question, signal)
      if (body.length <= lightAnswerBytesMax) return encodeAnswer({ kind: 'answer', body })
      this.#deps.log.error('answer too large', { bytes: body.length })
    } catch (error) {
      if (error instanceof CoterieError) {
        return encodeAnswer({ kind: 'refusal', code: error.code, facts: {} })
      }
      this.#deps.log.error('a question of a light client failed', { error: String(error) })
    }
    return encodeAnswer({ kind: 'refusal', code: 'INTERNAL', facts: {} })
  }
}
