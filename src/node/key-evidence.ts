/**
 * The evidence about this node's keys. Keys last from boot to stop, evidence does not: a certificate under it may live for hours. So
 * it is made anew over the same keys while the old one still counts, and what is shown in handshakes and records is the newest.
 *
 * Renewal stops nothing: the old evidence is shown until newer one is at hand and good, and connections stay as they are.
 */
import type { Verdict } from '../attestation/verdict.ts'
import { CoterieError } from '../base/errors.ts'
import type { Digest } from '../base/ids.ts'
import { below } from '../base/random.ts'
import {
  after,
  between,
  type Duration,
  hours,
  milliseconds,
  minutes,
  seconds,
  type Timestamp,
} from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { Evidence } from '../wire/evidence.ts'
import type { EventLog } from './event-log.ts'
import type { StatusView } from './handle.ts'

/** The parts of its life after which evidence is renewed; by chance between the two, for machines that booted together. */
const renewal = { first: 0.5, last: 0.65 }
/** Whose end nobody can tell, because the manifest or a missing document keeps it from being trusted, is renewed after this. */
const untoldLife = hours(2)
/** The longest rest before the end is looked at again: endorsements may have moved it, and the host its clock. */
const lookEvery = minutes(10)
/** The shortest rest after newer evidence. */
const restMin = minutes(1)
/** A device that takes longer does not quote at all. */
const patience = minutes(3)
const backOff = { first: seconds(5), last: minutes(5) }
/** Failures in a row that a person is told of: a device may be busy once or twice. */
const failuresTold = 3

export interface KeyEvidencePorts {
  readonly host: Pick<Host, 'attester' | 'clock' | 'timers' | 'random' | 'log'>
  readonly events: EventLog
  /** What the evidence must carry: it names the keys. */
  readonly reportData: Uint8Array
  /** What this node itself says of evidence about its keys. */
  readonly appraise: (evidence: Evidence) => Verdict
  /** The host's time, not before what is proved to have passed. */
  readonly now: () => Timestamp
  /** Newer evidence is in use. */
  readonly renewed: (evidence: Evidence) => void
}

export class KeyEvidence {
  readonly #ports: KeyEvidencePorts
  readonly #stopping = new AbortController()
  #current: Evidence
  #quotedAt: Timestamp
  /** Which part of its life passes before it is renewed. */
  #share: number
  /** When it ends and of which machine it is, as far as it was ever trusted here. */
  #endsAt: Timestamp | undefined
  #instance: Digest | undefined
  /** Tries in a row that brought nothing newer. */
  #failures = 0
  #cancel: () => void = () => undefined

  constructor(ports: KeyEvidencePorts, first: Evidence) {
    this.#ports = ports
    this.#current = first
    this.#quotedAt = ports.host.clock.wall()
    this.#share = this.#drawShare()
  }

  /** The newest. A handshake asks once and keeps what it got. */
  get current(): Evidence {
    return this.#current
  }

  /** What a person must know; `undefined` while all is well. */
  get trouble(): StatusView['warnings'][number] | undefined {
    const hasEnded = this.#endsAt !== undefined && this.#endsAt <= this.#ports.now()
    if (!hasEnded && this.#failures < failuresTold) return undefined
    const end = this.#endsAt === undefined ? '' : new Date(this.#endsAt).toISOString()
    const text = hasEnded
      ? `The evidence about this node's keys ended at ${end}: whoever meets it anew refuses it.`
      : `This machine gives no newer evidence about this node's keys; what it has ends${end === '' ? '' : ` at ${end}`}.`
    return { code: 'EVIDENCE_NOT_RENEWED', text }
  }

  start(): void {
    this.#look()
  }

  stop(): void {
    this.#stopping.abort()
    this.#cancel()
  }

  #look(): void {
    const left = between(this.#ports.now(), this.#dueAt())
    if (left > 0) this.#rest(milliseconds(Math.min(left, lookEvery)))
    else void this.#renew()
  }

  #dueAt(): Timestamp {
    this.#note(this.#ports.appraise(this.#current))
    const life =
      this.#endsAt === undefined ? untoldLife : Math.max(0, between(this.#quotedAt, this.#endsAt))
    return after(this.#quotedAt, milliseconds(life * this.#share))
  }

  #note(verdict: Verdict): void {
    if (verdict.kind !== 'trusted') return
    this.#endsAt = endOf(verdict)
    this.#instance = verdict.instance
  }

