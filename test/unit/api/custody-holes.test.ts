/**
 * What the enclave that these routes come from let through (Renclave v2), each tried over HTTP against whole nodes, as its host would. The
 * table of holes is in docs/spec/custody.md; `test/unit/protocol/custody/holes.test.ts` tries the machine alone.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { CustodyEnvelope } from '../../../src/attestation/custody/approvals.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
} from '../../../src/attestation/custody/custody-manifest.ts'
import { bootReportData } from '../../../src/attestation/custody/genesis-output.ts'
import { exportKey, exportMessage } from '../../../src/attestation/custody/transfers.ts'
import { documentCodec, reportCodec } from '../../../src/attestation/simulated/document.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { QuorumKeys } from '../../../src/crypto/quorum-keys.ts'
import { bootAttestationCodec, keyExportCodec } from '../../../src/wire/custody.ts'
import { possessionMessage } from '../../../src/wire/member-record.ts'
import { manifestApprovals, openedShare, random } from '../../fakes/custody-people.ts'
import { CustodySite, type SiteNode } from '../../fakes/custody-site.ts'
import { type TestHolder, testHolders } from '../../fixtures/holders.ts'
import { testNode } from '../../fixtures/network.ts'

let site: CustodySite
afterEach(() => site.simulation.stop())

function alone(seed: number): Promise<SiteNode> {
  site = new CustodySite(seed)
  return site.startAlone()
}

/** One node with the key, one that was told its manifest. */
async function stage(seed: number) {
  site = new CustodySite(seed)
  const [from, to] = await site.start(2)
  if (from === undefined || to === undefined) throw new Error('two nodes were started')
  const made = await site.provision(from)
  const { manifest } = made.envelope
  const manifest_envelope = approved(manifest)
  const shared = await to.post('/enclave/share-manifest', { manifest_envelope })
  expect(shared.status).toBe(200)
  return { from, to, made, manifest, manifest_envelope }
}

const approved = (
  manifest: CustodyManifest,
  by: readonly TestHolder[] = site.holders.slice(0, 2),
): CustodyEnvelope => ({ manifest, approvals: manifestApprovals(by, manifest) })

async function exported({ from, to, manifest_envelope }: Awaited<ReturnType<typeof stage>>) {
  const attestation_doc = [...(await to.attestation())]
  const answer = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
  expect(answer.status).toBe(200)
  return answer.json.result.ExportKeyResponse as {
    encrypted_quorum_key: number[]
    signature: number[]
  }
}

const reportOf = (body: Uint8Array) => reportCodec.decode(documentCodec.decode(body).report)

describe('attestation was a struct that nobody signed, with registers out of the request', () => {
  test('registers and hashes that a caller names get into no attestation', async () => {
    const { to, manifest } = await stage(1)
    const hash = custodyManifestHash(manifest)
    for (const claimed of [
      { manifest_hash: new Array(32).fill(7), pcr_values: [[1], [2], [3], [4]] },
      { pcr0: 'ff'.repeat(48), pcr1: [], user_data: [1], public_key: [4], nonce: 5 },
    ]) {
      const { json } = await to.post('/enclave/generate-attestation', claimed)
      const { attestation_doc } = json.result.GenerateAttestationResponse
      const shown = bootAttestationCodec.decode(Uint8Array.from(attestation_doc))
      expect(toHex(shown.manifest)).toBe(hash)
      // What the machine itself measured is as in the evidence that let the node in.
      const { reportData, registers } = reportOf(shown.evidence.body)
      expect(toHex(reportData)).toBe(toHex(bootReportData('simulated', to.node.id, hash)))
      expect(registers).toEqual(reportOf(shown.record.evidence.body).registers)
    }
  })

  test('what no TEE signed moves no key, and neither does evidence of another manifest or of other keys', async () => {
    const { from, to, manifest, manifest_envelope } = await stage(2)
    const shown = bootAttestationCodec.decode(await to.attestation())
    const document = documentCodec.decode(shown.evidence.body)
    const body = documentCodec.encode({ ...document, signature: new Uint8Array(64) })
    const unsigned = { ...shown, evidence: { platform: 'simulated', body } }
    const stale = { ...shown, evidence: shown.record.evidence }
    const { keys } = shown.record
    const kem = keys.kem.toReversed()
    const swapped = { ...shown, record: { ...shown.record, keys: { ...keys, kem } } }
    for (const forged of [unsigned, stale, swapped]) {
      const attestation_doc = [...bootAttestationCodec.encode(forged)]
      const answer = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
      expect([answer.status, answer.json.code]).toEqual([422, 'EVIDENCE_REFUSED'])
    }
    const other = { ...manifest, namespace: { ...manifest.namespace, nonce: 12346 } }
    const attestation_doc = [...bootAttestationCodec.encode(shown)]
    const answer = await from.post('/enclave/export-key', {
      manifest_envelope: approved(other),
      attestation_doc,
    })
    expect(answer.json.code).toBe('MANIFEST_MISMATCH')
  })
})

