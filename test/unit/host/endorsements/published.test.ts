/** Documents that the vendors really handed out, read under the vendors' own roots. */
import { expect, test } from 'vitest'
import type { Endorsement } from '../../../../src/attestation/endorsements.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { amdEndorser } from '../../../../src/host/endorsements/amd.ts'
import { intelBase, intelEndorser } from '../../../../src/host/endorsements/intel.ts'
import { absence, areVectorsAbsent, vectorBytes } from '../../../fixtures/vectors.ts'

const intel = intelEndorser({ base: intelBase, anchors: vendorKeysOf('tdx') })
const amd = amdEndorser({ base: 'https://kds.test', anchors: vendorKeysOf('sev-snp') })
const file = (kind: Endorsement['kind'], path: string): Endorsement => ({
  kind,
  bytes: vectorBytes(path),
})

test.skipIf(areVectorsAbsent).each([
  ['tdx', '90c06f000000', '2026-02', 18],
  ['tdx', '50806f000000', '2023-06', undefined],
  ['sgx', '00606a000000', '2025-08', undefined],
])(`collateral of Intel for %s %s of %s is read${absence}`, (tee, fmspc, month, number) => {
  const folder = `${tee}/collateral/${tee}-${fmspc}-${month}`
  const chain = file('certificates', `${folder}/tcb_signing_chain.pem`)
  const info = intel.request(`tcb-info ${tee} ${fmspc}`)
  const read = info?.read([file('tcb-info', `${folder}/tcb_info.json`), chain])
  expect(read?.endsAt).toBeGreaterThan(read?.issuedAt ?? 0)
  if (number !== undefined) expect(read?.evaluationNumber).toBe(number)
  const identity = intel.request(`qe-identity ${tee}`)
  expect(identity?.read([file('qe-identity', `${folder}/qe_identity.json`), chain])).toBeDefined()
  const rootList = intel.request('crl root')
  expect(rootList?.url).toMatch(/IntelSGXRootCA\.der$/)
  expect(rootList?.read([file('crl', `${folder}/root_ca_crl.der`)])).toBeDefined()
  const foreign = intelEndorser({ base: intelBase, anchors: vendorKeysOf('nitro') })
  const readForeign = (): unknown =>
    foreign
      .request(`tcb-info ${tee} ${fmspc}`)
      ?.read([file('tcb-info', `${folder}/tcb_info.json`), chain])
  expect(readForeign).toThrow('expected')
})

test.skipIf(areVectorsAbsent).each(['Milan', 'Genoa', 'Turin'])(
  `authorities and list of AMD for %s are read${absence}`,
  product => {
    const at = product.toLowerCase()
    const chain = concatBytes(
      vectorBytes(`roots/amd-ask-${at}.pem`),
      vectorBytes(`roots/amd-ark-${at}.pem`),
    )
    const request = amd.request(`certificates vcek ${product}`)
    expect(request?.read([{ kind: 'certificates', bytes: chain }])).toBeDefined()
    const list = amd.request(`crl vcek ${product}`)
    const read = list?.read([file('crl', `roots/amd-crl-${at}.der`)])
    expect(read?.endsAt).toBeGreaterThan(read?.issuedAt ?? 0)
  },
)

test.skipIf(areVectorsAbsent)(`the certificate of a chip of AMD is read${absence}`, () => {
  const name = `certificates vcek Milan ${'ab'.repeat(64)} blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219`
  const bytes = vectorBytes('sev-snp/virtee-milan.vcek.der')
  expect(amd.request(name)?.read([{ kind: 'certificates', bytes }])).toBeDefined()
})
