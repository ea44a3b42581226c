/** What one member may ask of a signer. */
import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { milliseconds } from '../../../src/base/time.ts'
import { SigningDriver } from '../../../src/node/drivers/signing.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import { statementCodec } from '../../../src/wire/signing-statement.ts'
import { noncesPerOffer } from '../../../src/wire/threshold-signing.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { TestSigner } from '../../fakes/signing-network.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

test('a request for nonces costs as many messages as it may bring pairs, for as long as it is asked', async () => {
  const time = new VirtualTime()
  const { clock, timers } = time
  const [self, asker] = [new TestSigner('a', 1), new TestSigner('b', 2)]
  const network = new Uint8Array(32)
  const dropped: string[] = []
  const driver = new SigningDriver({
    ...{ network, self: self.id, identity: self.identity, sign: self.sign },
    host: { clock, timers },
    events: new EventLog({ clock, log: silentLogger }),
    random: seededRandom(1),
    pace: { patience: milliseconds(1_000), repeat: milliseconds(100) },
    decapsulate: () => undefined,
    attested: () => undefined,
    permits: () => true,
    joins: () => true,
    made: () => undefined,
    gaveUp: () => undefined,
    net: () => ({ tell: () => Promise.resolve() }),
    // What was paid for comes as far as this, and no further.
    isMember: () => false,
    faulted: (_, code) => expect.unreachable(code),
    dropped: why => dropped.push(why),
  })
  const frame = statementCodec.encode({
    ...{ network, subject: new Uint8Array(32), epoch: 1, session: new Uint8Array(16) },
    ...{ kind: 'nonce-request', sender: asker.identity, body: new Uint8Array(0) },
    signature: new Uint8Array(64),
  })
  const tenMilliseconds = Array.from({ length: 1_000 })
  for (const _ of tenMilliseconds) {
    for (let i = 0; i < 2; i++) driver.told(frame, asker.id)
    await time.advance(10)
  }
  const paid = dropped.filter(why => why === 'unknown').length
  // Five seconds' worth of 500 at once, and ten seconds of them.
  expect(dropped).toHaveLength(2_000)
  expect(paid).toBeLessThanOrEqual((15 * 500) / noncesPerOffer)
  expect(paid).toBeGreaterThan(100)
})
