/** Manifests, certificates, evidence, configuration, addresses and requests: all that is parsed outside of src/wire. */

import { createApp } from '../../src/api/app.ts'
import { appraise } from '../../src/attestation/appraise.ts'
import { parseEnclaveIdentity, parseTcbInfo } from '../../src/attestation/dcap/tcb-info.ts'
import { sgxAppraiser, tdxAppraiser } from '../../src/attestation/dcap/verify.ts'
import { type Endorsements, noEndorsements } from '../../src/attestation/endorsements.ts'
import { encodeManifest, parseManifest } from '../../src/attestation/manifest.ts'
import { parseEnvelope } from '../../src/attestation/manifest-approval.ts'
import { nitroAppraiser } from '../../src/attestation/nitro/verify.ts'
import { certificatesOfPem } from '../../src/attestation/pem.ts'
import { parseRevocationList } from '../../src/attestation/revocation-list.ts'
import { parseCertificateTable } from '../../src/attestation/sev-snp/certificate-table.ts'
import { sevSnpAppraiser } from '../../src/attestation/sev-snp/verify.ts'
import { parseCertificate } from '../../src/attestation/x509.ts'
import { parseDer } from '../../src/attestation/x509-der.ts'
import { parseEcKey } from '../../src/attestation/x509-keys.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { InvariantError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { recognised } from '../../src/host/endorsements/files.ts'
import { parseAddress } from '../../src/host/net/addresses.ts'
import { fromPem } from '../../src/host/tee/pem.ts'
import { parseSettings } from '../../src/node/config.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { FakeNode } from '../fakes/node.ts'
import { ask, authority as dcapAuthority } from '../fixtures/dcap.ts'
import { epoch, testNetwork, testNode } from '../fixtures/network.ts'
import { forged, verify } from '../fixtures/nitro.ts'
import { certificates, crl, snpAuthorities, verifySnp } from '../fixtures/sev-snp.ts'
import { dcapQuote } from '../forge/dcap.ts'
import { dcapCollateral, identityForm, tcbInfoForm } from '../forge/dcap-collateral.ts'
import { asPem, snpCrl, snpEvidence } from '../forge/sev-snp.ts'
import { fuzz, type Target, typed } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const fixture = testNetwork()
const node = await testNode(fixture, 'fuzzed')
const chain = node.machine.chain.map(pem => fromPem(pem) ?? new Uint8Array(0))
const nitroBodies = [forged(), forged({ isOpen: true, isTagged: true, nonce: new Uint8Array(32) })]
const snp = snpEvidence(snpAuthorities.Milan)
const snpBodies = [snp.body, snpEvidence(snpAuthorities.Milan, { version: 5, kind: 'vlek' }).body]
const snpList = snpCrl(snpAuthorities.Milan, { revoked: ['0badc0de'] })
const snpChain = [snp.certificate, snpAuthorities.Milan.ask]
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const dcapBodies = (['v3', 'v4', 'v5', 'v5-later'] as const).map(form =>
  dcapQuote(dcapAuthority, { form }),
)
const collateral = dcapCollateral(dcapAuthority, { tee: 'tdx' })
/** The same bytes as a document of every kind. */
const allOf = (bytes: Uint8Array): Endorsements => ({
  items: Object.values(collateral).map(({ kind }) => ({ kind, bytes })),
})

const app = createApp(new FakeNode(), {
  log: silentLogger,
  telemetry: { exposition: async () => '', loopLag: () => 0 },
  loudness: { level: 'info' },
  signal: new AbortController().signal,
  token: 'token',
  opensToHost: true,
  hosts: [],
  origins: [],
})

const appraisal = {
  expectedReportData: keyReportData(fixture.network, 'simulated', node.keys),
  endorsements: noEndorsements,
  policy: fixture.policy,
  now: epoch,
}

/** A request that no client of ours makes: it may be refused in any way but by a bug. */
async function request(bytes: Uint8Array): Promise<void> {
  const [line = '', ...rest] = text(bytes).split('\n')
  const [method = 'GET', path = '/'] = line.split(' ')
  let asked: Request
  try {
    const hasBody = !['GET', 'HEAD'].includes(method)
    asked = new Request(new URL(path, 'http://127.0.0.1:9000'), {
      method,
      headers: {
        host: '127.0.0.1:9000',
        authorization: 'Bearer token',
        'content-type': 'application/json',
      },
      ...(hasBody ? { body: rest.join('\n') } : {}),
    })
  } catch {
    // Not a request that HTTP can carry.
    return
  }
  const answer = await app.request(asked)
  // A watch answers with a stream that would stay open.
  await answer.body?.cancel()
  const { status } = answer
  if (status === 500) throw new InvariantError(`a request met a bug: ${line}`)
}

