/** Requests and answers between nets in memory. */
import { CoterieError, HostError, PeerFault } from '../../src/base/errors.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { askTimeoutOf, type NetLimits, streamLimits } from '../../src/host/net/options.ts'
import type { AskProtocol } from '../../src/host/net/port.ts'
import { Slots } from '../../src/host/net/slots.ts'
import { limits } from '../../src/wire/limits.ts'
import type { FakeNet } from './net.ts'
import type { End } from './net-link.ts'

interface FakeAskOptions {
  readonly limits: NetLimits
  readonly require: (node: NodeId) => End
}

export class FakeAsks {
  readonly #net: FakeNet
  readonly #options: FakeAskOptions
  readonly #slots = new Slots(streamLimits.asksMax)

  /** `require` gives the link to a member, or throws `NOT_CONNECTED`. */
  constructor(net: FakeNet, options: FakeAskOptions) {
    this.#net = net
    this.#options = options
  }

  /** @throws {HostError} `NOT_CONNECTED`, `ASK_FAILED`, `ASK_TIMEOUT`; the peer's own coded errors as `PeerFault`. */
  async ask(
    node: NodeId,
    protocol: AskProtocol | 'step-up',
    request: Uint8Array,
    signal: AbortSignal,
    answer: (net: FakeNet, end: End, signal: AbortSignal) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    if (request.length > limits.frameBytesMax) throw new HostError('FRAME_TOO_LARGE', 'a request')
    this.#options.require(node)
    const deadline = new AbortController()
    const stop = (): void => deadline.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const patience = askTimeoutOf(protocol, this.#options.limits)
    const cancel = this.#net.timers.after(patience, stop)
    try {
      using _slot = await this.#slots.take(`${node} ${protocol}`, deadline.signal)
      const end = this.#options.require(node)
      return await this.#roundTrip(end, { protocol, deadline, answer })
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
  }

  #roundTrip(
    end: End,
    call: {
      readonly protocol: string
      readonly deadline: AbortController
      answer(net: FakeNet, end: End, signal: AbortSignal): Promise<Uint8Array>
    },
  ): Promise<Uint8Array> {
    const result = Promise.withResolvers<Uint8Array>()
    const fail = (code: string): void =>
      result.reject(new HostError(code, `${call.protocol} to ${end.node} had no answer`))
    const timedOut = (): void => fail('ASK_TIMEOUT')
    call.deadline.signal.addEventListener('abort', timedOut, { once: true })
    const forget = end.link.onBreak(() => fail('ASK_FAILED'))
    const serve = async (remote: FakeNet): Promise<void> => {
      const back = remote.links.get(this.#net.node)
      if (back === undefined) return
      let reply: () => void
      try {
        const body = await call.answer(remote, back, call.deadline.signal)
        if (body.length > limits.frameBytesMax)
          reply = () => result.reject(new PeerFault('INTERNAL', ''))
        else reply = () => result.resolve(body.slice())
      } catch (error) {
        const code = error instanceof CoterieError ? error.code : 'INTERNAL'
        reply = () => result.reject(new PeerFault(code, 'the peer refused the request'))
      }
      back.send(0, reply).catch(() => {})
    }
    end.send(0, remote => void serve(remote)).catch(() => {})
    // Hours of virtual time on one link are thousands of calls: none may outlive its answer.
    return result.promise.finally(forget)
  }
}
