/** `coterie keys generate` and `genesis-request`, as real processes. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { custodyRoutes } from '../../../../src/api/custody-contract.ts'
import { planOf, type RequestFlags } from '../../../../src/cli/genesis-request.ts'
import { readHolderKeyFile } from '../../../../src/host/holder-key-file.ts'
import { coterie, temporaryFolder } from '../../../fixtures/command-line.ts'
import { codeIn, fingerprintOf } from '../../../fixtures/holder-desk.ts'
import { top } from '../../../law/tree.ts'

/** As a node takes it, in either form. */
const request = (path: string) =>
  custodyRoutes.genesisBoot.body.parse(JSON.parse(readFileSync(path, 'utf8')))
const secret = 'a canary of a passphrase'

test('a key is made with a passphrase from a file, and its public part goes into the request', async () => {
  const folder = temporaryFolder()
  const [key, file] = [join(folder, 'alice.json'), join(folder, 'passphrase')]
  writeFileSync(file, `${secret}\n`, { mode: 0o600 })
  const made = await coterie([
    'keys',
    'generate',
    '--alias',
    'alice',
    '--out',
    key,
    '--passphrase-file',
    file,
    '--json',
  ])
  expect(made.code).toBe(0)
  const { fingerprint, public: publicFile } = JSON.parse(made.out)
  const stored = await readHolderKeyFile(key)
  expect(fingerprintOf(Buffer.from(stored.publicKey).toString('hex'))).toBe(fingerprint)
  expect(made.out + made.err + readFileSync(key, 'utf8')).not.toContain(secret)
  expect(statSync(`${key}.approved`).mode & 0o777).toBe(0o700)
  const bob = join(folder, 'bob')
  const open = await coterie([
    'keys',
    'generate',
    '--alias',
    'bob',
    '--out',
    bob,
    '--no-passphrase',
  ])
  expect([open.code, open.err]).toEqual([0, expect.stringContaining('NOT sealed')])
  expect(open.out).toMatch(/bob( [0-9a-f]{8}){8}\n/)
  const shown = await coterie(['keys', 'fingerprint', publicFile, '--json'])
  expect(JSON.parse(shown.out)).toEqual({ alias: 'alice', fingerprint })
  const output = join(folder, 'request.json')
  const members = ['--member', publicFile, '--member', `${bob}.public.json`]
  const asked = await coterie([
    'keys',
    'genesis-request',
    ...members,
    '--threshold',
    '2',
    '--output',
    output,
  ])
  expect(asked.code).toBe(0)
  expect(request(output).share_members.map(({ alias }) => alias)).toEqual(['alice', 'bob'])
  expect(request(output).share_members[0]?.pub_key).toEqual(stored.publicKey)
})

