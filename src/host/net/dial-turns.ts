/**
 * Spreads dials: a few go on at one time, the next begins when one is done.
 *
 * A handshake costs both sides tens of milliseconds of a processor. Begun all at once on a slow machine, they
 * share it, none is done within its 10 s, and all begin anew; one after the other each is quick. So a dial keeps
 * its turn to the end once somebody answers, and only an address where nobody does passes it on early. How many
 * go on at once follows from how long they take, as a sender's window follows from its losses (additive increase,
 * multiplicative decrease; Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988, section 1).
 */
import { between, type Clock, type Duration, milliseconds, seconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'
import { handshakeLimits } from './options.ts'

/** Turns at one time while handshakes are quick. */
const turnsMax = 4
/** Turns at one time however slow they are: one address that takes a socket and says nothing holds up nobody alone. */
const turnsMin = 2
/** A turn passes on after this although its dial goes on, unless somebody answered: addresses where nobody does hold up nobody for long. */
const answerWait = seconds(2)
/** A handshake ends by itself before this; a dial that does not lets the next begin. */
const holdMax = (handshakeLimits.total + seconds(2)) as Duration
/** A handshake across the world takes this long at most; a longer one says that a machine has too much to do. */
const slow = seconds(2)
/** A handshake in less says that there is time for more. */
const quick = milliseconds(500)

/** Whose turn comes first: whoever was met before, then whoever failed least. */
export interface DialPriority {
  /** Whether this target was connected once, or a person named it. */
  readonly isKnown: boolean
  /** Failed dials in a row. */
  readonly failures: number
}

interface Waiting extends DialPriority {
  readonly go: (turn: DialTurn) => void
}

/** Leave to dial; disposing ends it. */
export interface DialTurn extends Disposable {
  /** How long it has lasted. */
  readonly age: Duration
  /** Somebody took the connection: the handshake begins, and the turn lasts as long as that does. */
  answered(): void
}

/** Whose turn it is to dial. */
export class DialTurns {
  readonly #deps: { readonly clock: Clock; readonly timers: Timers }
  readonly #passing = new Set<() => void>()
  #waiting: Waiting[] = []
  #turns = turnsMax
  #isStopped = false

  constructor(deps: { readonly clock: Clock; readonly timers: Timers }) {
    this.#deps = deps
  }

  /** How many dials may go on at one time now. */
  get width(): number {
    return this.#turns
  }

  /** Resolves when it is this dial's turn. */
  async take(priority: DialPriority): Promise<DialTurn> {
    if (this.#isStopped || this.#passing.size < this.#turns) return this.#begin()
    return await new Promise<DialTurn>(go => this.#waiting.push({ ...priority, go }))
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#isStopped = true
    for (const pass of this.#passing) pass()
    for (const { go } of this.#waiting.splice(0)) go(this.#begin())
  }

  #begin(): DialTurn {
    const { clock, timers } = this.#deps
    const begunAt = clock.monotonic()
    const age = (): Duration => between(begunAt, clock.monotonic())
    let answeredAt: Duration | undefined
    let cancel = (): void => undefined
    const pass = (): void => {
      cancel()
      if (this.#passing.delete(pass)) this.#next()
    }
    if (!this.#isStopped) {
      this.#passing.add(pass)
      cancel = timers.after(answerWait, pass)
    }
    return {
      get age() {
        return age()
      },
      answered: () => {
        if (answeredAt !== undefined) return
        answeredAt = age()
        if (!this.#passing.has(pass)) return
        cancel()
        cancel = timers.after(holdMax, pass)
      },
      [Symbol.dispose]: () => {
        if (answeredAt !== undefined) this.#learn(age() - answeredAt)
        pass()
      },
    }
  }

  /** From how long a handshake took, whether well or not. */
  #learn(took: number): void {
    if (took > slow) this.#turns = Math.max(turnsMin, Math.floor(this.#turns / 2))
    else if (took < quick) this.#turns = Math.min(turnsMax, this.#turns + 1)
  }

  #next(): void {
    while (!this.#isStopped && this.#passing.size < this.#turns && this.#waiting.length > 0) {
      const next = this.#waiting.reduce((best, each) => (isBefore(each, best) ? each : best))
      this.#waiting = this.#waiting.filter(each => each !== next)
      next.go(this.#begin())
    }
  }
}

function isBefore(left: DialPriority, right: DialPriority): boolean {
  if (left.isKnown !== right.isKnown) return left.isKnown
  return left.failures < right.failures
}
