import { expect, test } from 'vitest'
import { appraise } from '../../../src/attestation/appraise.ts'
import { noEndorsements } from '../../../src/attestation/endorsements.ts'
import { keyReportData } from '../../../src/wire/evidence.ts'
import { epoch, testNetwork, testNode } from '../../fixtures/network.ts'

test('a node of the network is trusted', async () => {
  const net = testNetwork()
  const node = await testNode(net, 'a')
  const v = appraise({
    evidence: node.evidence,
    expectedReportData: keyReportData(net.network, 'simulated', node.keys),
    endorsements: noEndorsements,
    policy: net.policy,
    now: epoch,
  })
  expect(v.kind).toBe('trusted')
})
