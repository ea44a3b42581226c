/** What a node signs before anybody has said what it shall. */
import { expect, test } from 'vitest'
import type { Digest, NodeId } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { minutes } from '../../../src/base/time.ts'
import { firstPolicy, PolicyInForce } from '../../../src/node/signing-policy.ts'
import { FakeSigning } from '../../fakes/signing.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

test('outside of a testnet nothing is signed and no ceremony joined until the application says what', () => {
  const asker = 'a node' as NodeId
  const { group } = new FakeSigning(asker)
  const asked = { asker, group, message: new Uint8Array(1), lock: null }
  const { suite, threshold, clonesMax, locks } = group
  const proposed = {
    ...{ proposer: asker, suite, threshold, clonesMax, locks, signers: [asker] },
    ...{ purpose: 'payouts', predecessor: { ...group, group: 'ab' as Digest } },
  }
  for (const testnet of [true, false]) {
    const policy = firstPolicy({ testnet })
    expect([policy.signs(asked), policy.joins(proposed)]).toEqual([testnet, testnet])
  }
})

test('what a policy throws is a no, and is logged once a minute by its name, without what it quotes', async () => {
  const time = new VirtualTime()
  const logged: unknown[] = []
  const log = {
    ...silentLogger,
    error: (text: string, facts?: object) => logged.push([text, facts]),
  }
  const policy = new PolicyInForce(firstPolicy({ testnet: true }), { log, clock: time.clock })
  const asks = (): boolean => policy.says(() => JSON.parse('pay Anna 5'))
  const complaint = ['the signing policy threw', { error: 'SyntaxError' }]
  expect([asks(), asks(), asks()]).toEqual([false, false, false])
  expect(logged).toEqual([complaint])
  await time.advance(minutes(1))
  expect(asks()).toBe(false)
  expect(logged).toEqual([complaint, complaint])
})
