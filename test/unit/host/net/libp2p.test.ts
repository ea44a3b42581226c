import { silentLogger } from '../../../../src/base/log.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import { openNet } from '../../../../src/host/net/libp2p.ts'
import { netLimits } from '../../../../src/host/net/options.ts'
import { systemRandom } from '../../../../src/host/random.ts'
import { systemTimers } from '../../../../src/host/timers.ts'
import { netConforms } from '../../../conformance/net.ts'

netConforms('the network on libp2p', () => ({
  open: (admission, handlers, bootstrap) =>
    openNet(
      { listen: ['/ip4/127.0.0.1/tcp/0'], announce: [], bootstrap, limits: netLimits.local },
      {
        ...admission.secrets(),
        admission,
        handlers,
        log: silentLogger,
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom,
      },
    ),
  until: async (condition, limit = 15_000 as never) => {
    const end = Date.now() + limit
    while (!condition()) {
      if (Date.now() > end) throw new Error(`not so within ${limit} ms`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  },
  pass: span => new Promise(resolve => setTimeout(resolve, span)),
  now: () => Date.now(),
  end: async () => {},
}))
