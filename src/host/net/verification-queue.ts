/**
 * Appraising evidence costs up to milliseconds of the only thread, and others choose when it is asked for. So appraisals follow one
 * another with a turn of the event loop between any two: sockets, timers and members' streams wait for one of them and never for
 * a row. Members go before strangers, of whom few may wait.
 */
import { handshakeLimits } from './options.ts'

type NextTurn = (action: () => void) => void

/** Appraisals that wait for their turn, in the order in which they came. */
export class VerificationQueue {
  readonly #nextTurn: NextTurn
  readonly #members: (() => void)[] = []
  readonly #strangers: (() => void)[] = []
  #isTurnDue = false

  /** `nextTurn` runs its action after whatever is due now; a simulation, whose time stands still meanwhile, has its own. */
  constructor(nextTurn: NextTurn = action => void setImmediate(action)) {
    this.#nextTurn = nextTurn
  }

  /** How many appraisals wait. */
  get length(): number {
    return this.#members.length + this.#strangers.length
  }

  /** The result of `appraise` about a member, for which this node itself asked: there are never more of them than members. */
  ofMember<T>(appraise: () => T): Promise<T> {
    return this.#enqueue(this.#members, appraise)
  }

  /** The result of `appraise` about a stranger; `undefined` at once if too many wait. */
  async ofStranger<T>(appraise: () => T): Promise<T | undefined> {
    if (this.#strangers.length >= handshakeLimits.verificationQueueMax) return undefined
    return this.#enqueue(this.#strangers, appraise)
  }

  #enqueue<T>(lane: (() => void)[], appraise: () => T): Promise<T> {
    const result = Promise.withResolvers<T>()
    lane.push(() => {
      try {
        result.resolve(appraise())
      } catch (error) {
        // Whoever asked is told; for the others the row goes on.
        result.reject(error)
      }
    })
    this.#askForTurn()
    return result.promise
  }

  #askForTurn(): void {
    if (this.#isTurnDue || this.length === 0) return
    this.#isTurnDue = true
    this.#nextTurn(() => this.#turn())
  }

  #turn(): void {
    this.#isTurnDue = false
    const next = this.#members.shift() ?? this.#strangers.shift()
    next?.()
    this.#askForTurn()
  }
}
