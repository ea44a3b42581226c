import { assert } from '../base/errors.ts'
import { between, type Clock, type Duration, type Instant, milliseconds } from '../base/time.ts'
import type { Timers } from '../host/port.ts'
import type { Machine } from '../protocol/machine.ts'

/** Longest rest between two looks at a machine: Node's timers wrap beyond 2^31 ms. */
const restMax = milliseconds(2 ** 30)

/**
 * Runs one machine: one input at a time, in order, and a `tick` when the machine asked for it.
 *
 * Effects are applied synchronously and may feed this or another machine; a nested input waits in the
 * queue until the effects before it are applied, so no machine is ever entered twice.
 */
export class Drive<Input, Effect> {
  readonly #machine: Machine<Input, Effect>
  readonly #ports: { readonly clock: Clock; readonly timers: Timers }
  readonly #tick: Input
  readonly #apply: (effect: Effect) => void
  readonly #queue: Input[] = []
  #isRunning = false
  #isStopped = false
  #alarm: { readonly at: Instant; readonly cancel: () => void } | undefined

  constructor(
    machine: Machine<Input, Effect>,
    ports: { readonly clock: Clock; readonly timers: Timers },
    options: { readonly tick: Input; readonly apply: (effect: Effect) => void },
  ) {
    this.#machine = machine
    this.#ports = ports
    this.#tick = options.tick
    this.#apply = options.apply
  }

  /** Hands over an input; applied before this returns unless a step is under way. Ignored once stopped. */
  feed(input: Input): void {
    if (this.#isStopped) return
    this.#queue.push(input)
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        for (const effect of this.#machine.step(next, this.#ports.clock.monotonic())) {
          this.#apply(effect)
        }
      }
    } finally {
      this.#isRunning = false
    }
    this.#rest()
  }

  /** No further step happens. Idempotent. */
  stop(): void {
    this.#isStopped = true
    this.#queue.length = 0
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  #rest(): void {
    const at = this.#isStopped ? null : this.#machine.wakeAt()
    if (this.#alarm?.at === at) return
    this.#alarm?.cancel()
    this.#alarm = undefined
    if (at === null) return
    assert(!Number.isNaN(at), 'a machine wakes at an instant')
    const rest = Math.min(
      restMax,
      Math.max(0, Math.ceil(between(this.#ports.clock.monotonic(), at))),
    )
    const cancel = this.#ports.timers.after(rest as Duration, () => {
      this.#alarm = undefined
      this.feed(this.#tick)
    })
    this.#alarm = { at, cancel }
  }
}
