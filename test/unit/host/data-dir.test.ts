import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  makeToken,
  openDataDir,
  readRunFile,
  readToken,
  removeRunFile,
  writeRunFile,
} from '../../../src/host/data-dir.ts'
import { lockDataDir } from '../../../src/host/process-lock.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'coterie-data-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const run = { pid: 1, http: 'http://127.0.0.1:9000', p2p: ['/ip4/127.0.0.1/tcp/1'], node: 'n' }

test('a data directory is made for its owner alone, and one that others can enter is refused', async () => {
  const path = join(folder(), 'a', 'b')
  await openDataDir(path)
  expect(statSync(path).mode & 0o777).toBe(0o700)
  await openDataDir(path)
  chmodSync(path, 0o750)
  await expect(openDataDir(path)).rejects.toMatchObject({ code: 'DATA_DIR_EXPOSED' })
  writeFileSync(join(folder(), 'file'), '')
  await expect(openDataDir('/dev/null/x')).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' })
})

test('every start makes another token, whole and for the owner alone', async () => {
  const path = folder()
  expect(await readToken(path)).toBeUndefined()
  const first = await makeToken(path)
  const second = await makeToken(path)
  expect(first).toMatch(/^[\w-]{43}$/)
  expect(second).not.toBe(first)
  expect(await readToken(path)).toBe(second)
  expect(statSync(join(path, 'api.token')).mode & 0o777).toBe(0o600)
  chmodSync(join(path, 'api.token'), 0o644)
  await expect(readToken(path)).rejects.toMatchObject({ code: 'TOKEN_EXPOSED' })
  expect(readdirSync(path)).toEqual(['api.token'])
})

test('the run file is there while it is true, and half a file is an error, not a guess', async () => {
  const path = folder()
  expect(await readRunFile(path)).toBeUndefined()
  await writeRunFile(path, run)
  expect(await readRunFile(path)).toEqual(run)
  expect(statSync(join(path, 'run.json')).mode & 0o777).toBe(0o600)
  writeFileSync(join(path, 'run.json'), '{"pid":')
  await expect(readRunFile(path)).rejects.toMatchObject({ code: 'BAD_RUN_FILE' })
  await removeRunFile(path)
  await removeRunFile(path)
  expect(readdirSync(path)).toEqual([])
})

test('a directory is locked once, and free again afterwards', async () => {
  const path = folder()
  const unlock = await lockDataDir(path)
  const error = await lockDataDir(path).catch(caught => caught)
  expect(error).toMatchObject({ code: 'ALREADY_RUNNING' })
  expect(error.message).toContain(String(process.pid))
  await unlock()
  await unlock()
  expect(readdirSync(path)).toEqual([])
  await (await lockDataDir(path))()
})

test('a lock of a dead process, of another process with its pid, or of half a file heals itself', async () => {
  const child = spawn('true')
  await new Promise(resolve => child.once('exit', resolve))
  const stale = [
    JSON.stringify({ pid: child.pid, startedAt: '1' }),
    JSON.stringify({ pid: process.pid, startedAt: '1' }),
    '{"pid":',
    '',
  ]
  for (const content of stale) {
    const path = folder()
    writeFileSync(join(path, 'LOCK'), content)
    const unlock = await lockDataDir(path)
    expect(JSON.parse(readFileSync(join(path, 'LOCK'), 'utf8')).pid).toBe(process.pid)
    await unlock()
    expect(readdirSync(path)).toEqual([])
  }
})

test('of many that find a stale lock at once, one gets it', async () => {
  const path = folder()
  const module = new URL('../../../src/host/process-lock.ts', import.meta.url).href
  writeFileSync(join(path, 'LOCK'), JSON.stringify({ pid: 2 ** 22 - 1, startedAt: '1' }))
  // Each holds the lock until it is told to end, so that none comes after another.
  const program = `
    const { lockDataDir } = await import(${JSON.stringify(module)})
    process.stdout.write('ready\\n')
    process.stdin.once('data', async () => {
      const won = await lockDataDir(${JSON.stringify(path)}).then(() => 'won', error => error.code)
      process.stdout.write(won + '\\n')
    })
    process.stdin.on('end', () => process.exit())`
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  const line = (child: (typeof children)[number]) =>
    new Promise<string>(resolve => child.stdout.once('data', data => resolve(String(data).trim())))
  await Promise.all(children.map(line))
  const answers = children.map(line)
  for (const child of children) child.stdin.write('go\n')
  const results = await Promise.all(answers)
  for (const child of children) child.stdin.end()
  await Promise.all(children.map(child => new Promise(resolve => child.once('exit', resolve))))
  expect(results.filter(result => result === 'won')).toHaveLength(1)
  expect(new Set(results)).toEqual(new Set(['won', 'ALREADY_RUNNING']))
})

test('a process that unlocks does not take away the lock of another', async () => {
  const path = folder()
  const unlock = await lockDataDir(path)
  const other = JSON.stringify({ pid: 1, startedAt: '1' })
  writeFileSync(join(path, 'LOCK'), other)
  await unlock()
  expect(readFileSync(join(path, 'LOCK'), 'utf8')).toBe(other)
  mkdirSync(join(path, 'kept'))
})
