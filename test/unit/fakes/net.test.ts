import { netConforms } from '../../conformance/net.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { FakeNetwork } from '../../fakes/network.ts'
import { VirtualTime, virtualEpoch } from '../../fakes/virtual-time.ts'

netConforms('the network in memory', () => {
  const time = new VirtualTime()
  const network = new FakeNetwork({
    clock: time.clock,
    timers: time.timers,
    random: seededRandom(7),
  })
  let count = 0
  return {
    open: async (admission, handlers, bootstrap) =>
      network.open({ listen: `/memory/${count++}`, bootstrap, admission, handlers }),
    until: (condition, limit) => time.until(condition, limit),
    pass: span => time.advance(span),
    now: () => virtualEpoch + time.now,
    end: async () => {},
  }
})
