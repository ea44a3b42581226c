/** `coterie keys boot`, `inject` and `status` against a small server that answers as a node will. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { custodyManifestHash } from '../../../../src/attestation/custody/custody-manifest.ts'
import { inJson } from '../../../fakes/custody-stages.ts'
import { coterie, temporaryFolder } from '../../../fixtures/command-line.ts'
import { codeIn, decryptShare, holderDesk } from '../../../fixtures/holder-desk.ts'
import { custodyManifest, type TestHolder, testHolders } from '../../../fixtures/holders.ts'

interface Asked {
  readonly path: string
  readonly body: string
}

/** A node whose answers are given, in order; the last one stays. */
async function enclave(...answers: readonly (readonly [number, unknown])[]) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', data => {
      body += data
    })
    request.on('end', () => {
      const [status, value] = answers[Math.min(asked.length, answers.length - 1)] ?? [500, {}]
      asked.push({ path: `${request.method} ${request.url}`, body })
      const headers = { location: 'http://127.0.0.1:1/', 'content-type': 'application/json' }
      response
        .writeHead(status, headers)
        .end(typeof value === 'string' ? value : JSON.stringify(value))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

test('shares are injected in the shape of the seed, and the answer is told', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const files: string[] = []
  for (const holder of [0, 1]) {
    files.push(
      desk.save(`s${holder}.json`, (await decryptShare(desk, genesis.file, [], holder)).out),
    )
  }
  const refused = [{ member_alias: 'member2', code: 'SHARE_TWICE' }]
  const key = genesis.answer.quorum_public_key
  const { url, asked } = await enclave(
    [200, { success: true, reconstructed_quorum_key: key }],
    [200, { success: true, reconstructed_quorum_key: null, refused }],
    [409, { error: 'Not now.', code: 'WRONG_PHASE', request_id: 'x' }],
  )
  const signature = 'ab'.repeat(64)
  const approval = desk.save('approval.json', { role: 'manifest', alias: 'dave', signature })
  const inject = () =>
    coterie([
      'keys',
      'inject',
      ...files,
      '--to',
      url,
      '--under',
      genesis.file,
      '--approval',
      approval,
      '--json',
    ])
  const done = await inject()
  expect([done.code, JSON.parse(done.out).quorumKey]).toEqual([
    0,
    genesis.output.manifest.namespace.quorumKey,
  ])
  expect(asked[0]?.path).toBe('POST /enclave/inject-shares')
  const body = JSON.parse(asked[0]?.body ?? '')
  expect(body).toMatchObject({ namespace_name: 'qos-namespace', namespace_nonce: 12345 })
  expect(body.shares.map((share: { member_alias: string }) => share.member_alias)).toEqual([
    'member1',
    'member2',
  ])
  expect(body.approvals).toEqual([{ member_alias: 'dave', signature: Array(64).fill(0xab) }])
  expect(body.shares[0].decrypted_share.length).toBeGreaterThan(1120)
  const twice = await inject()
  expect([twice.code, JSON.parse(twice.out)]).toEqual([
    1,
    { success: true, quorumKey: null, refused },
  ])
  const late = await inject()
  expect([late.code, codeIn(late.err)]).toEqual([1, 'WRONG_PHASE'])
})

test('a share in clear, or for another manifest, is never sent', async () => {
  const desk = await holderDesk()
  const genesis = await desk.genesis()
  const { url, asked } = await enclave([200, { success: true }])
  const plain = genesis.shares[0]?.use(bytes => JSON.stringify([...bytes])) ?? ''
  const clear = desk.save('plain.json', plain)
  const flags = ['--to', url, '--under', genesis.file, '--json']
  expect(codeIn((await coterie(['keys', 'inject', clear, ...flags])).err)).toBe('BAD_SHARE_FILE')
  const other = await desk.genesis(
    { namespace: { name: 'qos-namespace', nonce: 12346 } },
    'other.json',
  )
  const carried = desk.save('s.json', (await decryptShare(desk, other.file)).out)
  expect(codeIn((await coterie(['keys', 'inject', carried, ...flags])).err)).toBe(
    'SHARE_OF_ANOTHER_MANIFEST',
  )
  expect(asked).toEqual([])
})

const info = {
  phase: 'WaitingForQuorumShards',
  node: '12D3KooW',
  namespace: { name: 'qos-namespace', nonce: 12345 },
  quorum_public_key: Array.from({ length: 130 }, () => 4),
  manifest_hash: 'ab'.repeat(32),
  shares: { have: 1, need: 2, by: ['member1'] },
  approvals: { have: 0, need: 2 },
}

test('status tells how far a ceremony is, by names', async () => {
  const fresh = {
    ...info,
    phase: 'WaitingForBootInstruction',
    namespace: null,
    quorum_public_key: null,
  }
  const { url } = await enclave(
    [200, info],
    [200, info],
    [200, { ...fresh, manifest_hash: null, shares: null, approvals: null }],
  )
  const told = await coterie(['keys', 'status', '--of', url])
  expect(told.code).toBe(0)
  expect(told.out).toContain('phase WaitingForQuorumShards')
  expect(told.out).toContain('Shares: 1 of the 2 that it takes (member1).')
  expect(told.out).toContain('Approvals: 0 of the 2 that it takes.')
  const facts = JSON.parse((await coterie(['keys', 'status', '--of', url, '--json'])).out)
  expect(facts).toMatchObject({
    phase: info.phase,
    shares: info.shares,
    manifest: info.manifest_hash,
  })
  expect((await coterie(['keys', 'status', '--of', url])).out).toContain(
    'WaitingForBootInstruction',
  )
})

test('an answer that is long, elsewhere, no JSON or of another shape is no answer; nobody there ends with 4', async () => {
  const cases: readonly (readonly [number, unknown, number, string])[] = [
    [200, { ...info, pad: 'x'.repeat(300 * 1024) }, 1, 'BAD_ANSWER'],
    [200, 'no JSON', 1, 'BAD_ANSWER'],
    [302, info, 1, 'ENCLAVE_REFUSED'],
    [200, { ...info, phase: 'Ready' }, 1, 'BAD_ANSWER'],
    [500, { error: 'x', code: 'lower case' }, 1, 'ENCLAVE_REFUSED'],
  ]
  for (const [status, value, exit, expected] of cases) {
    const { url } = await enclave([status, value])
    const { code, err } = await coterie(['keys', 'status', '--of', url, '--json'])
    expect([code, codeIn(err)]).toEqual([exit, expected])
  }
  const nobody = await coterie(['keys', 'status', '--of', 'http://127.0.0.1:1', '--json'])
  expect([nobody.code, codeIn(nobody.err)]).toEqual([4, 'NOT_RUNNING'])
  const bad = await coterie(['keys', 'status', '--of', 'file:///etc/passwd', '--json'])
  expect([bad.code, codeIn(bad.err)]).toEqual([2, 'BAD_URL'])
})

test('a standard boot hands over an approved manifest alone, and believes no node that names another', async () => {
  const folder = temporaryFolder()
  const holders = testHolders(3)
  const manifest = custodyManifest(holders)
  const save = (name: string, by: readonly TestHolder[]): string => {
    const path = join(folder, name)
    writeFileSync(path, inJson(manifest, by))
    return path
  }
  const hash = custodyManifestHash(manifest)
  const answered = (manifest_hash: string) =>
    [200, { result: { BootStandardResponse: { success: true, manifest_hash } } }] as const
  const refused = [409, { error: 'Not now.', code: 'WRONG_PHASE', request_id: 'x' }] as const
  const { url, asked } = await enclave(answered(hash), answered('ab'.repeat(32)), refused)
  const boot = (file: string) => coterie(['keys', 'boot', file, '--to', url, '--json'])
  const few = await boot(save('few.json', holders.slice(0, 1)))
  expect([few.code, codeIn(few.err), asked]).toEqual([1, 'NOT_APPROVED', []])
  const enough = save('enough.json', holders.slice(0, 2))
  const done = await boot(enough)
  expect([done.code, JSON.parse(done.out)]).toEqual([0, { success: true, manifest: hash }])
  expect(asked[0]?.path).toBe('POST /enclave/boot-standard')
  expect(JSON.parse(asked[0]?.body ?? '').manifest_envelope).toEqual(
    JSON.parse(new TextDecoder().decode(inJson(manifest, holders.slice(0, 2)))),
  )
  expect(codeIn((await boot(enough)).err)).toBe('MANIFEST_MISMATCH')
  expect(codeIn((await boot(enough)).err)).toBe('WRONG_PHASE')
})
