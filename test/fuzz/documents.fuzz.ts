/** Manifests, certificates, configuration, addresses and requests: what is parsed outside of src/wire and is no evidence of hardware. */

import { createApp } from '../../src/api/app.ts'
import { appraise } from '../../src/attestation/appraise.ts'
import {
  encodeCustodyEnvelope,
  parseCustodyEnvelope,
} from '../../src/attestation/custody/approvals.ts'
import { noEndorsements } from '../../src/attestation/endorsements.ts'
import { encodeManifest, parseManifest } from '../../src/attestation/manifest.ts'
import { parseEnvelope } from '../../src/attestation/manifest-approval.ts'
import { parseCertificate } from '../../src/attestation/x509.ts'
import { parseDer } from '../../src/attestation/x509-der.ts'
import { parseEcKey } from '../../src/attestation/x509-keys.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { InvariantError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { parseGenesis } from '../../src/cli/genesis-file.ts'
import { parseAddress } from '../../src/host/net/addresses.ts'
import { fromPem } from '../../src/host/tee/pem.ts'
import { parseSettings } from '../../src/node/config.ts'
import { keyReportData } from '../../src/wire/evidence.ts'
import { manifestApprovals } from '../fakes/custody-people.ts'
import { FakeNode } from '../fakes/node.ts'
import { testGenesis } from '../fixtures/genesis.ts'
import { custodyManifest, testHolders } from '../fixtures/holders.ts'
import { epoch, testNetwork, testNode } from '../fixtures/network.ts'
import { fuzz, type Target, typed } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const fixture = testNetwork()
const holders = testHolders(3)
const custody = custodyManifest(holders)
const node = await testNode(fixture, 'fuzzed')
const genesis = await testGenesis({ network: fixture, node, holders: testHolders(2) })
const chain = node.machine.chain.map(pem => fromPem(pem) ?? new Uint8Array(0))
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const app = createApp(new FakeNode(), {
  log: silentLogger,
  telemetry: { exposition: async () => '', loopLag: () => 0 },
  loudness: { level: 'info' },
  desk: '',
  page: new Map(),
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
  parseCustodyEnvelope: [
    encodeCustodyEnvelope({ manifest: custody, approvals: manifestApprovals(holders, custody) }),
  ],
  parseGenesis: [utf8(JSON.stringify(genesis.answer))],
  parseDer: chain,
  parseCertificate: chain,
  parseEcKey: [...chain, new Uint8Array(120)],
  'appraise of simulated evidence': [node.evidence.body],
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
  parseCustodyEnvelope: typed(parseCustodyEnvelope),
  parseGenesis: typed(bytes => parseGenesis('genesis.json', bytes)),
  parseDer: typed(parseDer),
  parseCertificate: typed(parseCertificate),
  parseEcKey: typed(parseEcKey),
  'appraise of simulated evidence': typed(body =>
    appraise({ ...appraisal, evidence: { ...node.evidence, body } }),
  ),
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
