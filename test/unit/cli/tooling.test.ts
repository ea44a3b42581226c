/** Commands for whoever runs a node: configuration, completion, the loudness of the log. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { commandPaths } from '../../../src/cli/command-paths.ts'
import { programWith } from '../../../src/cli/program.ts'
import { isSecretName } from '../../../src/host/telemetry/json-log.ts'
import { hostOptionNames } from '../../../src/node/config.ts'
import { configSchema } from '../../../src/node/option-schema.ts'
import { hostOptions } from '../../../src/node/options.ts'
import { served } from '../api/served.ts'

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))

function coterie(args: readonly string[], environment: Record<string, string> = {}) {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [main, ...args], { env: { PATH, HOME, ...environment } })
  let [out, err] = ['', '']
  child.stdout.on('data', data => {
    out += data
  })
  child.stderr.on('data', data => {
    err += data
  })
  return new Promise<{ code: number | null; out: string; err: string }>(resolve =>
    child.once('close', code => resolve({ code, out, err })),
  )
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'coterie-tooling-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('config show says each value and where it came from', async () => {
  const dir = folder()
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
  const dir = folder()
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
  const script = join(folder(), 'completion')
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
