/** When a document is asked for again. */
import { below, type Random } from '../../base/random.ts'
import {
  between,
  type Duration,
  days,
  hours,
  milliseconds,
  minutes,
  seconds,
  type Timestamp,
} from '../../base/time.ts'
import type { KeptDocument } from './endorser.ts'

/** Vendors revoke and recover at any time, whatever the date until which a document counts. */
const renewEvery = { collateral: hours(24), certificates: days(14) }
/** A document that ends so soon is asked for no more often. */
const renewalMin = minutes(10)

const backOff = {
  later: { first: seconds(5), last: hours(1) },
  'not-so': { first: minutes(10), last: hours(24) },
} as const
/** Whoever asks for more patience than this will not be there then. */
const retryAfterMax = hours(24)

/** A span between `low` and `low + share` parts of `span`: many nodes that began together shall not ask together. */
function spread(
  span: number,
  { low, share }: { low: number; share: number },
  random: Random,
): number {
  return span * (low + (share * below(random, 1_000)) / 1_000)
}

/** How long a good document rests: well before its end, and not for ever. */
export function renewalAfter(document: KeptDocument, now: Timestamp, random: Random): Duration {
  const isCollateral = document.items.some(({ kind }) => kind !== 'certificates')
  const longest = isCollateral ? renewEvery.collateral : renewEvery.certificates
  const left = Math.max(0, between(now, document.endsAt))
  const span = Math.min(longest, left * 0.8)
  return milliseconds(
    Math.max(renewalMin, Math.floor(spread(span, { low: 0.6, share: 0.4 }, random))),
  )
}

/** How long after the failure number `failures`, from 1 on, the next try waits; never less than the source asks for. */
export function retryAfter(
  failure: { readonly kind: keyof typeof backOff; readonly retryAfter?: Duration | undefined },
  failures: number,
  random: Random,
): Duration {
  const { first, last } = backOff[failure.kind]
  const span = Math.min(last, first * 2 ** Math.min(failures - 1, 20))
  const asked = Math.min(failure.retryAfter ?? 0, retryAfterMax)
  return milliseconds(Math.floor(asked + spread(span, { low: 0.5, share: 0.5 }, random)))
}
