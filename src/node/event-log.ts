import type { LogFacts, Logger } from '../base/log.ts'
import { after, type Clock, type Instant, seconds } from '../base/time.ts'
import type { NodeEvent } from './handle.ts'

const eventsMax = 1_000 // about an hour of a busy testnet, 300 kB

/** Of what callers make happen as often as they like, so many of a kind in a window are news: more would push all else out of the ring. */
const newsMax = 20
const newsWindow = seconds(10)

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
  /** By kind: the window of now, and how many were left out since the last that was news. */
  readonly #news = new Map<string, { until: Instant; count: number; leftOut: number }>()

  constructor(ports: EventLogPorts) {
    this.#ports = ports
  }

  /** Notes an event and logs it at `info`; `text` is constant, `facts` vary and are public. */
  note(kind: string, text: string, facts: NodeEvent['facts'] = {}): void {
    this.record(kind, facts)
    this.#tell(kind, text, facts)
  }

  #tell(kind: string, text: string, facts: NodeEvent['facts']): void {
    this.#ports.log.info(text, { event: kind, ...facts } satisfies LogFacts)
    const at = new Date(this.#ports.clock.wall()).toISOString()
    this.#events.push({ at, kind, text, facts })
    if (this.#events.length > eventsMax) {
      this.#events.shift()
      this.#first++
    }
    this.#wake()
  }

  /** As `note`, for what callers make happen: above a rate only the audit record has it, and the next that is news says how many were left out. */
  noteSome(kind: string, text: string, facts: NodeEvent['facts']): void {
    const now = this.#ports.clock.monotonic()
    const before = this.#news.get(kind)
    const isOver = before === undefined || now >= before.until
    const window = isOver ? { until: after(now, newsWindow), count: 0 } : before
    const leftOut = before?.leftOut ?? 0
    this.record(kind, facts)
    if (window.count >= newsMax) {
      this.#news.set(kind, { ...window, leftOut: leftOut + 1 })
      return
    }
    this.#news.set(kind, { ...window, count: window.count + 1, leftOut: 0 })
    this.#tell(kind, text, leftOut === 0 ? facts : { ...facts, leftOut })
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
