import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { logs } from '../../../testnet/logs.ts'

let dir: string
const printed: string[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coterie-logs-'))
  mkdirSync(join(dir, 'logs'))
  printed.length = 0
  vi.spyOn(console, 'log').mockImplementation(line => printed.push(String(line)))
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(dir, { recursive: true })
})

const options = { follow: false, lines: 2, json: false }

test('the last lines of every node are printed with its name, in order of number', async () => {
  writeFileSync(join(dir, 'logs/node-10.log'), 'ten\n')
  writeFileSync(join(dir, 'logs/node-2.log'), 'one\ntwo\nthree\nhalf')
  await logs({ ...options, dir })
  expect(printed).toEqual(['node-2   two', 'node-2   three', 'node-10  ten'])
})

test('one node is named by number or name', async () => {
  writeFileSync(join(dir, 'logs/node-1.log'), 'a\n')
  writeFileSync(join(dir, 'logs/node-2.log'), 'b\n')
  await logs({ ...options, dir, node: '2' })
  await logs({ ...options, dir, node: 'node-1', json: true })
  expect(printed).toEqual(['b', '{"node":"node-1","line":"a"}'])
})

test('an unknown node and an empty folder are errors with codes', async () => {
  await expect(logs({ ...options, dir })).rejects.toMatchObject({ code: 'NO_LOGS' })
  writeFileSync(join(dir, 'logs/node-1.log'), 'a\n')
  await expect(logs({ ...options, dir, node: '7' })).rejects.toMatchObject({ code: 'UNKNOWN_NODE' })
})
