/** `coterie policy`, offline and against a served node, as real processes. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeManifest, type Manifest } from '../../../src/attestation/manifest.ts'
import { parseEnvelope, verifyEnvelope } from '../../../src/attestation/manifest-approval.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { writeKeyFile } from '../../../src/host/key-file.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { testnet, withFounding } from '../../fixtures/manifests.ts'
import { served } from '../api/served.ts'

const seed = (i: number): Secret => new Secret(new Uint8Array(32).fill(i))

/** A draft that two of three key files must approve. */
async function desk(): Promise<{ draft: string; keys: string[]; out: string }> {
  const path = temporaryFolder()
  const keys = [1, 2, 3].map(i => join(path, `key-${i}.json`))
  for (const [i, key] of keys.entries()) await writeKeyFile(key, seed(i + 1))
  const members = [1, 2, 3].map(i => toHex(new SigningKey(seed(i)).publicKey)).sort()
  const manifestSet = { members, threshold: 2 }
  const manifest: Manifest = { ...withFounding(testnet, { manifestSet }), manifestSet, nonce: 0 }
  const draft = join(path, 'draft.json')
  writeFileSync(draft, encodeManifest(manifest))
  return { draft, keys, out: join(path, 'draft.approved.json') }
}

test('every rule that a manifest breaks is told at once, with its code, and ends with 1', async () => {
  const { draft } = await desk()
  expect(await coterie(['policy', 'check', draft])).toMatchObject({ code: 0 })
  const manifest = JSON.parse(readFileSync(draft, 'utf8'))
  manifest.committee = { n: 2, r: 5, diversity: 1 }
  manifest.liveness.leaseMs = 1_000
  writeFileSync(draft, JSON.stringify(manifest))
  const { code, out } = await coterie(['policy', 'check', draft, '--json'])
  expect(code).toBe(1)
  const codes = JSON.parse(out).faults.map((fault: { code: string }) => fault.code)
  expect(codes).toEqual(['COMMITTEE_IMPOSSIBLE', 'LEASE_TOO_SHORT'])
  delete manifest.join
  writeFileSync(draft, JSON.stringify(manifest))
  expect((await coterie(['policy', 'check', draft])).out).toContain('MANIFEST_KEY_MISSING')
})

test('two members approve one draft offline, and the envelope holds; one of them twice does not', async () => {
  const { draft, keys, out } = await desk()
  const [first = '', second = ''] = keys
  const verdict = () => {
    const envelope = parseEnvelope(new Uint8Array(readFileSync(out)))
    if (isRefusal(envelope)) return envelope.code
    return verifyEnvelope(envelope, { kind: 'founding', founding: envelope.manifest.founding })
      ?.code
  }
  expect((await coterie(['policy', 'approve', draft, '--key', first, '--yes'])).code).toBe(0)
  expect((await coterie(['policy', 'approve', out, '--key', first, '--yes'])).code).toBe(0)
  expect(verdict()).toBe('APPROVALS_MISSING')
  expect((await coterie(['policy', 'approve', out, '--key', second, '--yes'])).code).toBe(0)
  expect(verdict()).toBeUndefined()
})

test('nothing is signed unless the hash is confirmed, nor with a key that others can read', async () => {
  const { draft, keys } = await desk()
  const [key = ''] = keys
  const unasked = await coterie(['policy', 'approve', draft, '--key', key, '--json'])
  expect(unasked.code).toBe(2)
  expect(JSON.parse(unasked.err).error.code).toBe('NOT_CONFIRMED')
  chmodSync(key, 0o644)
  const exposed = await coterie(['policy', 'approve', draft, '--key', key, '--yes', '--json'])
  expect(JSON.parse(exposed.err).error.code).toBe('KEY_FILE_EXPOSED')
})

test('two manifests are compared in sentences', async () => {
  const { draft } = await desk()
  const later = `${draft}.later`
  const manifest = JSON.parse(readFileSync(draft, 'utf8'))
  writeFileSync(
    later,
    JSON.stringify({ ...manifest, join: { ...manifest.join, evidenceAgeMs: 60_000 } }),
  )
  const { out } = await coterie(['policy', 'diff', draft, later, '--json'])
  expect(JSON.parse(out)).toMatchObject({
    gone: ['A verdict on a member lasts at most 1 h after it last proved itself.'],
    comes: ['A verdict on a member lasts at most 1 min after it last proved itself.'],
  })
  expect((await coterie(['policy', 'diff', draft, draft])).out).toBe('Nothing changes.\n')
})

test('an envelope is handed to a node; what does not hold ends with 1', async () => {
  const { url, node } = await served()
  const path = join(temporaryFolder(), 'envelope.json')
  writeFileSync(path, '{"approvals":[]}')
  expect((await coterie(['policy', 'apply', path, '--url', url])).code).toBe(0)
  expect(new TextDecoder().decode(node.manifest)).toBe('{"approvals":[]}')
  writeFileSync(path, 'no envelope')
  const { code, err } = await coterie(['policy', 'apply', path, '--url', url, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(err).error.code).toBe('APPROVALS_MISSING')
})
