import { type Clock, instant, timestamp } from '../base/time.ts'

/** The clocks of this machine. `performance.now` counts from the start of the process and never goes back. */
export const systemClock: Clock = {
  monotonic: () => instant(performance.now()),
  wall: () => timestamp(Date.now()),
}
