/** The application that the key is for: it is ready when its handler says that it is well, and runs what the manifest names. */
import { after, type Instant, seconds } from '../../base/time.ts'
import type { Core } from './core.ts'

const patience = seconds(10)
/** Between two questions, while it starts. */
const rest = seconds(2)

export class PivotWatch {
  readonly #core: Core
  #awaited: { readonly job: number; readonly until: Instant } | null = null
  #asksAt: Instant | null = null
  #lastAnswer = ''

  constructor(core: Core) {
    this.#core = core
  }

  handlerAnswered(job: number, hash: string, now: Instant): void {
    if (job !== this.#awaited?.job) return
    this.#awaited = null
    if (hash === this.#core.standing?.manifest.pivot?.hash) {
      this.#core.advance('pivot-healthy')
      return
    }
    this.#again('PIVOT_DIFFERENT', now)
  }

  failed(job: number, code: string, now: Instant): void {
    if (job !== this.#awaited?.job) return
    this.#awaited = null
    this.#again(code, now)
  }

  fold(now: Instant): void {
    const { standing } = this.#core
    if (standing === null || !this.#core.isWelcome('pivot-healthy')) return
    const { pivot } = standing.manifest
    if (pivot === null) return this.#core.advance('pivot-healthy')
    if (this.#awaited !== null && now >= this.#awaited.until) {
      this.failed(this.#awaited.job, 'TIMEOUT', now)
    }
    if (this.#awaited !== null || (this.#asksAt !== null && now < this.#asksAt)) return
    const job = this.#core.nextJob()
    this.#awaited = { job, until: after(now, patience) }
    this.#asksAt = null
    this.#core.emit({ kind: 'checkHandler', job, hash: pivot.hash })
  }

  wakeAt(): Instant | null {
    return this.#core.isWelcome('pivot-healthy') ? (this.#awaited?.until ?? this.#asksAt) : null
  }

  forget(): void {
    this.#awaited = null
    this.#asksAt = null
  }

  /** A person hears of each cause once, and not every two seconds. */
  #again(cause: string, now: Instant): void {
    this.#asksAt = after(now, rest)
    if (this.#lastAnswer === cause) return
    this.#lastAnswer = cause
    this.#core.event('warn', 'PIVOT_NOT_READY', { cause })
  }
}