test('freshness went by the clock of the host: here by an answer to a challenge of now', async () => {
  const { from, to, manifest_envelope } = await stage(3)
  const attestation_doc = [...(await to.attestation())]
  site.simulation.network.partition([from.node.id], [to.node.id])
  const answer = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
  expect(['NOT_FRESH', 'NOT_A_MEMBER']).toContain(answer.json.code)
  expect([403, 503]).toContain(answer.status)
})

test('the key went to whoever brought a document: here to an attested member of the network alone', async () => {
  const { from, manifest, manifest_envelope } = await stage(4)
  const { fixture } = site.simulation
  // A machine of the same maker, in the same state, with evidence for all: but it never joined.
  const stranger = await testNode(fixture, 'stranger')
  const { keys, evidence: ofKeys, signing, attester } = stranger
  const hash = custodyManifestHash(manifest)
  const reportData = bootReportData('simulated', stranger.id, hash)
  const evidence = await attester.quote(reportData, new AbortController().signal)
  const possession = signing.sign(possessionMessage(fixture.network, keys, ofKeys))
  const attestation = bootAttestationCodec.encode({
    record: { keys, evidence: ofKeys, possession },
    manifest: bootAttestationCodec.decode(await from.attestation()).manifest,
    evidence,
  })
  const attestation_doc = [...attestation]
  const answer = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
  expect([answer.status, answer.json.code]).toEqual([403, 'NOT_A_MEMBER'])
  const own = [...(await from.attestation())]
  const itself = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc: own })
  expect(itself.json.code).toBe('NOT_A_MEMBER')
})

test('an export was held against the manifest of the request alone: here against the own one, and who approved', async () => {
  const { from, to, manifest } = await stage(5)
  const { namespace } = manifest
  const strangers = testHolders(5).slice(3)
  const set = { members: strangers.map(({ alias, key }) => ({ alias, key })), threshold: 2 }
  const shares = manifest.shares.slice(0, 2)
  const later = { ...manifest, namespace: { ...namespace, nonce: 12346 } }
  // Each is consistent in itself: the receiver attests it, and people approved it.
  const cases: readonly (readonly [string, CustodyEnvelope])[] = [
    ['NOT_APPROVED', approved(later, [])],
    ['NOT_APPROVED', approved(later, site.holders.slice(0, 1))],
    ['NOT_APPROVED', { manifest: later, approvals: approved(manifest).approvals }],
    ['DIFFERENT_MANIFEST_SET', approved({ ...manifest, manifestSet: set }, strangers)],
    ['DIFFERENT_MANIFEST_SET', approved({ ...later, manifestSet: set }, strangers)],
    [
      'DIFFERENT_QUORUM_KEY',
      approved({ ...later, namespace: { ...later.namespace, quorumKey: otherKey() } }),
    ],
    ['DIFFERENT_NAMESPACE', approved({ ...later, namespace: { ...namespace, name: 'mine' } })],
    ['LOW_NONCE', approved({ ...manifest, namespace: { ...namespace, nonce: 12344 } })],
    ['DIFFERENT_MANIFEST', approved({ ...manifest, shareSet: set, shares })],
    [
      'DIFFERENT_NETWORK',
      approved({ ...later, network: 'cd'.repeat(32) as CustodyManifest['network'] }),
    ],
  ]
  for (const [code, manifest_envelope] of cases) {
    const attestation_doc = [...(await to.attestedUnder(manifest_envelope.manifest))]
    const answer = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
    expect([answer.json.code, answer.json.next]).toEqual([code, expect.stringMatching(/\w/)])
    expect(answer.status).toBeGreaterThanOrEqual(400)
  }
  // The way itself is open: a later manifest that they approved takes the key along.
  const attestation_doc = [...(await to.attestedUnder(later))]
  const manifest_envelope = approved(later)
  const good = await from.post('/enclave/export-key', { manifest_envelope, attestation_doc })
  expect(good.status).toBe(200)
})

const otherSeed = () => new Secret(new Uint8Array(32).fill(9))
const otherKeys = (): QuorumKeys => {
  const keys = QuorumKeys.of(otherSeed())
  if (keys === undefined) throw new Error('this seed has keys')
  return keys
}
const otherKey = (): string => toHex(otherKeys().publicKey)

