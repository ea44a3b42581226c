import { expect, test } from 'vitest'
import type { ParsedManifest } from '../../../src/attestation/manifest.ts'
import { policyOf } from '../../../src/attestation/policy.ts'
import { makeTestnetAuthority } from '../../../src/host/tee/machine.ts'
import { epoch, nextManifest, testNetwork, testNode } from '../../fixtures/network.ts'

const network = testNetwork()
const node = await testNode(network, 'a')

test('a policy digest changes with what appraisal reads and with nothing else', () => {
  const { digest } = network.policy
  const changed = (change: Parameters<typeof nextManifest>[1]) =>
    nextManifest(network, change).policy.digest
  expect(changed(manifest => ({ ...manifest, light: { quorum: 5 } }))).toBe(digest)
  const join = [
    { pins: [node.instance] },
    { evidenceAgeMs: 5_000 },
    { measurements: [] },
    { tcb: [] },
  ]
  const digests = join.map(change => {
    const measurements = 'tcb' in change ? { measurements: [] } : {}
    return changed(manifest => ({
      ...manifest,
      join: { ...manifest.join, ...measurements, ...change },
    }))
  })
  expect(new Set([digest, ...digests]).size).toBe(join.length + 1)
  const otherRoot = testNetwork({ authority: makeTestnetAuthority(epoch) })
  expect(otherRoot.policy.digest).not.toBe(digest)
})

test('without the testnet flag a policy has no anchor, even if the rule against it were broken', () => {
  const founding = { ...network.manifest.founding, testnet: false }
  const unruly = { ...network.manifest, founding } as ParsedManifest
  expect(founding.anchors).toHaveLength(1)
  expect(policyOf(unruly).testAnchors).toEqual([])
  expect(policyOf(network.manifest).testAnchors).toHaveLength(1)
})