  async #renew(): Promise<void> {
    const { host, now } = this.#ports
    const deadline = new AbortController()
    const cancel = host.timers.after(patience, () => deadline.abort())
    const signal = AbortSignal.any([this.#stopping.signal, deadline.signal])
    const startedAt = now()
    const found = await host.attester
      .quote(this.#ports.reportData, signal)
      .catch((error: unknown) => codeOf(error))
      .finally(cancel)
    // Nobody is to see newer evidence of a node that stops.
    if (this.#stopping.signal.aborted) return
    const failure = typeof found === 'string' ? found : this.#consider(found, startedAt)
    // Whatever a TEE answers, it is not asked again at once.
    if (failure === undefined) this.#rest(restMin)
    else this.#failed(failure)
  }

  /** Takes newer evidence into use, or says why not. */
  #consider(found: Evidence, quotedAt: Timestamp): string | undefined {
    const { appraise, events, renewed } = this.#ports
    const verdict = appraise(found)
    const isTrusted = verdict.kind === 'trusted'
    const held = appraise(this.#current)
    this.#note(held)
    // What the manifest does not admit is renewed all the same: the next one may admit it.
    if (!isTrusted && held.kind === 'trusted') {
      return verdict.kind === 'refused' ? verdict.code : 'UNDETERMINED'
    }
    if (isTrusted) {
      const isElsewhere = this.#instance !== undefined && this.#instance !== verdict.instance
      if (isElsewhere) return 'INSTANCE_MISMATCH'
      if (this.#endsAt !== undefined && endOf(verdict) <= this.#endsAt) return 'EVIDENCE_NOT_NEWER'
    }
    this.#current = found
    this.#quotedAt = quotedAt
    this.#share = this.#drawShare()
    this.#failures = 0
    this.#endsAt = undefined
    this.#note(verdict)
    const facts = isTrusted ? { endsAt: new Date(endOf(verdict)).toISOString() } : {}
    events.note('evidence-renewed', 'there is newer evidence about the keys of this node', facts)
    renewed(found)
    return undefined
  }

  #failed(code: string): void {
    const { host, events, now } = this.#ports
    const failures = ++this.#failures
    host.log.warn('no newer evidence about the keys of this node', { code, failures })
    if (failures === failuresTold) {
      events.note('evidence-not-renewed', 'this machine gives no newer evidence', { code })
    }
    const span = Math.min(backOff.last, backOff.first * 2 ** Math.min(failures - 1, 20))
    const spread = span * (0.5 + below(host.random, 1_000) / 2_000)
    // Some machines have a new certificate only once the old one has ended: newcomers shall not wait long then.
    const left = this.#endsAt === undefined ? 0 : between(now(), this.#endsAt)
    this.#rest(milliseconds(left > 0 ? Math.min(spread, left + backOff.first) : spread))
  }

  #rest(span: Duration): void {
    this.#cancel = this.#ports.host.timers.after(milliseconds(Math.ceil(span)), () => this.#look())
  }

  #drawShare(): number {
    const { first, last } = renewal
    return first + ((last - first) * below(this.#ports.host.random, 1_000)) / 1_000
  }
}

function endOf(verdict: Extract<Verdict, { kind: 'trusted' }>): Timestamp {
  return verdict.evidenceEndsAt ?? verdict.expiresAt
}

/** What the world did to a request; a driver's own words stay in the log of the attester. */
const codeOf = (error: unknown): string =>
  error instanceof CoterieError ? error.code : 'QUOTE_FAILED'
