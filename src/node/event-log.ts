import type { LogFacts, Logger } from '../base/log.ts'
import type { Clock } from '../base/time.ts'
import type { NodeEvent } from './handle.ts'

const eventsMax = 1_000 // about an hour of a busy testnet, 300 kB

export interface EventLogPorts {
  readonly clock: Clock
  readonly log: Logger
  /** Hears of everything, before any reader. */
  readonly heard?: (kind: string, facts: NodeEvent['facts']) => void
}

/** What happened lately, for people: a bounded ring that several readers follow at their own pace. */
export class EventLog {
  readonly #ports: EventLogPorts
  #events: NodeEvent[] = []
  /** Number of the first held event since the start. */
  #first = 0
  #wakeReaders: (() => void)[] = []

  constructor(ports: EventLogPorts) {
    this.#ports = ports
  }

  /** Notes an event and logs it at `info`; `text` is constant, `facts` vary and are public. */
  note(kind: string, text: string, facts: NodeEvent['facts'] = {}): void {
    this.#ports.log.info(text, { event: kind, ...facts } satisfies LogFacts)
    this.record(kind, facts)
    const at = new Date(this.#ports.clock.wall()).toISOString()
    this.#events.push({ at, kind, text, facts })
    if (this.#events.length > eventsMax) {
      this.#events.shift()
      this.#first++
    }
    this.#wake()
  }

  /** For the audit record alone: what happens too often to be news, or says more than people read. */
  record(kind: string, facts: NodeEvent['facts']): void {
    this.#ports.heard?.(kind, facts)
  }

  /** All held events, then each new one, until `signal` aborts. A reader slower than the ring skips. */
  async *follow(signal: AbortSignal): AsyncGenerator<NodeEvent> {
    const wakeAll = (): void => this.#wake()
    signal.addEventListener('abort', wakeAll)
    try {
      for (let next = 0; !signal.aborted; ) {
        next = Math.max(next, this.#first)
        const event = this.#events[next - this.#first]
        if (event === undefined) {
          await new Promise<void>(resolve => this.#wakeReaders.push(resolve))
          continue
        }
        next++
        yield event
      }
    } finally {
      signal.removeEventListener('abort', wakeAll)
    }
  }

  #wake(): void {
    const readers = this.#wakeReaders
    this.#wakeReaders = []
    for (const wake of readers) wake()
  }
}