/** What each target is fed from: genuine documents of its kind. */
const samples: Readonly<Record<string, readonly Uint8Array[]>> = {
  parseManifest: [encodeManifest(fixture.manifest)],
  parseEnvelope: [fixture.envelopeBytes],
  parseDer: chain,
  parseCertificate: chain,
  parseEcKey: [...chain, new Uint8Array(120)],
  'appraise of simulated evidence': [node.evidence.body],
  'verification of Nitro evidence': nitroBodies,
  'fields of Nitro evidence': nitroBodies,
  'verification of SEV-SNP evidence': snpBodies,
  'fields of SEV-SNP evidence': snpBodies,
  'SEV-SNP evidence beside a certificate': snpChain,
  'SEV-SNP evidence beside a list': [snpList],
  parseCertificateTable: snpBodies.map(body => body.subarray(1184)),
  parseRevocationList: [snpList],
  certificatesOfPem: snpChain.map(asPem),
  'verification of SGX quotes': dcapBodies,
  'verification of TDX quotes': dcapBodies,
  'fields of quotes': dcapBodies,
  'collateral of Intel': Object.values(collateral).map(({ bytes }) => bytes),
  parseTcbInfo: [JSON.stringify(tcbInfoForm('tdx', dcapAuthority))].map(utf8),
  parseEnclaveIdentity: [JSON.stringify(identityForm('tdx', dcapAuthority))].map(utf8),
  'recognition of endorsements': [
    ...[snp.certificate, snpList, snp.body.subarray(1184)],
    ...[...snpChain.map(asPem), ...Object.values(collateral).map(({ bytes }) => bytes)],
    utf8('-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n'),
  ],
  fromPem: node.machine.chain.map(utf8),
  parseAddress: [
    '/ip4/127.0.0.1/tcp/9600',
    '/ip6/::1/tcp/9600',
    '/dns4/a.example/tcp/1/p2p/12D3',
  ].map(utf8),
  parseSettings: [
    '{"preset":"lan","listen":["/ip4/0.0.0.0/tcp/1"],"ackTimeout":"5s","found":true}',
    '{"httpPort":9000,"logLevel":"debug","dataDir":"/tmp/x"}',
  ].map(utf8),
  request: [
    'PUT /v1/state/a?ack=majority\n{"text":"x"}',
    'GET /v1/state?prefix=a&limit=10&after=b',
    'POST /v1/state/s/elements\n{"base64":"/w=="}',
    'GET /v1/status',
    'GET /metrics',
    'DELETE /v1/state/%2e%2e%2f',
    'POST /v1/removals\n{"items":["00"]}',
  ].map(utf8),
}

const targets: Readonly<Record<keyof typeof samples, Target>> = {
  parseManifest: typed(parseManifest),
  parseEnvelope: typed(parseEnvelope),
  parseDer: typed(parseDer),
  parseCertificate: typed(parseCertificate),
  parseEcKey: typed(parseEcKey),
  'appraise of simulated evidence': typed(body =>
    appraise({ ...appraisal, evidence: { ...node.evidence, body } }),
  ),
  'verification of Nitro evidence': typed(body => verify(body)),
  'fields of Nitro evidence': typed(nitroAppraiser.fieldsOf),
  'verification of SEV-SNP evidence': body => void verifySnp({ body }),
  'fields of SEV-SNP evidence': body => void sevSnpAppraiser.fieldsOf(body),
  'SEV-SNP evidence beside a certificate': bytes =>
    void verifySnp({ body: snp.report, items: [certificates(bytes)] }),
  'SEV-SNP evidence beside a list': bytes =>
    void verifySnp({ body: snp.body, items: [crl(bytes)] }),
  parseCertificateTable: typed(parseCertificateTable),
  parseRevocationList: typed(parseRevocationList),
  certificatesOfPem: typed(certificatesOfPem),
  'verification of SGX quotes': typed(body => ask('sgx', { request: { body } })),
  'verification of TDX quotes': typed(body => ask('tdx', { request: { body } })),
  'fields of quotes': typed(body => [sgxAppraiser.fieldsOf(body), tdxAppraiser.fieldsOf(body)]),
  'collateral of Intel': typed(bytes => ask('tdx', { request: { endorsements: allOf(bytes) } })),
  parseTcbInfo: typed(bytes => parseTcbInfo(text(bytes))),
  parseEnclaveIdentity: typed(bytes => parseEnclaveIdentity(text(bytes))),
  'recognition of endorsements': bytes => void recognised('a file', bytes),
  fromPem: bytes => void fromPem(text(bytes)),
  parseAddress: typed(bytes => parseAddress(text(bytes))),
  parseSettings: typed(bytes => parseSettings({ file: jsonOf(bytes) })),
  request,
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text(bytes))
  } catch {
    // The loader refuses what is not JSON before settings are looked at.
    return {}
  }
}

fuzz(Object.entries(targets), (draw: Draw, name) => mutate(samples[name] ?? [], draw))
