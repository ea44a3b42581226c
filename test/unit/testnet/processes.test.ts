import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identityOf, isRunning } from '../../../testnet/process-identity.ts'
import { type ProcessExit, Supervisor } from '../../../testnet/processes.ts'
import { until } from '../../fixtures/patience.ts'

let folder: string
let supervisor: Supervisor
let exits: ProcessExit[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coterie-processes-'))
  exits = []
  // Ample: a process that heeds is never killed, however loaded the machine is.
  supervisor = new Supervisor({ patience: 60_000, onExit: exit => exits.push(exit) })
})

afterEach(async () => {
  supervisor.killAllNow()
  await supervisor.stopAll()
  rmSync(folder, { recursive: true })
})

const polite = `process.on('SIGTERM', () => { console.log('bye'); process.exit(3) }); console.log('ready'); setInterval(() => {}, 1000)`
const stubborn = `process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)`

/** Starts a script under the supervisor and waits until it has its handlers. */
async function started(name: string, script: string) {
  const logFile = join(folder, `${name}.log`)
  const running = await supervisor.start({ name, args: ['-e', script], logFile })
  await until(() => readFileSync(logFile, 'utf8').includes('ready'))
  return { running, logFile }
}

test('a stop is a SIGTERM that lets the process finish, and its output is logged', async () => {
  const { running, logFile } = await started('polite', polite)
  await supervisor.stop('polite')
  expect(await running.exited).toMatchObject({ code: 3, signal: null, wasAsked: true })
  expect(readFileSync(logFile, 'utf8')).toBe('ready\nbye\n')
  expect(supervisor.running()).toEqual([])
})

test('a process that does not heed SIGTERM is killed when patience ends', async () => {
  supervisor = new Supervisor({ patience: 300 })
  const { running } = await started('stubborn', stubborn)
  await supervisor.stop('stubborn')
  expect(await running.exited).toMatchObject({ signal: 'SIGKILL' })
  expect(isRunning(running)).toBe(false)
})

test('an exit that nobody asked for is told as such', async () => {
  const logFile = join(folder, 'crash.log')
  const running = await supervisor.start({
    name: 'crash',
    args: ['-e', 'process.exit(9)'],
    logFile,
  })
  await running.exited
  expect(exits).toMatchObject([{ name: 'crash', code: 9, wasAsked: false }])
})

test('one name runs once at a time', async () => {
  await started('polite', polite)
  const again = supervisor.start({ name: 'polite', args: ['-e', ''], logFile: join(folder, 'x') })
  await expect(again).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
})

test('settings of the shell do not reach the processes', async () => {
  process.env['COTERIE_HTTP_PORT'] = '1'
  const { logFile } = await started(
    'env',
    `console.log(process.env.COTERIE_HTTP_PORT ?? 'unset', 'ready')`,
  ).finally(() => delete process.env['COTERIE_HTTP_PORT'])
  expect(readFileSync(logFile, 'utf8')).toBe('unset ready\n')
})

test('when the parent is killed without warning its processes end too', async () => {
  const script = `
    import { Supervisor } from ${JSON.stringify(new URL('../../../testnet/processes.ts', import.meta.url).href)}
    const supervisor = new Supervisor()
    const child = await supervisor.start({ name: 'orphan', args: ['-e', 'setInterval(() => {}, 1000)'], logFile: ${JSON.stringify(join(folder, 'orphan.log'))} })
    console.log(child.pid)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(parent.stdout, 'data')
  const orphan = identityOf(Number(line))!
  expect(isRunning(orphan)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !isRunning(orphan))
})

test('a process is told from a later one with its number', () => {
  const self = identityOf(process.pid)!
  expect(isRunning(self)).toBe(true)
  expect(isRunning({ pid: self.pid, startedAt: '1' })).toBe(false)
  expect(identityOf(2 ** 22 + 1)).toBeUndefined()
})
