/**
 * Whether the manifest admits this very node, watched: a manifest may leave its software out, and a window may
 * end. A node that would refuse its like stops serving; it keeps what it holds, because the next manifest may
 * let it in again, and a mistake of the manifest set must not cost the state of a network.
 */
import type { Manifest } from '../attestation/manifest.ts'
import type { Refusal, TrustedVerdict } from '../attestation/verdict.ts'
import { type Duration, milliseconds, seconds, type Timestamp } from '../base/time.ts'
import type { Timers } from '../host/port.ts'
import type { EventLog } from './event-log.ts'
import type { OwnVerdict } from './own-verdict.ts'

/** The longest rest before the windows are looked at again: the clock of the group may have moved on. */
const lookEvery = seconds(2)

export interface OwnStandingPorts {
  readonly timers: Timers
  readonly events: EventLog
  /** The host's time, not before what is proved to have passed. */
  readonly now: () => Timestamp
  readonly manifest: () => Manifest
  /** What the manifest in force says of this node now. */
  readonly judged: () => OwnVerdict
  /** A window began or ended, or this machine is known at last: every verdict is formed anew. */
  readonly windowPassed: () => void
}

export class OwnStanding {
  readonly #ports: OwnStandingPorts
  #own: OwnVerdict
  #lookedAt: Timestamp
  #cancel: () => void = () => undefined

  constructor(ports: OwnStandingPorts) {
    this.#ports = ports
    this.#lookedAt = ports.now()
    this.#own = ports.judged()
  }

  /** Why this node is not admitted; `undefined` if it is. */
  get refusal(): Refusal | undefined {
    return this.#own.refusal
  }

  /** Of the manifest in force, which may name the same software otherwise than the one before. */
  get verdict(): TrustedVerdict {
    return this.#own.verdict
  }

  /** Begins to watch the windows of the manifest. */
  start(): void {
    this.#rest()
  }

  stop(): void {
    this.#cancel()
  }

  /** Another manifest is in force. */
  judge(): void {
    const before = this.refusal
    this.#own = this.#ports.judged()
    const { refusal } = this
    if (before?.code === refusal?.code) return
    const text =
      refusal === undefined
        ? 'the manifest admits this node again'
        : 'the manifest does not admit this node any more: it serves nobody'
    this.#ports.events.note('own-standing', text, {
      ...(refusal === undefined ? {} : { code: refusal.code, ...refusal.facts }),
    })
  }

  #look(): void {
    const now = this.#ports.now()
    const [from, until] = [this.#lookedAt, now]
    this.#lookedAt = now
    const hasPassed = boundariesOf(this.#ports.manifest()).some(at => from < at && at <= until)
    // What vendors say of this machine comes in the background, and no window tells of it.
    const wasOpen = this.#isOpen()
    if (hasPassed || wasOpen) this.judge()
    if (hasPassed || (wasOpen && !this.#isOpen())) this.#ports.windowPassed()
    this.#rest()
  }

  #isOpen(): boolean {
    return this.refusal?.code === 'UNDETERMINED'
  }

  #rest(): void {
    const now = this.#ports.now()
    const next = Math.min(
      ...boundariesOf(this.#ports.manifest()).filter(at => at > now),
      now + lookEvery,
    )
    this.#cancel = this.#ports.timers.after(milliseconds(next - now) as Duration, () =>
      this.#look(),
    )
  }
}

function boundariesOf({ join }: Manifest): readonly number[] {
  return join.measurements.flatMap(({ validFrom, validUntil }) => [
    Date.parse(validFrom),
    Date.parse(validUntil),
  ])
}
