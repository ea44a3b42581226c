import { expect, test } from 'vitest'
import type { GenesisAnswer } from '../../../../src/protocol/custody/types.ts'
import { entryOf, openedShare, termsOf } from '../../../fakes/custody-people.ts'
import { CustodyWorld } from '../../../fakes/custody-world.ts'
import { testHolders } from '../../../fixtures/holders.ts'

test('genesis, two shares of three, and the key is whole', async () => {
  const world = new CustodyWorld()
  const node = world.boot('one')
  const holders = testHolders(3)
  const genesis = (await world.call(node, {
    kind: 'genesisBoot',
    terms: termsOf(holders, 2),
  })) as GenesisAnswer
  expect(genesis.kind).toBe('genesis')
  expect(world.unwiped()).toBe(0)
  const shares = holders.slice(0, 2).map(holder =>
    entryOf({
      holder,
      share: openedShare(holder, genesis),
      manifest: genesis.envelope.manifest,
      attestation: genesis.attestation,
    }),
  )
  const answer = await world.call(node, {
    kind: 'injectShares',
    namespace: { name: 'qos-namespace', nonce: 12345 },
    shares,
    approvals: [],
  })
  expect(answer).toMatchObject({
    isProvisioned: true,
    accepted: ['member1', 'member2'],
    refused: [],
  })
  expect(node.custody.view().phase).toBe('ApplicationReady')
})
