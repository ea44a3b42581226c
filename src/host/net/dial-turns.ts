/**
 * Spreads dials: a few begin, the next when one is done or has had its while.
 *
 * A handshake costs both sides tens of milliseconds of a processor. Begun all at once on a slow machine, they
 * share it, none is done within its 10 s, and all begin anew; one after the other each is quick.
 */
import { seconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'

/** Turns at one time. */
const turnsMax = 4
/** A turn passes on after this although its dial goes on: addresses where nobody answers hold up nobody for long. */
const turnTime = seconds(2)

interface Waiting {
  readonly failures: number
  readonly go: (turn: DialTurn) => void
}

/** Leave to dial. */
export interface DialTurn extends Disposable {
  /** Whether it has passed on. */
  readonly isOver: boolean
}

/** Whose turn it is to dial. */
export class DialTurns {
  readonly #timers: Timers
  readonly #passing = new Set<() => void>()
  #waiting: Waiting[] = []
  #isStopped = false

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Resolves when it is this dial's turn: fewest failures first. Disposing ends the turn. */
  async take(failures: number): Promise<DialTurn> {
    if (this.#isStopped || this.#passing.size < turnsMax) return this.#begin()
    return await new Promise<DialTurn>(go => this.#waiting.push({ failures, go }))
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#isStopped = true
    for (const pass of this.#passing) pass()
    for (const { go } of this.#waiting.splice(0)) go(this.#begin())
  }

  #begin(): DialTurn {
    if (this.#isStopped) return { isOver: true, [Symbol.dispose]: () => undefined }
    let isOver = false
    const pass = (): void => {
      isOver = true
      cancel()
      if (this.#passing.delete(pass)) this.#next()
    }
    const cancel = this.#timers.after(turnTime, pass)
    this.#passing.add(pass)
    return {
      get isOver() {
        return isOver
      },
      [Symbol.dispose]: pass,
    }
  }

  #next(): void {
    if (this.#isStopped || this.#waiting.length === 0) return
    const next = this.#waiting.reduce((best, each) => (each.failures < best.failures ? each : best))
    this.#waiting = this.#waiting.filter(each => each !== next)
    next.go(this.#begin())
  }
}
