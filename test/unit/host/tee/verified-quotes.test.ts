/** What attesters hand on is what verifiers accept: devices that answer with forged evidence, and the verifiers of their platforms. */

import type { Verification } from '../../../../src/attestation/claims.ts'
import { equalBytes } from '../../../../src/base/bytes.ts'
import { ConfigfsAttester } from '../../../../src/host/tee/configfs.ts'
import { GramineAttester } from '../../../../src/host/tee/gramine.ts'
import { attesterConforms } from '../../../conformance/attester.ts'
import { FakeConfigfs, fakeConfigfsRoot } from '../../../fakes/configfs.ts'
import { FakeGramine, fakeGramineRoot } from '../../../fakes/gramine.ts'
import { ask, authority } from '../../../fixtures/dcap.ts'
import { snpAuthorities, verifySnp } from '../../../fixtures/sev-snp.ts'
import { dcapQuote } from '../../../forge/dcap.ts'
import { snpEvidence, snpTable } from '../../../forge/sev-snp.ts'

const claimsCarry = (verification: Verification, data: Uint8Array): boolean =>
  verification.kind === 'claims' && equalBytes(verification.claims.reportData, data)

attesterConforms('configfs-tsm of SEV-SNP, before its verifier', async () => {
  const snp = snpAuthorities.Milan
  const { certificate } = snpEvidence(snp)
  const table = snpTable([
    ['strange', new Uint8Array(9)],
    ['ark', snp.ark],
    ['vcek', certificate],
    ['ask', snp.ask],
  ])
  const fake = new FakeConfigfs({
    provider: 'sev_guest',
    outblob: reportData => snpEvidence(snp, { reportData }).report,
    auxblob: () => Buffer.concat([table, Buffer.alloc(4096)]),
  })
  return {
    attester: new ConfigfsAttester(fake, { platform: 'sev-snp', root: fakeConfigfsRoot }),
    carries: ({ body }, data) => claimsCarry(verifySnp({ body }), data),
  }
})

attesterConforms('configfs-tsm of TDX, before its verifier', async () => {
  const outblob = (reportData: Uint8Array): Uint8Array =>
    Buffer.concat([dcapQuote(authority, { form: 'v5', reportData }), Buffer.alloc(2000)])
  const fake = new FakeConfigfs({ provider: 'tdx_guest', outblob })
  return {
    attester: new ConfigfsAttester(fake, { platform: 'tdx', root: fakeConfigfsRoot }),
    carries: ({ body }, data) => claimsCarry(ask('tdx', { request: { body } }).verification, data),
  }
})

attesterConforms('Gramine, before its verifier', async () => {
  const enclave = new FakeGramine()
  enclave.quote = reportData => dcapQuote(authority, { form: 'v3', reportData })
  return {
    attester: new GramineAttester(enclave, fakeGramineRoot),
    carries: ({ body }, data) => claimsCarry(ask('sgx', { request: { body } }).verification, data),
  }
})
