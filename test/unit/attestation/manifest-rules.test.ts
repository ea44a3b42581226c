import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { vendorAnchors } from '../../../src/attestation/platforms.ts'
import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import {
  anchor,
  digest,
  judge,
  measurement,
  member,
  production,
  set,
  tcbRule,
  testnet,
  withFounding,
  withJoin,
} from '../../fixtures/manifests.ts'

const owner = { name: 'ann', key: member(9), instances: [digest(1)] }
const client = { name: 'app', key: member(8), rights: ['read'], prefixes: [''] } as const
const rule = testnet.write[0]!

test.each<[string, Manifest]>([
  ['THRESHOLD_NOT_MAJORITY', { ...testnet, manifestSet: set(4, 2) }],
  ['THRESHOLD_NOT_MAJORITY', withFounding(testnet, { manifestSet: set(2, 1) })],
  ['THRESHOLD_NOT_MAJORITY', { ...testnet, manifestSet: set(3, 4) }],
  ['THRESHOLD_UNREACHABLE', { ...testnet, shareSet: set(3, 4) }],
  ['THRESHOLD_UNREACHABLE', withFounding(testnet, { shareSet: set(3, 4) })],
  ['THRESHOLD_UNREACHABLE', { ...testnet, governance: { voters: set(1, 2), votingMs: 60_000 } }],
  ['ANCHOR_WITHOUT_TESTNET', withFounding(production, { anchors: [anchor] })],
  ['TESTNET_WITHOUT_ANCHOR', withFounding(testnet, { anchors: [] })],
  ['SIMULATED_WITHOUT_TESTNET', withFounding(testnet, { testnet: false, anchors: [] })],
  ['MEASUREMENT_WITHOUT_ANCHOR', withFounding(production, { testnet: true, anchors: [anchor] })],
  ['MEASUREMENT_TWICE', withJoin(testnet, { measurements: [measurement, measurement] })],
  [
    'REGISTER_UNKNOWN',
    withJoin(testnet, { measurements: [{ ...measurement, registers: { mesurement: '11' } }] }),
  ],
  [
    'REGISTER_LENGTH',
    withJoin(testnet, { measurements: [{ ...measurement, registers: { measurement: '11' } }] }),
  ],
  ['REGISTER_MISSING', withJoin(testnet, { measurements: [{ ...measurement, registers: {} }] })],
  [
    'WINDOW_EMPTY',
    withJoin(testnet, { measurements: [{ ...measurement, validUntil: measurement.validFrom }] }),
  ],
  ['TCB_RULE_TWICE', withJoin(testnet, { tcb: [tcbRule, tcbRule] })],
  [
    'PRIVILEGE_LEVELS_MISPLACED',
    withJoin(testnet, { tcb: [{ ...tcbRule, privilegeLevels: [0] }] }),
  ],
  [
    'PRIVILEGE_LEVELS_MISPLACED',
    withJoin(production, { tcb: [{ ...production.join.tcb[0]!, privilegeLevels: [] }] }),
  ],
  ['EVALUATION_MISPLACED', withJoin(testnet, { tcb: [{ ...tcbRule, evaluationMin: 1 }] })],
  ['TCB_RULE_MISSING', withJoin(testnet, { tcb: [] })],
  ['TCB_COMPONENT_UNKNOWN', withJoin(testnet, { tcb: [{ ...tcbRule, minimum: { snpp: 1 } }] })],
  [
    'OWNER_TWICE',
    withJoin(testnet, { owners: [owner, { ...owner, name: 'bob', key: member(7) }] }),
  ],
  ['OWNER_TWICE', withJoin(testnet, { owners: [owner, { ...owner, name: 'bob', instances: [] }] })],
  [
    'OWNER_TWICE',
    withJoin(testnet, { owners: [owner, { ...owner, key: member(7), instances: [] }] }),
  ],
  ['COMMITTEE_IMPOSSIBLE', { ...testnet, committee: { n: 3, r: 3, diversity: 1 } }],
  ['COMMITTEE_IMPOSSIBLE', { ...testnet, committee: { n: 3, r: 0, diversity: 4 } }],
  ['WRITE_RULE_TWICE', { ...testnet, write: [rule, rule] }],
  [
    'CLIENT_TWICE',
    { ...testnet, api: { ...testnet.api, clients: [client, { ...client, name: 'b' }] } },
  ],
  [
    'CLIENT_TWICE',
    { ...testnet, api: { ...testnet.api, clients: [client, { ...client, key: member(7) }] } },
  ],
  ['LOOPBACK_OUTSIDE_GUEST', { ...testnet, api: { ...testnet.api, guestLoopback: true } }],
  ['DEPARTED_BELOW_SHARE', { ...testnet, limits: { ...testnet.limits, departedEntries: 1_000 } }],
  ['DEPARTED_BELOW_SHARE', { ...testnet, limits: { ...testnet.limits, departedBytes: 1_048_576 } }],
  ['LEASE_TOO_SHORT', { ...testnet, liveness: { ...testnet.liveness, leaseMs: 2_999 } }],
])('a broken rule is %s and explained in a sentence', (code, manifest) => {
  const refusal = judge(manifest)
  expect(refusal?.code).toBe(code)
  expect(refusal?.facts['reason']).toMatch(/^[A-Za-z0-9].{15,}[.?]$/)
})

test('guest loopback is allowed where every measurement is of a confidential VM', () => {
  expect(judge({ ...production, api: { ...production.api, guestLoopback: true } })).toBeUndefined()
})

test('a testnet may not name the root of a vendor as its anchor', () => {
  // The rule compares digests of keys, so the test needs a key with a vendor's digest: the root of Intel
  // (SubjectPublicKeyInfo of the certificate that Intel publishes as Intel_SGX_Provisioning_Certification_RootCA).
  const intel =
    '3059301306072a8648ce3d020106082a8648ce3d030107034200040ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f567918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394'
  const keyDigest = toHex(sha256(fromHex(intel)!))
  expect(vendorAnchors.map(each => each.keyDigest)).toContain(keyDigest)
  const refusal = judge(withFounding(testnet, { anchors: [{ ...anchor, publicKey: intel }] }))
  expect(refusal).toMatchObject({
    code: 'VENDOR_ANCHOR_IN_TESTNET',
    facts: { anchor: 'Intel SGX Root CA' },
  })
})
