/** Verdicts remembered, so that a peer met again costs no signature check. */

import { BoundedMap } from '../base/bounded-map.ts'
import { toHex } from '../base/bytes.ts'
import type { Digest } from '../base/ids.ts'
import { after, between, type Duration, type Instant, milliseconds, seconds } from '../base/time.ts'
import { evidenceDigest } from '../wire/evidence.ts'
import type { Appraisal } from './appraisal.ts'
import { appraise } from './appraise.ts'
import { endorsementsDigest } from './endorsements.ts'
import type { TrustedVerdict, Verdict } from './verdict.ts'

export interface VerdictCacheOptions {
  /** Most verdicts kept, and as many refusals. */
  readonly entriesMax: number
  /** How long a refusal is remembered. */
  readonly refusalSpan: Duration
}

interface Held<V extends Verdict> {
  readonly verdict: V
  readonly evidence: Digest
  readonly policy: Digest
  /** The end in monotonic time: setting the wall clock back does not prolong it. */
  readonly endsAt: Instant
}

/** Refusals that the bytes of evidence and endorsements explain: at no time, under no policy would they pass. */
const followFromBytes: ReadonlySet<string> = new Set([
  'EVIDENCE_TOO_LARGE',
  'EVIDENCE_MALFORMED',
  'INSTANCE_MISMATCH',
  'CHAIN_INVALID',
  'SIGNATURE_INVALID',
])

/**
 * A cache in front of `appraise`: same answers, less work.
 *
 * A trusted verdict is found again under the digests of evidence, endorsements and policy and under the
 * report data that is expected: without the last, somebody else's evidence would pass for one's own keys.
 * It is kept until the first of its expiries, by wall and by monotonic time. A hit replaces neither the
 * fresh binder signature nor the look into the removal set; those are the caller's.
 */
export class VerdictCache {
  readonly #refusalSpan: Duration
  readonly #trusted: BoundedMap<string, Held<TrustedVerdict>>
  readonly #refused: BoundedMap<string, Held<Verdict>>

  constructor(options: VerdictCacheOptions = { entriesMax: 4_096, refusalSpan: seconds(60) }) {
    this.#refusalSpan = options.refusalSpan
    this.#trusted = new BoundedMap(options.entriesMax)
    this.#refused = new BoundedMap(options.entriesMax)
  }

  /** The verdict on `appraisal`, remembered or fresh; `at` is the monotonic time of `appraisal.now`. */
  appraise(appraisal: Appraisal, at: Instant): Verdict {
    const evidence = evidenceDigest(appraisal.evidence)
    // Anyone may bring endorsements, and bad ones must not speak against evidence that passes with good ones.
    const shown = `${evidence} ${endorsementsDigest(appraisal.endorsements)}`
    const refused = freshIn(this.#refused, shown, at)
    if (refused !== undefined) return refused
    const key = keyOf(appraisal, shown)
    const trusted = freshIn(this.#trusted, key, at)
    if (trusted !== undefined && appraisal.now < trusted.expiresAt) return trusted
    const verdict = appraise(appraisal)
    this.#keep(verdict, { appraisal, evidence, shown, key, at })
    return verdict
  }

  /** Forgets every verdict that was not reached under `policy`. */
  policyChanged(policy: Digest): void {
    this.#forget(held => held.policy !== policy)
  }

  /** Forgets verdicts on one machine: after a removal, or when it missed its liveness. */
  instanceDropped(instance: Digest): void {
    this.#forget(({ verdict }) => verdict.kind === 'trusted' && verdict.instance === instance)
  }

  /** Forgets verdicts on one piece of evidence: after the removal or the silence of its identity. */
  evidenceDropped(evidence: Digest): void {
    this.#forget(held => held.evidence === evidence)
  }

  /** Verdicts and refusals held, dead ones that nobody asked for included. */
  get size(): number {
    return this.#trusted.size + this.#refused.size
  }

  #keep(
    verdict: Verdict,
    asked: {
      readonly appraisal: Appraisal
      readonly evidence: Digest
      readonly shown: string
      readonly key: string
      readonly at: Instant
    },
  ): void {
    const { appraisal, evidence, shown, key, at } = asked
    const policy = appraisal.policy.digest
    if (verdict.kind === 'trusted') {
      const left = milliseconds(between(appraisal.now, verdict.expiresAt))
      this.#trusted.set(key, { verdict, evidence, policy, endsAt: after(at, left) })
    } else if (verdict.kind === 'refused' && followFromBytes.has(verdict.code)) {
      const endsAt = after(at, this.#refusalSpan)
      this.#refused.set(shown, { verdict, evidence, policy, endsAt })
    }
  }

  #forget(isGone: (held: Held<Verdict>) => boolean): void {
    dropWhere(this.#trusted, isGone)
    dropWhere(this.#refused, isGone)
  }
}

function freshIn<K, V extends Verdict>(
  map: BoundedMap<K, Held<V>>,
  key: K,
  at: Instant,
): V | undefined {
  const held = map.get(key)
  if (held === undefined) return undefined
  if (at < held.endsAt) return held.verdict
  map.delete(key)
  return undefined
}

function dropWhere<K, V extends Verdict>(
  map: BoundedMap<K, Held<V>>,
  isGone: (held: Held<Verdict>) => boolean,
): void {
  for (const key of [...map.keys()]) {
    const held = map.peek(key)
    if (held !== undefined && isGone(held)) map.delete(key)
  }
}

function keyOf(appraisal: Appraisal, shown: string): string {
  const expected = toHex(appraisal.expectedReportData)
  return [shown, appraisal.policy.digest, expected].join(' ')
}
