/** The command line as people meet it: real processes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pageDir, verifyPageFacts } from '../../../src/api/page-files.ts'
import { version } from '../../../src/base/version.ts'
import { coterie, temporaryFolder } from '../../fixtures/command-line.ts'

test('help names every command and the exit codes, and loads none of them', async () => {
  const { code, out } = await coterie(['--help'])
  expect(code).toBe(0)
  for (const name of [
    'init',
    'start',
    'status',
    'peers',
    'members',
    'state',
    'testnet',
    'version',
  ]) {
    expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'))
  }
  expect(out).toContain('4 not running')
})

test('start --help shows every option of the host, and works where no network library could load', async () => {
  const { code, out } = await coterie(['start', '--help'])
  expect(code).toBe(0)
  for (const flag of ['--preset', '--listen', '--http-port', '--ack-timeout', '--found'])
    expect(out).toContain(flag)
  expect(out).not.toContain('--evidence-age')
})

test('version needs neither configuration nor node, and answers in JSON', async () => {
  const broken = { COTERIE_HTP_PORT: 'x', COTERIE_CONFIG: '/nonexistent' }
  const { code, out } = await coterie(['version', '--json'], broken)
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual({
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    // Of this checkout; nothing before its first build.
    verifyPage: verifyPageFacts(pageDir),
  })
})

test('a wrong command, option or argument ends with 2 and a suggestion', async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['verson'], 'version'],
    [['start', '--htp-port', '1'], '--http-port'],
    [['state', 'get'], "missing required argument 'key'"],
    [['members', 'remove', 'x'], '--key'],
    [['start', 'extra'], 'too many arguments'],
  ]
  for (const [args, words] of cases) {
    const { code, err } = await coterie(args)
    expect(code, args.join(' ')).toBe(2)
    expect(err).toContain(words)
  }
})

test('an unknown key of the file or the environment ends with 2 and a suggestion', async () => {
  const configFile = join(temporaryFolder(), 'config.json')
  writeFileSync(configFile, '{"htpPort": 1}')
  const file = await coterie(['start', '--config', configFile])
  expect([file.code, file.err]).toEqual([2, expect.stringContaining('UNKNOWN_OPTION')])
  expect(file.err).toContain('Did you mean "httpPort"?')
  const variable = await coterie(['start'], {
    COTERIE_HTTP_PROT: '1',
    XDG_DATA_HOME: temporaryFolder(),
  })
  expect(variable.code).toBe(2)
  expect(variable.err).toContain('COTERIE_HTTP_PORT')
})

test('what the manifest decides is no flag: the answer says where it stands', async () => {
  const { code, err } = await coterie(['start', '--evidence-age', '10h'])
  expect(code).toBe(2)
  expect(err).toContain('join.evidenceAgeMs')
})

test('a start without a manifest says what is missing and how to get it', async () => {
  const { code, err } = await coterie(['start', '--data-dir', temporaryFolder()])
  expect(code).toBe(2)
  expect(err).toContain('MANIFEST_MISSING')
  expect(err).toContain('next:')
})

test('commands that ask a node end with 4 where none runs, also one that was killed', async () => {
  const dataDir = temporaryFolder()
  const commands = [['status'], ['state', 'get', 'k']]
  for (const command of commands) {
    const { code, err } = await coterie([...command, '--data-dir', dataDir])
    expect(code, command.join(' ')).toBe(4)
    expect(err).toContain('NOT_RUNNING')
  }
  const left = { pid: 1, http: 'http://127.0.0.1:1', p2p: [], node: 'n' }
  writeFileSync(join(dataDir, 'run.json'), JSON.stringify(left))
  const { code, err } = await coterie(['status', '--json', '--data-dir', dataDir])
  expect(code).toBe(4)
  expect(JSON.parse(err).error.code).toBe('NOT_RUNNING')
})

test('NO_COLOR and pipes get plain text, FORCE_COLOR paints', async () => {
  const escapeCode = String.fromCharCode(27)
  const plain = await coterie(['status', '--data-dir', temporaryFolder()], { NO_COLOR: '1' })
  expect(plain.err).not.toContain(escapeCode)
  const painted = await coterie(['status', '--data-dir', temporaryFolder()], { FORCE_COLOR: '1' })
  expect(painted.err).toContain(escapeCode)
})
