/** Commands for whoever runs a node: configuration, completion, the loudness of the log. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { commandPaths } from '../../../src/cli/command-paths.ts'
import { programWith } from '../../../src/cli/program.ts'
import { isSecretName } from '../../../src/host/telemetry/json-log.ts'
import { hostOptionNames } from '../../../src/node/config.ts'
import { configSchema } from '../../../src/node/option-schema.ts'
import { hostOptions } from '../../../src/node/options.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'
import { active, clientOf, dataDir, started as startedNode } from '../../fixtures/node-process.ts'
import { served, token } from '../api/served.ts'

test('config show says each value and where it came from', async () => {
  const dir = temporaryFolder()
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ preset: 'lan', logLevel: 'warn' }))
  const args = ['config', 'show', '--json', '--data-dir', dir, '--http-port', '0']
  const { code, out } = await coterie(args, { COTERIE_ACK_TIMEOUT: '3s' })
  expect(code).toBe(0)
  const { settings, configFile } = JSON.parse(out)
  expect(configFile).toBe(join(dir, 'config.json'))
  expect(settings).toHaveLength(hostOptionNames.length)
  for (const row of [
    { name: 'preset', value: 'lan', origin: 'file' },
    { name: 'httpPort', value: 0, origin: 'flag' },
    { name: 'ackTimeout', value: 3000, origin: 'environment' },
    { name: 'readyTimeout', value: hostOptions.readyTimeout.defaults.lan, origin: 'preset' },
  ]) {
    expect(settings).toContainEqual(row)
  }
  const table = await coterie(['config', 'show', '--origin', '--data-dir', dir])
  expect(table.out).toMatch(/^logLevel +warn +file$/m)
})

test('config validate refuses what start would refuse, with 2 and the nearest key', async () => {
  const dir = temporaryFolder()
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ htpPort: 1 }))
  const wrongKey = await coterie(['config', 'validate', '--data-dir', dir])
  expect([wrongKey.code, wrongKey.err]).toEqual([2, expect.stringContaining('"httpPort"')])
  writeFileSync(join(dir, 'config.json'), '{}')
  const noManifest = await coterie(['config', 'validate', '--data-dir', dir])
  expect([noManifest.code, noManifest.err]).toEqual([
    2,
    expect.stringContaining('MANIFEST_MISSING'),
  ])
  writeFileSync(join(dir, 'manifest.json'), '{"not":"a manifest"}')
  const badManifest = await coterie(['config', 'validate', '--data-dir', dir])
  expect([badManifest.code, badManifest.err]).toEqual([2, expect.stringContaining('BAD_MANIFEST')])
})

test('the schema names every option, its default and what it takes, and no other key', async () => {
  const { code, out } = await coterie(['config', 'schema'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(configSchema())))
  const { properties, additionalProperties } = JSON.parse(out)
  expect(additionalProperties).toBe(false)
  expect(Object.keys(properties)).toEqual(hostOptionNames)
  expect(properties.ackTimeout).toMatchObject({ type: 'string', default: '15000ms' })
  expect(properties.logLevel.enum).toEqual(['error', 'warn', 'info', 'debug'])
})

test('no option holds a secret', () => {
  expect(hostOptionNames.filter(isSecretName)).toEqual([])
  expect(isSecretName('apiToken')).toBe(true)
})

test('completion offers what the command tree has at each place', async () => {
  const { code, out } = await coterie(['completion', 'bash'])
  expect(code).toBe(0)
  const script = join(temporaryFolder(), 'completion')
  const offered = (...words: string[]): string[] => {
    const typed = words.map(word => `'${word}'`).join(' ')
    writeFileSync(
      script,
      `${out}\nCOMP_WORDS=(coterie ${typed}) COMP_CWORD=${words.length}\n_coterie\necho "\${COMPREPLY[@]}"`,
    )
    return execFileSync('bash', [script], { encoding: 'utf8' }).trim().split(' ')
  }
  for (const { words, commands, flags } of commandPaths(await programWith(() => true))) {
    expect(offered(...words, ''), words.join(' ')).toEqual([...commands, ...flags])
  }
  expect(offered('sta')).toEqual(['start', 'status', 'state'])
  expect(offered('state', '--json', 'wat')).toEqual(['watch'])
})

test('zsh and fish are told every command, too', async () => {
  const [zsh, fish] = await Promise.all([
    coterie(['completion', 'zsh']),
    coterie(['completion', 'fish']),
  ])
  expect(zsh.out).toContain('bashcompinit')
  expect(fish.out).toContain("complete -c coterie -n '__coterie_at testnet' -a 'up ")
  expect((await coterie(['completion', 'csh'])).code).toBe(2)
})

test('log level is read and set live', async () => {
  const loudness: { level: 'error' | 'warn' | 'info' | 'debug' } = { level: 'info' }
  const { url } = await served({ loudness })
  expect(await coterie(['log', 'level', 'get', '--url', url])).toMatchObject({ out: 'info\n' })
  const set = await coterie(['log', 'level', 'set', 'debug', '--url', url, '--json'])
  expect([set.code, JSON.parse(set.out)]).toEqual([0, { level: 'debug' }])
  expect(loudness.level).toBe('debug')
  expect((await coterie(['log', 'level', 'set', 'loud', '--url', url])).code).toBe(2)
})

test('peers why tells verdict, liveness, closures and refusals of whom it is asked about', async () => {
  const { url, node } = await served()
  const [, other] = node.members()
  const facts = { node: other?.node ?? '', reason: 'VERDICT_EXPIRED' }
  const at = '2030-01-01T10:00:00.000Z'
  node.happened.push({ at, kind: 'disconnected', text: 'a member disconnected', facts })
  const end = other?.node.slice(-8) ?? ''
  const { code, out } = await coterie(['peers', 'why', end, '--url', url])
  expect(code).toBe(0)
  for (const word of ['alive', 'phi', 'node-1', '/tcp/9601', 'VERDICT_EXPIRED', 'NOT_ACCEPTED']) {
    expect(out).toContain(word)
  }
  const stranger = await coterie(['peers', 'why', 'nobody', '--url', url, '--json'])
  expect([stranger.code, JSON.parse(stranger.out).refusals]).toEqual([1, []])
})

test('a bundle holds neither token nor state, whatever is planted, and its file is private', async () => {
  const canary = 'c4nary-of-the-state'
  const { url, node } = await served({ opensToHost: true })
  await node.state.set(`key-${canary}`, utf8(canary))
  const dir = temporaryFolder()
  mkdirSync(join(dir, 'data'), { mode: 0o700 })
  for (const file of ['api.token', 'machine.json', 'config.json']) {
    writeFileSync(join(dir, 'data', file), token, { mode: 0o600 })
  }
  const out = join(dir, 'bundle.json')
  const args = ['debug', 'bundle', '--url', url, '--data-dir', join(dir, 'data'), '--out', out]
  const environment = { COTERIE_SECRET: canary, TOKEN: token }
  const made = await coterie(args, environment)
  expect([made.code, made.err]).toEqual([0, ''])
  const text = readFileSync(out, 'utf8')
  for (const secret of [canary, Buffer.from(canary).toString('base64'), token]) {
    expect(text).not.toContain(secret)
  }
  expect(Object.keys(JSON.parse(text))).toEqual(
    expect.arrayContaining(['software', 'status', 'members', 'refusals', 'events', 'logLevel']),
  )
  expect(statSync(out).mode & 0o777).toBe(0o600)
  expect((await coterie(args)).code).toBe(3)
})

test('doctor names what is wrong, with the next step and an exit code', async () => {
  const dir = temporaryFolder()
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const flags = [
    '--data-dir',
    dir,
    '--http-port',
    String(port),
    '--bootstrap',
    '/ip4/127.0.0.1/tcp/1',
  ]
  const { code, out } = await coterie(['doctor', '--json', ...flags])
  expect(code).toBe(1)
  const results: { name: string; result: string; next: string }[] = JSON.parse(out).findings
  const failed = results.filter(({ result }) => result === 'fail')
  expect(failed.map(({ name }) => name).sort()).toEqual(
    ['bootstrap', 'clock', 'machine', 'manifest', 'ports'].sort(),
  )
  for (const { next, name } of failed) expect(next, name).not.toBe('')
  chmodSync(dir, 0o755)
  const exposed = await coterie(['doctor', ...flags])
  expect(exposed.out).toMatch(/^fail +data-dir +Others can look into/m)
  expect(exposed.out).toContain(`next: Run chmod 700 ${dir}.`)
  expect((await coterie(['doctor', '--http-prot', '1'])).code).toBe(2)
})

test('doctor asks the running node about membership, evidence and gossip', async () => {
  const data = await dataDir('testnet')
  const run = startedNode(data)
  const { http } = await run.ready
  await active(clientOf(http, data))
  const { out } = await coterie(['doctor', '--json', '--data-dir', data])
  const results = new Map(
    JSON.parse(out).findings.map((finding: { name: string; result: string }) => [
      finding.name,
      finding.result,
    ]),
  )
  expect(Object.fromEntries(results)).toMatchObject({
    'data-dir': 'ok',
    manifest: 'ok',
    machine: 'warn',
    clock: 'ok',
    membership: 'ok',
    evidence: expect.stringMatching(/ok|warn/),
    gossip: 'warn',
  })
  expect(results.has('ports')).toBe(false)
})

test.each([
  [0, ['version']],
  [0, ['status', '--help']],
  [2, ['statsu']],
  [2, ['status', '--jsno']],
  [2, ['config', 'validate', '--data-dir', '/nonexistent']],
  [2, ['completion']],
  [4, ['status', '--data-dir', '/nonexistent']],
  [4, ['log', 'level', 'get', '--data-dir', '/nonexistent']],
  [4, ['debug', 'bundle', '--url', 'unix:/nonexistent/api.sock']],
])('exit code %i: %j', async (code, args) => {
  expect((await coterie(args)).code).toBe(code)
})