test('the command of the seed writes the request as it expects it, and each private key beside it', () => {
  const output = join(temporaryFolder(), 'genesis_request.json')
  const flags = ['--member-count', '3', '--threshold', '2', '--output', output]
  const out = execFileSync('npm', ['run', '-s', 'genesis_key_generator', '--', ...flags], {
    cwd: top,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  expect(out.toString()).toBe('')
  expect(request(output)).toMatchObject({
    namespace_name: 'qos-namespace',
    namespace_nonce: 12345,
    manifest_threshold: 2,
    share_threshold: 2,
    pivot_args: [],
    dr_key: null,
  })
  expect(Object.keys(request(output))).toHaveLength(9)
  // As its troubleshooting looks into it.
  const { parameters } = JSON.parse(readFileSync(output, 'utf8'))
  expect(parameters.manifest_members[0].pub_key).toHaveLength(1248)
  const aliases = request(output).manifest_members.map(({ alias }) => alias)
  expect(aliases).toEqual(['member1', 'member2', 'member3'])
  for (const alias of aliases) {
    const path = output.replace('.json', `.${alias}.json`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  }
})

test.each([
  ['2', '5', 3],
  ['3', '5', 3],
  ['7', '7', 7],
])(
  '%s of %s: a majority approves, and nobody fewer than hold shares',
  async (threshold, count, approvers) => {
    const output = join(temporaryFolder(), 'r.json')
    const flags = ['--member-count', count, '--threshold', threshold, '--output', output]
    expect((await coterie(['keys', 'genesis-request', ...flags])).code).toBe(0)
    expect(request(output)).toMatchObject({
      share_threshold: Number(threshold),
      manifest_threshold: approvers,
    })
  },
)

test('two thresholds of their own are written in the form that has both', async () => {
  const output = join(temporaryFolder(), 'r.json')
  const counts = ['--member-count', '5', '--threshold', '2', '--manifest-threshold', '4']
  expect((await coterie(['keys', 'genesis-request', ...counts, '--output', output])).code).toBe(0)
  expect(request(output)).toMatchObject({ share_threshold: 2, manifest_threshold: 4 })
  expect(JSON.parse(readFileSync(output, 'utf8')).parameters).toBeUndefined()
})

const flags: RequestFlags = {
  threshold: '2',
  namespaceName: 'qos-namespace',
  namespaceNonce: '12345',
  pivotArg: [],
}

test.each<readonly [number, Partial<RequestFlags>, string]>([
  [3, { threshold: '1' }, 'THRESHOLD_TOO_LOW'],
  [3, { threshold: '4' }, 'THRESHOLD_TOO_HIGH'],
  [3, { threshold: '2x' }, 'BAD_COUNT'],
  [3, { threshold: '0' }, 'BAD_COUNT'],
  [3, { threshold: '256' }, 'BAD_COUNT'],
  [5, { manifestThreshold: '2' }, 'THRESHOLD_NO_MAJORITY'],
  [3, { namespaceName: '../x' }, 'BAD_NAMESPACE'],
  [3, { namespaceNonce: '-1' }, 'BAD_NAMESPACE'],
  [3, { namespaceNonce: '9007199254740993' }, 'BAD_NAMESPACE'],
  [3, { pivotArg: ['x'] }, 'BAD_PIVOT'],
  [3, { pivotHash: 'ab' }, 'BAD_PIVOT'],
])('%i members with %j: %s', (members, change, code) => {
  expect(() => planOf(members, { ...flags, ...change })).toThrow(expect.objectContaining({ code }))
})

test('counts that cannot be leave nothing behind', async () => {
  const folder = temporaryFolder()
  for (const [wrong, code] of [
    [['--member-count', '3', '--threshold', '1'], 'THRESHOLD_TOO_LOW'],
    [['--threshold', '2'], 'MEMBERS_NOT_GIVEN'],
  ] as const) {
    const output = ['--output', join(folder, 'r.json'), '--json']
    const ended = await coterie(['keys', 'genesis-request', ...wrong, ...output])
    expect([ended.code, codeIn(ended.err)]).toEqual([2, code])
  }
  expect(readdirSync(folder)).toEqual([])
})

test('neither a request nor a key is overwritten, and one holder is named once', async () => {
  const folder = temporaryFolder()
  const output = join(folder, 'r.json')
  const asking = ['keys', 'genesis-request', '--member-count', '2', '--threshold', '2', '--json']
  expect((await coterie([...asking, '--output', output])).code).toBe(0)
  const before = readFileSync(output, 'utf8')
  expect(codeIn((await coterie([...asking, '--output', output])).err)).toBe('OUTPUT_EXISTS')
  expect(readFileSync(output, 'utf8')).toBe(before)
  const member = join(folder, 'r.member1.json')
  const key = readFileSync(member, 'utf8')
  const again = await coterie([
    'keys',
    'generate',
    '--alias',
    'x',
    '--out',
    member,
    '--no-passphrase',
    '--json',
  ])
  expect(codeIn(again.err)).toBe('KEY_FILE_NOT_WRITTEN')
  expect(readFileSync(member, 'utf8')).toBe(key)
  const part = join(folder, 'r.member1.public.json')
  const twice = [
    '--member',
    part,
    '--member',
    part,
    '--threshold',
    '2',
    '--output',
    join(folder, 'x'),
  ]
  expect(codeIn((await coterie(['keys', 'genesis-request', ...twice, '--json'])).err)).toBe(
    'ALIAS_TWICE',
  )
  expect(existsSync(join(folder, 'x'))).toBe(false)
})

test('a passphrase that is short, missing or in a file that others can read makes no key', async () => {
  const folder = temporaryFolder()
  const [key, file] = [join(folder, 'k.json'), join(folder, 'p')]
  const codeOf = async (...more: readonly string[]) =>
    codeIn(
      (await coterie(['keys', 'generate', '--alias', 'a', '--out', key, '--json', ...more])).err,
    )
  expect(await codeOf()).toBe('PASSPHRASE_MISSING')
  writeFileSync(file, 'short', { mode: 0o600 })
  expect(await codeOf('--passphrase-file', file)).toBe('PASSPHRASE_TOO_SHORT')
  const exposed = join(folder, 'q')
  writeFileSync(exposed, secret, { mode: 0o644 })
  expect(await codeOf('--passphrase-file', exposed)).toBe('PASSPHRASE_FILE_EXPOSED')
  expect(await codeOf('--passphrase-file', join(folder, 'none'))).toBe('PASSPHRASE_FILE_UNREADABLE')
  expect(existsSync(key)).toBe(false)
})
