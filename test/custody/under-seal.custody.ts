/** Custody as a network of real hardware is used: every request under seal, by a client that its manifest lists with that right. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quorumKeyName } from '../../src/attestation/custody/custody-manifest.ts'
import { coterie, startCoterie, temporaryFolder } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { runningTestnet } from '../fixtures/testnet.ts'

// biome-ignore lint/suspicious/noExplicitAny: the steps look into answers as jq does.
type Json = any

/** What the same node signs for whoever comes by the socket. */
async function signedInClear(url: string, message: readonly number[]): Promise<Json> {
  const response = await fetch(`${url}/enclave/sign-message`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message, suite: 'ed25519' }),
  })
  return ((await response.json()) as Json).result.SignMessageResponse
}

test('a key is made, brought and used by calls that no host can read', async () => {
  const { testnet, folder } = await runningTestnet(2)
  const [first = '', second = ''] = testnet
    .slots()
    .map(({ httpPort }) => `http://127.0.0.1:${httpPort}`)
  const where = ['--manifest', folder.manifest, '--from', first, '--from', second]
  const sealed = async (
    path: string,
    body: unknown,
    key = folder.clientKey,
  ): Promise<{ readonly code: number | null; readonly err: string; readonly body: Json }> => {
    const call = ['light', 'call', 'POST', path, '--body', '-', '--json', ...where, '--key', key]
    const { code, err, out } = await startCoterie(call, { input: JSON.stringify(body) }).ended
    return { code, err, body: out === '' ? null : JSON.parse(out).body }
  }
  const desk = temporaryFolder()
  const at = (name: string): string => join(desk, name)
  const flags = ['--member-count', '3', '--threshold', '2', '--output', at('request.json')]
  expect((await coterie(['keys', 'genesis-request', ...flags])).code).toBe(0)

  const input = { seed_type: 'test-seed', seed_data: 'test-data' }
  await until(async () => (await sealed('/generate-seed', input)).err.includes('WRONG_PHASE'))
  expect((await coterie(['light', 'key', 'new', at('stranger.key')])).code).toBe(0)
  const stranger = await sealed('/generate-seed', input, at('stranger.key'))
  expect(stranger).toMatchObject({ code: 2, err: expect.stringContaining('CLIENT_NOT_LISTED') })

  const request = JSON.parse(readFileSync(at('request.json'), 'utf8'))
  const genesis = await sealed('/enclave/genesis-boot', request)
  expect(genesis).toMatchObject({ code: 0, body: { waiting_state: 'WaitingForQuorumShards' } })
  writeFileSync(at('genesis.json'), JSON.stringify(genesis.body))
  const shares: Json[] = []
  for (const member_alias of ['member1', 'member3']) {
    const opened = await coterie([
      ...['keys', 'decrypt-share', at('genesis.json'), '--manifest', folder.manifest],
      ...['--key', at(`request.${member_alias}.json`), '--yes'],
    ])
    shares.push({ member_alias, decrypted_share: JSON.parse(opened.out) })
  }
  const namespace = { namespace_name: 'qos-namespace', namespace_nonce: 12345 }
  const injected = await sealed('/enclave/inject-shares', { ...namespace, shares })
  expect(injected.body).toMatchObject({ success: true, refused: [] })
  const seed = await sealed('/generate-seed', input)
  expect(seed.body).toMatchObject({ word_count: 24 })
  const status = JSON.parse((await coterie(['status', '--url', first, '--json'])).out)
  expect(status.quorumKey).toEqual({
    phase: 'ApplicationReady',
    fingerprint: quorumKeyName(Uint8Array.from(genesis.body.quorum_public_key)),
    namespace: { name: 'qos-namespace', nonce: 12345 },
    shares: null,
  })
  const message = [...new TextEncoder().encode('pay nobody')]
  const { body: answer } = await sealed('/enclave/sign-message', { message, suite: 'ed25519' })
  const forClient = answer.result.SignMessageResponse
  // One key, and the client's name is in what it signs.
  const forSocket = await signedInClear(first, message)
  expect(forClient.signature).toHaveLength(64)
  expect(forClient.public_key).toEqual(forSocket.public_key)
  expect(forClient.signature).not.toEqual(forSocket.signature)
})
