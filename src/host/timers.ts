import { assert } from '../base/errors.ts'
import type { Timers } from './port.ts'

/** Node's timers take 31 bits of milliseconds and fire at once beyond that. */
const spanMax = 2 ** 31 - 1

/** The timers of this process. An exception in an action is a bug and ends the process, as it should. */
export const systemTimers: Timers = {
  after(span, action) {
    assert(span >= 0 && span <= spanMax, 'a timer waits between 0 and 2^31 - 1 ms')
    const timer = setTimeout(action, span)
    return () => clearTimeout(timer)
  },
}
