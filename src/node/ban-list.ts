/**
 * Who is turned away for a while, and for how much longer after each further fault.
 *
 * A ban is this node's own caution, no verdict: it is told to nobody and proves nothing. It names the
 * identity and, because a restart makes a new identity for free, the platform instance behind it.
 */
import { z } from 'zod'
import type { Refusal } from '../attestation/verdict.ts'
import type { Digest, NodeId } from '../base/ids.ts'
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

interface Ban {
  readonly kind: 'identity' | 'instance'
  readonly code: string
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
        count: z.int().min(1).max(64),
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
      .map(([subject, { kind, code, count, until }]) => ({
        subject,
        scope: kind,
        code,
        count,
        until: new Date(this.#wallOf(until)).toISOString(),
      }))
  }

  #ban(subject: NodeId | Digest, kind: Ban['kind'], code: string): Duration {
    const now = this.#clock.monotonic()
    this.#forgetOld(now)
    const known = this.#bans.get(subject)
    if (known !== undefined && known.until > now) return between(now, known.until)
    const count = (known?.count ?? 0) + 1
    const span = spanAfter(count)
    this.#bans.set(subject, { kind, code, count, until: after(now, span) })
    this.#makeRoom()
    return span
  }

  #forgetOld(now: Instant): void {
    for (const [subject, { until }] of this.#bans) {
      if (after(until, memory) <= now) this.#bans.delete(subject)
    }
  }

  #makeRoom(): void {
    if (this.#bans.size <= bansMax) return
    const [subject] = [...this.#bans].reduce((first, each) =>
      each[1].until < first[1].until ? each : first,
    )
    this.#bans.delete(subject)
  }

  #wallOf(until: Instant): number {
    return this.#clock.wall() + (until - this.#clock.monotonic())
  }

  #save(): void {
    const bans = [...this.#bans].map(([subject, { kind, code, count, until }]) => ({
      ...{ subject, kind, code, count },
      until: Math.max(0, Math.round(this.#wallOf(until))),
    }))
    this.#store?.write(JSON.stringify({ format: 1, bans }))
  }

  /** Takes nothing on trust: a file that says otherwise lengthens no ban beyond what its faults earned. */
  #load(): void {
    const text = this.#store?.read() ?? ''
    if (text === '' || text.length > hintBytesMax) return
    const now = this.#clock.monotonic()
    for (const { subject, kind, code, count, until } of parsed(text)) {
      const left = Math.min(until - this.#clock.wall(), spanAfter(count))
      this.#bans.set(subject, { kind, code, count, until: (now + left) as Instant })
    }
    this.#forgetOld(now)
  }
}

function spanAfter(count: number): Duration {
  return milliseconds(Math.min(spanMin * 2 ** (count - 1), spanMax))
}

function parsed(text: string): z.infer<typeof hintShape>['bans'] {
  try {
    return hintShape.parse(JSON.parse(text)).bans
  } catch {
    // A hint that cannot be read is none: the host could as well have deleted it.
    return []
  }
}
