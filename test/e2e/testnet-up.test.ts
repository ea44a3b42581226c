/** `testnet up` as a process of its own, with fake nodes: how it starts, answers and ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askControl } from '../../testnet/control.ts'
import { findFreeBase } from '../../testnet/ports.ts'
import { isRunning, type ProcessIdentity } from '../../testnet/process-identity.ts'
import { until } from '../fixtures/patience.ts'

const fake = fileURLToPath(new URL('../fakes/node-process.ts', import.meta.url))
const upModule = new URL('../../testnet/up.ts', import.meta.url).href
let dir: string
let basePort: number
const started: ChildProcess[] = []

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'coterie-up-'))
  basePort = await findFreeBase(3)
})

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

interface Up {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exited: Promise<{ code: number | null; signal: string | null }>
}

function startUp(): Up {
  const options = { nodes: 3, basePort, dir, fresh: false, plain: true, program: [fake] }
  const script = `
    import { up } from ${JSON.stringify(upModule)}
    up(${JSON.stringify(options)}).then(
      status => { process.exitCode = status },
      error => { console.log(error.code, error.message, error.next); process.exitCode = 2 })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  child.stderr?.on('data', chunk => {
    text += chunk
  })
  const exited = new Promise<{ code: number | null; signal: string | null }>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, output: () => text, exited }
}

interface Lock {
  socket: string
  children: ProcessIdentity[]
}

const lock = (): Lock => JSON.parse(readFileSync(join(dir, 'up.json'), 'utf8')) as Lock

async function converged(up: Up): Promise<ProcessIdentity[]> {
  await until(() => {
    if (up.child.exitCode !== null) throw new Error(up.output())
    return up.output().includes('mutually attested and converged')
  })
  return lock().children
}

test('it shows banner, endpoints and next commands, and Ctrl-C leaves no process and no lock', async () => {
  const up = startUp()
  const nodes = await converged(up)
  expect(nodes).toHaveLength(3)
  expect(nodes.every(isRunning)).toBe(true)
  up.child.kill('SIGINT')
  // npm passes the terminal's signal on once more.
  up.child.kill('SIGINT')
  expect(await up.exited).toEqual({ code: 0, signal: null })
  expect(nodes.some(isRunning)).toBe(false)
  expect(existsSync(join(dir, 'up.json'))).toBe(false)
  expect(up.output()).toContain('SIMULATED TEE — NOT SECURE')
  expect(up.output()).toContain(`http://127.0.0.1:${basePort}`)
  expect(up.output()).toContain('npm run -s coterie --')
})

test('status answers while it runs, and down stops it', async () => {
  const up = startUp()
  const nodes = await converged(up)
  expect(await askControl(lock().socket, { command: 'status' })).toMatchObject({
    basePort,
    folder: dir,
  })
  expect(await askControl(lock().socket, { command: 'down' })).toMatchObject({ stopped: 3 })
  expect(nodes.some(isRunning)).toBe(false)
  expect(await up.exited).toMatchObject({ code: 0 })
})

test('killed without warning it leaves no node, and the next one starts in its place', async () => {
  const up = startUp()
  const nodes = await converged(up)
  up.child.kill('SIGKILL')
  await until(() => !nodes.some(isRunning))
  const next = startUp()
  await converged(next)
  next.child.kill('SIGTERM')
  expect(await next.exited).toMatchObject({ code: 0 })
})

test('a second one in the same folder, or on the same ports, is refused with the way out', async () => {
  const up = startUp()
  await converged(up)
  const second = startUp()
  await second.exited
  expect(second.output()).toContain('TESTNET_RUNNING')
  const own = dir
  dir = mkdtempSync(join(tmpdir(), 'coterie-up-'))
  const third = startUp()
  await third.exited
  expect(third.output()).toMatch(new RegExp(`PORT_IN_USE port ${basePort} .* --base-port`))
  rmSync(dir, { recursive: true })
  dir = own
  up.child.kill('SIGTERM')
  await up.exited
})
