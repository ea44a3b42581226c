/** Whether a share may go to a node. */
import { expect, test } from 'vitest'
import { believeBoot, believeGenesis } from '../../../../src/attestation/custody/attested-node.ts'
import { custodyManifestHash } from '../../../../src/attestation/custody/custody-manifest.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { after, days } from '../../../../src/base/time.ts'
import { bootAttestationCodec } from '../../../../src/wire/custody.ts'
import { testGenesis } from '../../../fixtures/genesis.ts'
import { testHolders } from '../../../fixtures/holders.ts'
import { epoch, testNetwork, testNode } from '../../../fixtures/network.ts'

async function genesis() {
  const network = testNetwork({ seed: 'custody' })
  const node = await testNode(network, 'a')
  const made = await testGenesis({ network, node, holders: testHolders(3) })
  const attestation = bootAttestationCodec.decode(Uint8Array.from(made.answer.attestation_doc))
  const { policy } = network
  const basis = { network: network.network, policy, endorsements: noEndorsements, now: epoch }
  return { network, node, made, attestation, basis }
}

test('the node that made an output is believed by its evidence, and its attested key is where a share may go', async () => {
  const { node, made, attestation, basis } = await genesis()
  const found = believeGenesis(made.output, attestation, basis)
  expect(found).toMatchObject({
    node: node.id,
    kemKey: node.keys.kem,
    verdict: { instance: node.instance },
  })
})

test('evidence about a genesis is none about a boot', async () => {
  const { made, attestation, basis } = await genesis()
  const found = believeBoot(custodyManifestHash(made.output.manifest), attestation, basis)
  expect(found).toMatchObject({ code: 'REPORT_DATA_MISMATCH' })
})

test('another KEM key under the same identity is not attested', async () => {
  const { made, attestation, basis } = await genesis()
  const { record } = attestation
  const keys = { ...record.keys, kem: record.keys.kem.map(byte => byte ^ 1) }
  const bent = { ...attestation, record: { ...record, keys } }
  expect(believeGenesis(made.output, bent, basis)).toMatchObject({ code: 'POSSESSION_INVALID' })
})

test('evidence is worth what the policy says at the time: after its end, and for other software, nothing', async () => {
  const { made, attestation, basis } = await genesis()
  const late = { ...basis, now: after(epoch, days(400)) }
  expect(believeGenesis(made.output, attestation, late)).toMatchObject({ code: 'EVIDENCE_EXPIRED' })
  const strict = { ...basis, policy: { ...basis.policy, measurements: [] } }
  expect('code' in believeGenesis(made.output, attestation, strict)).toBe(true)
})
