/**
 * Who is turned away for a while, and for how much longer after each further fault.
 *
 * A ban is this node's own caution, no verdict: it is told to nobody and proves nothing. It names the
 * identity and, because a restart makes a new identity for free, the platform instance behind it.
 */
import { z } from 'zod'
import type { Refusal } from '../attestation/verdict.ts'
import { UsageError } from '../base/errors.ts'
import { type Digest, type NodeId, nodeId } from '../base/ids.ts'
import {
  after,
  between,
  type Clock,
  type Duration,
  days,
  type Instant,
  milliseconds,
  minutes,
} from '../base/time.ts'
import type { HintStore } from '../host/port.ts'
import type { BanView } from './handle.ts'

/** The first ban; each further fault doubles it. */
const spanMin = minutes(1)
const spanMax = days(1)
/** Faults are forgotten when the last ban has been over for this long. */
const memory = days(1)
/** Subjects that are remembered; the ban that ends first gives way. One costs about 200 bytes. */
const bansMax = 1_024
/** A file of as many bans; more was not written by a node. */
const hintBytesMax = 512 * 1024

/** The longest ban by hand: what shall last is for a certificate or the next manifest. */
const handBanMax = days(30)
/** Of a person's own words, in characters. */
const reasonLengthMax = 200
const byHand = 'BY_HAND'

interface Ban {
  readonly kind: 'identity' | 'instance'
  readonly code: string
  readonly reason: string
  /** Faults so far, at least 1. */
  readonly count: number
  readonly until: Instant
}

const hintShape = z.strictObject({
  format: z.literal(1),
  bans: z
    .array(
      z.strictObject({
        subject: z.string().regex(/^[0-9A-Za-z]{1,64}$/),
        kind: z.enum(['identity', 'instance']),
        code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
        reason: z.string().max(reasonLengthMax).optional(),
        count: z.int().min(0).max(64),
        /** Unix milliseconds by the host's clock. */
        until: z.int().min(0),
      }),
    )
    .max(bansMax),
})

/** The list. */
export class BanList {
  readonly #clock: Clock
  readonly #store: HintStore | undefined
  readonly #bans = new Map<string, Ban>()

  /** `store` keeps bans over a restart, as far as the host likes: it may drop or add some, which cuts its own node off. */
  constructor(ports: { readonly clock: Clock; readonly hints?: HintStore | undefined }) {
    this.#clock = ports.clock
    this.#store = ports.hints
    this.#load()
  }

  /** A fault of this member. Answers for how long it is turned away; faults during a ban are part of the first. */
  fault(member: { readonly node: NodeId; readonly instance?: Digest }, code: string): Duration {
    const span = this.#ban(member.node, 'identity', code)
    const instanceSpan =
      member.instance === undefined ? span : this.#ban(member.instance, 'instance', code)
    this.#save()
    return milliseconds(Math.max(span, instanceSpan))
  }

  /**
   * A person's word: no fault, and it shortens no ban. Lasts `span`, at most `handBanMax`.
   *
   * @throws {UsageError} `BAD_SUBJECT` for what is neither a node id nor a digest, `BAD_BAN` for a span or reason out of
   * bounds.
   */
  banByHand(subject: string, how: { readonly span: Duration; readonly reason: string }): BanView {
    const kind = kindOf(subject)
    const { span, reason } = how
    if (!(span > 0 && span <= handBanMax) || reason.length > reasonLengthMax) {
      throw new UsageError(
        'BAD_BAN',
        `A ban lasts at most ${handBanMax / days(1)} days, and its reason has at most ${reasonLengthMax} characters.`,
        { next: 'What shall last is for a removal.' },
      )
    }
    const now = this.#clock.monotonic()
    this.#forgetOld(now)
    const known = this.#bans.get(subject)
    const end = after(now, span)
    const until = known !== undefined && known.until > end ? known.until : end
    const ban: Ban = { kind, code: byHand, reason, count: known?.count ?? 0, until }
    this.#bans.set(subject, ban)
    this.#makeRoom(subject)
    this.#save()
    return this.#viewOf(subject, ban)
  }

