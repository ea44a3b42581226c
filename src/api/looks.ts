/**
 * What a person who watches a node is sent: one look a second, taken once for all who watch and not at all while nobody
 * does. A reader that is late gets the newest look and none of those that it missed: nothing is queued for anybody.
 */
import { CoterieError } from '../base/errors.ts'
import type { CoterieNode, NodeEvent, RefusalView } from '../node/handle.ts'
import type { Look } from './look.ts'

/** Milliseconds from one look to the next: what moves can be followed, and a look costs about a millisecond. */
const lookEvery = 1_000
/** Events kept for a reader that comes later. */
const eventsMax = 60

export interface LookPorts {
  readonly node: CoterieNode
  /** As in `Look`. */
  readonly desk: string | null
}

interface Taken {
  /** Rises with each look. */
  readonly number: number
  readonly look: Omit<Look, 'refusals' | 'events'>
  readonly refusals: readonly RefusalView[]
  /** Rises when a refusal is added or counted. */
  readonly refusalsAs: string
  /** How many events there were. */
  readonly eventCount: number
}

export class Looks {
  readonly #ports: LookPorts
  #events: NodeEvent[] = []
  #eventCount = 0
  #taken: Taken | undefined
  #readers = 0
  #stopLooking: (() => void) | undefined
  #wake = Promise.withResolvers<void>()

  constructor(ports: LookPorts) {
    this.#ports = ports
  }

  /**
   * The newest look, then each as it is taken, until `signal` aborts.
   *
   * @throws {CoterieError} `NOT_RUNNING`, `STOPPING` once the node has nothing to show.
   */
  async *follow(signal: AbortSignal): AsyncGenerator<Look> {
    signal.throwIfAborted()
    this.#enter()
    // At the abort and not at the end of this generator: one whose reader never comes back never ends.
    const gone = Promise.withResolvers<void>()
    const leave = (): void => {
      this.#leave()
      gone.resolve()
    }
    signal.addEventListener('abort', leave, { once: true })
    for (let sent: Taken | undefined; !signal.aborted; ) {
      const taken = this.#taken
      if (taken === undefined || taken.number === sent?.number) {
        await Promise.race([this.#wake.promise, gone.promise])
        continue
      }
      const before = sent
      sent = taken
      yield this.#toldAfter(before, taken)
    }
  }

  #toldAfter(before: Taken | undefined, taken: Taken): Look {
    const isNews = taken.eventCount !== before?.eventCount
    return {
      ...taken.look,
      refusals: taken.refusalsAs === before?.refusalsAs ? null : taken.refusals,
      events: isNews ? [...this.#events] : null,
    }
  }

  #enter(): void {
    // Before anything is held: a node that does not run refuses here, and the reader hears why.
    if (this.#stopLooking === undefined) this.#look()
    this.#readers++
    if (this.#stopLooking !== undefined) return
    const stopping = new AbortController()
    void this.#followEvents(stopping.signal)
    const timer = setInterval(() => this.#tryLook(), lookEvery)
    this.#stopLooking = () => {
      clearInterval(timer)
      stopping.abort()
    }
  }

  #leave(): void {
    this.#readers--
    if (this.#readers > 0) return
    this.#stopLooking?.()
    this.#stopLooking = undefined
    this.#taken = undefined
    this.#events = []
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    for await (const event of this.#ports.node.events(signal)) {
      this.#events.push(event)
      if (this.#events.length > eventsMax) this.#events.shift()
      this.#eventCount++
    }
  }

  #tryLook(): void {
    try {
      this.#look()
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error
      // The node stops: its server ends all streams, and until then the last look stands.
    }
  }

  #look(): void {
    const { node, desk } = this.#ports
    const refusals = node.refusals()
    const at = new Date().toISOString()
    this.#taken = {
      number: (this.#taken?.number ?? 0) + 1,
      look: {
        at,
        status: node.status(),
        members: [...node.members()],
        vitals: node.vitals(),
        desk,
      },
      refusals,
      refusalsAs: JSON.stringify(refusals.map(({ at, count }) => [at, count])),
      eventCount: this.#eventCount,
    }
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }
}