test('the signature over an injected key was not looked at: here it must be of the quorum, over these very bytes', async () => {
  const staged = await stage(6)
  const { from, to } = staged
  const { encrypted_quorum_key, signature } = await exported(staged)
  const message = encrypted_quorum_key
  const signed = await from.post('/enclave/sign-message', { message })
  const byCaller = signed.json.result.SignMessageResponse.signature
  for (const given of [new Array(64).fill(0), signature.toReversed(), byCaller]) {
    const body = { encrypted_quorum_key, signature: given }
    const answer = await to.post('/enclave/inject-key', body)
    expect([answer.status, answer.json.code]).toEqual([422, 'EXPORT_SIGNATURE_INVALID'])
  }
  const changed = encrypted_quorum_key.with(-1, (encrypted_quorum_key.at(-1) ?? 0) ^ 1)
  const bent = await to.post('/enclave/inject-key', { encrypted_quorum_key: changed, signature })
  expect(['EXPORT_MALFORMED', 'EXPORT_SIGNATURE_INVALID']).toContain(bent.json.code)
  expect((await to.post('/enclave/inject-key', { encrypted_quorum_key })).json.code).toBe(
    'BAD_BODY',
  )
  expect(to.phase).toBe('WaitingForForwardedKey')
  const done = await to.post('/enclave/inject-key', { encrypted_quorum_key, signature })
  expect([done.status, to.phase]).toEqual([200, 'ApplicationReady'])
})

describe('a node took a manifest that nobody had approved', () => {
  test('a key that an attacker made itself, for holders who never heard of it, is not believed', async () => {
    const to = await alone(7)
    const keys = otherKeys()
    const { json } = await to.get('/v1/status')
    const members = site.holders.map(({ alias, key }) => ({ alias, key }))
    const manifest: CustodyManifest = {
      format: 1,
      network: json.network,
      namespace: { name: 'qos-namespace', nonce: 12345, quorumKey: toHex(keys.publicKey) },
      pivot: null,
      manifestSet: { members, threshold: 2 },
      shareSet: { members, threshold: 2 },
      shares: members.map((_, i) => String(i).repeat(128)),
    }
    const manifest_envelope = approved(manifest, [])
    expect((await to.post('/enclave/share-manifest', { manifest_envelope })).status).toBe(200)
    const { record } = bootAttestationCodec.decode(await to.attestation())
    const sealed = keys.useSeed(seed =>
      exportKey(seed, {
        manifest: custodyManifestHash(manifest),
        from: to.node.id,
        to: { node: to.node.id, kemKey: record.keys.kem },
        approvals: [],
        random,
      }),
    )
    if (sealed === undefined) throw new Error('the node has a key to seal to')
    const bytes = keyExportCodec.encode(sealed)
    const body = {
      encrypted_quorum_key: [...bytes],
      signature: [...keys.sign(exportMessage(bytes))],
    }
    const answer = await to.post('/enclave/inject-key', body)
    expect([answer.status, answer.json.code]).toEqual([403, 'NOT_APPROVED'])
    expect(to.phase).toBe('WaitingForForwardedKey')
  })

  test('a standard boot is opened by enough holders alone, whoever brings their words', async () => {
    site = new CustodySite(8)
    const [from, to] = await site.start(2)
    if (from === undefined || to === undefined) throw new Error('two nodes were started')
    const { envelope } = await site.genesis(from)
    const { manifest } = envelope
    const [one] = site.holders
    if (one === undefined) throw new Error('there are holders')
    const namesakes = testHolders(5)
      .slice(3)
      .map((holder, i) => ({ ...holder, alias: site.holders[i]?.alias ?? '' }))
    const boot = (manifest_envelope: CustodyEnvelope) =>
      to.post('/enclave/boot-standard', { manifest_envelope })
    for (const by of [[], [one], [one, one], namesakes, [one, ...namesakes]]) {
      const answer = await boot(approved(manifest, by))
      expect([answer.status, answer.json.code, to.phase]).toEqual([
        403,
        'NOT_APPROVED',
        'WaitingForBootInstruction',
      ])
    }
    const moved = { ...manifest, namespace: { ...manifest.namespace, nonce: 12346 } }
    const borrowed = { manifest: moved, approvals: approved(manifest).approvals }
    expect((await boot(borrowed)).json.code).toBe('NOT_APPROVED')
    const taken = await boot(approved(manifest))
    expect(taken.json.result.BootStandardResponse).toEqual({
      success: true,
      manifest_hash: custodyManifestHash(manifest),
    })
    const info = await to.get('/enclave/info')
    expect(info.json).toMatchObject({
      phase: 'WaitingForQuorumShards',
      approvals: { have: 2, need: 2, by: ['member1', 'member2'] },
      shares: { have: 0, need: 2, by: [] },
    })
  })
})

