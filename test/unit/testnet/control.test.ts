import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../../../src/base/errors.ts'
import { askControl, ControlServer, controlSocketOf } from '../../../testnet/control.ts'
import type { FaultRequest } from '../../../testnet/fault-request.ts'
import { folderOf } from '../../../testnet/folder.ts'
import { dropLock, readLock, takeLock } from '../../../testnet/lock.ts'

let path: string
const servers: ControlServer[] = []

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'coterie-control-'))
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  rmSync(path, { recursive: true })
})

async function listening(socket: string): Promise<void> {
  const server = new ControlServer(socket, {
    status: async () => ({ fine: true }),
    down: async () => {
      throw new UsageError('NOT_NOW', 'busy', { next: 'Later.' })
    },
    fault: async request => ({ asked: request }),
  })
  servers.push(server)
  await server.listen()
}

test('a command is answered over a socket that only its owner reaches', async () => {
  const socket = controlSocketOf(folderOf(path))
  await listening(socket)
  expect(statSync(socket).mode & 0o777).toBe(0o600)
  expect(await askControl(socket, { command: 'status' })).toEqual({ fine: true })
})

test('an error keeps its code and next step on the way', async () => {
  const socket = controlSocketOf(folderOf(path))
  await listening(socket)
  await expect(askControl(socket, { command: 'down' })).rejects.toMatchObject({
    code: 'NOT_NOW',
    next: 'Later.',
  })
})

test('a fault carries what is to be broken, and one of no known kind is refused', async () => {
  const socket = controlSocketOf(folderOf(path))
  await listening(socket)
  const kill: FaultRequest = { kind: 'kill', nodes: ['3'] }
  expect(await askControl(socket, { command: 'fault', fault: kill })).toEqual({ asked: kill })
  const unknown = { kind: 'earthquake' } as unknown as FaultRequest
  await expect(askControl(socket, { command: 'fault', fault: unknown })).rejects.toMatchObject({
    code: 'UNKNOWN_COMMAND',
  })
})

test('a folder too deep for a socket still has a way in', async () => {
  const socket = controlSocketOf(folderOf(join(path, 'x'.repeat(120))))
  expect(socket.length).toBeLessThanOrEqual(100)
  await listening(socket)
  expect(await askControl(socket, { command: 'status' })).toEqual({ fine: true })
})

test('nobody at the socket is said as such', async () => {
  const nobody = askControl(join(path, 'nobody.sock'), { command: 'status' })
  await expect(nobody).rejects.toMatchObject({ code: 'TESTNET_GONE' })
})

const facts = { socket: 's', basePort: 9000, nodes: 5 }

test('a folder is taken once at a time', async () => {
  const folder = folderOf(path)
  await takeLock(folder, facts)
  await expect(takeLock(folder, facts)).rejects.toMatchObject({ code: 'TESTNET_RUNNING' })
  expect(await readLock(folder)).toMatchObject({ ...facts, process: { pid: process.pid } })
  await dropLock(folder)
  expect(await readLock(folder)).toBeUndefined()
})

test('the lock of a process that is gone heals, also if its number runs again as another', async () => {
  const folder = folderOf(path)
  const gone = { pid: process.pid, startedAt: '1' }
  writeFileSync(folder.lock, JSON.stringify({ ...facts, process: gone, children: [] }))
  expect(await readLock(folder)).toBeUndefined()
  await takeLock(folder, facts)
  expect(await readLock(folder)).toMatchObject({ process: { pid: process.pid } })
})

test('half a lock file is no lock', async () => {
  const folder = folderOf(path)
  writeFileSync(folder.lock, '{"process"')
  await takeLock(folder, facts)
  expect(await readLock(folder)).toMatchObject(facts)
})
