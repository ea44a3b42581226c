/** The steps of the documents that went before, over HTTP against real nodes: a key is made, injected, and goes from node to node. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { coterie, temporaryFolder } from '../fixtures/command-line.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

/** As `curl -X POST -H 'Content-Type: application/json' -d …` asks. */
async function post(url: string, path: string, body: unknown) {
  const response = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: the steps look into answers as jq does.
  return { status: response.status, json: (await response.json()) as any }
}

const zeros = (count: number): number[] => new Array(count).fill(0)

/** What the seed's documents do from one node to another; answers what came of the last step. */
async function handOn(from: string, to: string, manifest_envelope: unknown) {
  const shared = await post(to, '/enclave/share-manifest', { manifest_envelope })
  expect(shared.json).toMatchObject({ result: { ShareManifestResponse: { success: true } } })
  const attested = await post(to, '/enclave/generate-attestation', {
    manifest_hash: zeros(32),
    pcr_values: [[], [], [], []],
  })
  const { attestation_doc } = attested.json.result.GenerateAttestationResponse
  const exported = await post(from, '/enclave/export-key', { manifest_envelope, attestation_doc })
  expect(exported.json).toMatchObject({ result: { ExportKeyResponse: {} } })
  const { encrypted_quorum_key, signature } = exported.json.result.ExportKeyResponse
  const injected = await post(to, '/enclave/inject-key', { encrypted_quorum_key, signature })
  expect(injected.json).toMatchObject({ result: { InjectKeyResponse: { success: true } } })
}

/** What a genesis answers, as jq reads it. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
type Json = any

/** Steps 3 and 4, with the member's decrypt step in its place. */
async function boot(url: string, networkManifest: string): Promise<Json> {
  const desk = temporaryFolder()
  const at = (name: string): string => join(desk, name)
  const flags = ['--member-count', '3', '--threshold', '2', '--output', at('request.json')]
  const made = await coterie(['keys', 'genesis-request', ...flags])
  expect([made.code, made.err]).toEqual([0, expect.any(String)])
  const request = readFileSync(at('request.json'), 'utf8')
  const genesis = await post(url, '/enclave/genesis-boot', request)
  expect([genesis.status, genesis.json.waiting_state]).toEqual([200, 'WaitingForQuorumShards'])
  writeFileSync(at('genesis.json'), JSON.stringify(genesis.json))
  const again = await post(url, '/enclave/genesis-boot', request)
  expect([again.status, again.json.code]).toEqual([409, 'WRONG_PHASE'])
  await offerSealed(url, genesis.json)
  const shares = []
  for (const member_alias of ['member1', 'member2']) {
    const opened = await coterie([
      ...['keys', 'decrypt-share', at('genesis.json'), '--manifest', networkManifest],
      ...['--key', at(`request.${member_alias}.json`), '--yes'],
    ])
    expect([opened.code, opened.err]).toEqual([0, expect.any(String)])
    shares.push({ member_alias, decrypted_share: JSON.parse(opened.out) })
  }
  const injected = await post(url, '/enclave/inject-shares', { ...namespace, shares })
  expect(injected.json).toEqual({
    reconstructed_quorum_key: genesis.json.quorum_public_key,
    success: true,
    refused: [],
  })
  return genesis.json
}

const namespace = { namespace_name: 'qos-namespace', namespace_nonce: 12345 }

/** The step of the documents as printed: shares that nobody opened. And one in clear, as their code takes it. */
async function offerSealed(url: string, genesis: Json): Promise<void> {
  const sealed = genesis.encrypted_shares.map((share: Json) => ({
    member_alias: share.share_set_member.alias,
    decrypted_share: share.encrypted_quorum_key_share,
  }))
  const plain = sealed.map((share: Json) => ({ ...share, decrypted_share: zeros(33) }))
  for (const [shares, code] of [
    [sealed, 'SHARE_STILL_SEALED'],
    [plain, 'SHARE_IN_CLEAR'],
  ]) {
    const refused = shares.map(({ member_alias }: Json) => ({ member_alias, code }))
    const { json } = await post(url, '/enclave/inject-shares', { ...namespace, shares })
    expect(json).toEqual({ success: false, reconstructed_quorum_key: null, refused })
  }
}

test('a key of three holders lives on three nodes, one after the other, and all give one seed', async () => {
  const { testnet, folder } = await runningTestnet(3)
  const [tee1 = '', tee2 = '', tee3 = ''] = testnet
    .slots()
    .map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
  const input = { seed_type: 'test-seed', seed_data: 'test-data' }
  const early = await post(tee1, '/generate-seed', input)
  expect([early.status, early.json.code]).toEqual([409, 'WRONG_PHASE'])
  const genesis = await boot(tee1, folder.manifest)

  const { manifest_envelope } = genesis
  await handOn(tee1, tee2, manifest_envelope)
  await handOn(tee2, tee3, manifest_envelope)
  const seeds = await Promise.all([tee1, tee2, tee3].map(url => post(url, '/generate-seed', input)))
  const phrases = new Set(seeds.map(({ json }) => json.seed_phrase))
  expect(phrases.size).toBe(1)
  expect(seeds[2]?.json).toMatchObject({ strength: 256, word_count: 24 })
  const [{ json: seed } = { json: {} }] = seeds
  const valid = await post(tee2, '/validate-seed', { seed_phrase: seed.seed_phrase })
  expect(valid.json).toEqual({ valid: true, word_count: 24 })

  const data = [...new TextEncoder().encode('for another node')]
  const closed = await post(tee1, '/enclave/encrypt-data', { data })
  const { encrypted_data } = closed.json.result.EncryptDataResponse
  const opened = await post(tee3, '/enclave/decrypt-data', { encrypted_data })
  expect(opened.json.result.DecryptDataResponse).toEqual({ data })
  const status = await coterie(['keys', 'status', '--of', tee3, '--json'])
  expect(JSON.parse(status.out)).toMatchObject({ phase: 'ApplicationReady' })
})
