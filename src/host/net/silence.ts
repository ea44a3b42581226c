/**
 * Ends connections that carry nothing any more: a socket may die without a word.
 *
 * Whoever was heard lately is not asked whether it is there. Where members beat, that is everybody.
 *
 * Differs from libp2p's connection monitor, which opens a stream over every connection each time and ends the connection
 * for one slow answer while gossip comes in over it: on a machine with too much to do it ended those of all nodes, and
 * the handshakes that followed left even less for answers.
 */
import type { Connection } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { HostError } from '../../base/errors.ts'
import { between, type Clock, type Instant } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import type { NetLimits } from './options.ts'

/** What is needed of a connection. */
export interface Watched {
  readonly status: string
  abort(error: Error): void
}

export interface SilenceDeps<C extends Watched> {
  readonly clock: Clock
  readonly timers: Timers
  readonly limits: Pick<NetLimits, 'pingInterval' | 'pingTimeout'>
  /** All that are open. */
  connections(): readonly C[]
  /** When anything last came from the other end; `undefined` if that is not known. */
  heardAt(connection: C): Instant | undefined
  /** Resolves when the other end answers; rejects when it does not, or `signal` aborts. */
  ask(connection: C, signal: AbortSignal): Promise<void>
}

/** Looks at all connections now and then. */
export class Silence<C extends Watched> {
  readonly #deps: SilenceDeps<C>
  readonly #asked = new Set<C>()
  readonly #stopping = new AbortController()
  #cancel: (() => void) | undefined

  constructor(deps: SilenceDeps<C>) {
    this.#deps = deps
  }

  start(): void {
    const { timers, limits, connections } = this.#deps
    this.#cancel = timers.after(limits.pingInterval, () => {
      for (const connection of connections()) void this.#look(connection)
      this.start()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#stopping.abort()
  }

  async #look(connection: C): Promise<void> {
    const { clock, timers, limits, heardAt, ask } = this.#deps
    const now = clock.monotonic()
    const heard = heardAt(connection)
    if (heard !== undefined && between(heard, now) < limits.pingInterval) return
    if (connection.status !== 'open' || this.#asked.has(connection)) return
    this.#asked.add(connection)
    const patience = new AbortController()
    const cancel = timers.after(limits.pingTimeout, () => patience.abort())
    try {
      await ask(connection, AbortSignal.any([patience.signal, this.#stopping.signal]))
    } catch (cause) {
      const heardSince = heardAt(connection)
      const isHeard = heardSince !== undefined && heardSince >= now
      if (isHeard || this.#stopping.signal.aborted) return
      connection.abort(new HostError('PING_UNANSWERED', 'the other end is silent', { cause }))
    } finally {
      cancel()
      this.#asked.delete(connection)
    }
  }
}

const pingProtocol = '/ipfs/ping/1.0.0'
const pingBytes = 32

/** Asks the other end whether it is there, with `challenge` of 32 bytes. @throws when it does not answer before `signal` aborts. */
export async function pingOver(
  connection: Connection,
  challenge: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  try {
    const stream = await connection.newStream(pingProtocol, { signal })
    try {
      const bytes = byteStream(stream)
      await bytes.write(challenge, { signal })
      await bytes.read({ bytes: pingBytes, signal })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  } catch (error) {
    // Whoever says that it knows no such protocol is there.
    if (!(error instanceof Error) || error.name !== 'UnsupportedProtocolError') throw error
  }
}