describe('shares went through the host as they were, counted by nobody', () => {
  test('plain ones are refused, enough and correct ones too, and so are those that their holders did not open', async () => {
    const node = await alone(9)
    const made = await site.genesis(node)
    const inject = async (shares: readonly object[]) =>
      (await node.post('/enclave/inject-shares', site.injection(shares))).json
    const plain = site.holders.map(holder => {
      using share = openedShare(holder, made)
      return { member_alias: holder.alias, decrypted_share: share.use(bytes => [...bytes]) }
    })
    const sealed = made.shares.map(({ alias, sealed }) => ({
      ...{ member_alias: alias, decrypted_share: [...sealed] },
    }))
    for (const [shares, code] of [
      [plain, 'SHARE_IN_CLEAR'],
      [sealed, 'SHARE_STILL_SEALED'],
    ] as const) {
      expect(await inject(shares)).toEqual({
        success: false,
        reconstructed_quorum_key: null,
        refused: site.holders.map(({ alias }) => ({ member_alias: alias, code })),
      })
    }
    expect(node.phase).toBe('WaitingForQuorumShards')
  })

  test('fewer than the threshold give nothing, and one holder counts once, by whatever name', async () => {
    const node = await alone(10)
    const made = await site.genesis(node)
    const { attestation } = made
    const [one] = site.carried(made, { attestation })
    const again = site.carried(made, { attestation, by: site.holders.slice(0, 1) })
    const inject = async (shares: readonly object[]) =>
      (await node.post('/enclave/inject-shares', site.injection(shares))).json
    expect(await inject([{ ...one }])).toMatchObject({
      success: true,
      reconstructed_quorum_key: null,
    })
    for (const share of [one, ...again]) {
      expect((await inject([{ ...share }])).refused[0].code).toBe('SHARE_TWICE')
    }
    const posing = { ...one, member_alias: 'member2' }
    expect((await inject([posing])).refused[0].code).toBe('ALIAS_MISMATCH')
    const info = await node.get('/enclave/info')
    expect(info.json.shares).toEqual({ have: 1, need: 2, by: ['member1'] })
    const early = await node.post('/generate-seed', { seed_type: 'a', seed_data: 'b' })
    expect([early.status, early.json.code]).toEqual([409, 'WRONG_PHASE'])
  })

  test('without the word of the manifest set they make no key', async () => {
    const node = await alone(11)
    const made = await site.genesis(node)
    const { attestation, envelope } = made
    const shares = site.carried(made, { attestation, approvesManifest: false, by: site.holders })
    const inject = async (body: object) => (await node.post('/enclave/inject-shares', body)).json
    expect(await inject(site.injection(shares))).toMatchObject({ reconstructed_quorum_key: null })
    expect(node.phase).toBe('WaitingForQuorumShards')
    const words = manifestApprovals(site.holders, envelope.manifest).map(
      ({ alias, signature }) => ({
        member_alias: alias,
        signature: [...Buffer.from(signature, 'hex')],
      }),
    )
    const [first, second] = words
    const twice = await inject({ ...site.injection([]), approvals: [first, first] })
    expect(twice.reconstructed_quorum_key).toBeNull()
    const done = await inject({ ...site.injection([]), approvals: [second] })
    expect(done.reconstructed_quorum_key).toHaveLength(130)
  })

  test('a key that is not the one of the manifest was noted in the log and used: here it is dropped', async () => {
    site = new CustodySite(12)
    const [from, to] = await site.start(2)
    if (from === undefined || to === undefined) throw new Error('two nodes were started')
    const made = await site.genesis(from)
    const { manifest } = made.envelope
    // Holders who approve the name of another key over the shares of this one.
    const namespace = { ...manifest.namespace, quorumKey: otherKey() }
    const lying = { ...manifest, namespace }
    const booted = await to.post('/enclave/boot-standard', { manifest_envelope: approved(lying) })
    expect(booted.status).toBe(200)
    const attestation = await to.attestation()
    const shares = site.carried(made, { attestation, manifest: lying })
    const answer = await to.post('/enclave/inject-shares', site.injection(shares))
    expect([answer.status, answer.json.code]).toEqual([422, 'KEY_MISMATCH'])
    const info = await to.get('/enclave/info')
    expect(info.json).toMatchObject({ phase: 'WaitingForQuorumShards', shares: { have: 0 } })
    expect((await to.post('/derive-key', { path: 'm' })).json.code).toBe('WRONG_PHASE')
  })
})
