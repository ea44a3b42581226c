/**
 * libp2p measures how long its requests take by the wall clock, which a host may set back by years. One such
 * jump makes the weight of a measurement negative and infinite, from then on every timeout is not a number, and
 * every question to a routing table ends at once, until the process ends (@libp2p/utils 7.4.1, MovingAverage).
 */
import { MovingAverage } from '@libp2p/utils'

const { alpha } = MovingAverage.prototype

/** Makes every moving average of libp2p in this process take a time before the last one for the same time. */
export function outliveClockJumps(): void {
  MovingAverage.prototype.alpha = function (this: MovingAverage, time: number, last: number) {
    return alpha.call(this, Math.max(time, last), last)
  }
}