  /** Why this identity or instance may not connect now. */
  barred(subject: NodeId | Digest): Refusal | undefined {
    const ban = this.#bans.get(subject)
    const now = this.#clock.monotonic()
    if (ban === undefined || ban.until <= now) return undefined
    const seconds = Math.ceil(between(now, ban.until) / 1_000)
    return { code: 'BANNED', facts: { scope: ban.kind, reason: ban.code, seconds } }
  }

  /**
   * Ends a ban and forgets its faults. A person may: whoever was banned still needs a verdict and a fresh quote
   * for everything, and the host could restart the node as well.
   */
  lift(subject: string): boolean {
    const wasKnown = this.#bans.delete(subject)
    if (wasKnown) this.#save()
    return wasKnown
  }

  /** Bans that hold now, the one that ends last first. */
  current(): readonly BanView[] {
    const now = this.#clock.monotonic()
    return [...this.#bans]
      .filter(([, { until }]) => until > now)
      .toSorted(([, left], [, right]) => right.until - left.until)
      .map(([subject, ban]) => this.#viewOf(subject, ban))
  }

  #viewOf(subject: string, { kind, code, reason, count, until }: Ban): BanView {
    const end = new Date(this.#wallOf(until)).toISOString()
    return { subject, scope: kind, code, reason, count, until: end }
  }

  #ban(subject: NodeId | Digest, kind: Ban['kind'], code: string): Duration {
    const now = this.#clock.monotonic()
    this.#forgetOld(now)
    const known = this.#bans.get(subject)
    if (known !== undefined && known.until > now) return between(now, known.until)
    const count = (known?.count ?? 0) + 1
    const span = spanAfter(count)
    this.#bans.set(subject, { kind, code, reason: '', count, until: after(now, span) })
    this.#makeRoom(subject)
    return span
  }

  #forgetOld(now: Instant): void {
    for (const [subject, { until }] of this.#bans) {
      if (after(until, memory) <= now) this.#bans.delete(subject)
    }
  }

  /** The ban that was just made stays: a flood of faults must not take a person's word back, nor be futile. */
  #makeRoom(newest: string): void {
    if (this.#bans.size <= bansMax) return
    const others = [...this.#bans].filter(([subject]) => subject !== newest)
    const [subject] = others.reduce((first, each) =>
      each[1].until < first[1].until ? each : first,
    )
    this.#bans.delete(subject)
  }

  #wallOf(until: Instant): number {
    return this.#clock.wall() + (until - this.#clock.monotonic())
  }

  #save(): void {
    const bans = [...this.#bans].map(([subject, { kind, code, reason, count, until }]) => ({
      ...{ subject, kind, code, reason, count },
      until: Math.max(0, Math.round(this.#wallOf(until))),
    }))
    this.#store?.write(JSON.stringify({ format: 1, bans }))
  }

  /** Takes nothing on trust: a file that says otherwise lengthens no ban beyond what its faults earned. */
  #load(): void {
    const text = this.#store?.read() ?? ''
    if (text === '' || text.length > hintBytesMax) return
    const now = this.#clock.monotonic()
    for (const { subject, kind, code, reason = '', count, until } of parsed(text)) {
      const spanMost = code === byHand ? handBanMax : spanAfter(count)
      const left = Math.min(until - this.#clock.wall(), spanMost)
      this.#bans.set(subject, { kind, code, reason, count, until: (now + left) as Instant })
    }
    this.#forgetOld(now)
  }
}

function kindOf(subject: string): Ban['kind'] {
  if (/^[0-9a-f]{64}$/.test(subject)) return 'instance'
  try {
    nodeId(subject)
    return 'identity'
  } catch (cause) {
    throw new UsageError('BAD_SUBJECT', 'This names neither a node nor a platform instance.', {
      next: 'Give a whole node id, or the digest of an instance as coterie members --json shows it.',
      cause,
    })
  }
}

function spanAfter(count: number): Duration {
  return milliseconds(Math.min(spanMin * 2 ** Math.max(0, count - 1), spanMax))
}

function parsed(text: string): z.infer<typeof hintShape>['bans'] {
  try {
    return hintShape.parse(JSON.parse(text)).bans
  } catch {
    // A hint that cannot be read is none: the host could as well have deleted it.
    return []
  }
}
