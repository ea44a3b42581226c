import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { HintFile } from '../../../src/host/hint-file.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hint-'))
})
afterEach(() => rm(dir, { recursive: true }))

test('a hint is read back after a restart, and nobody else on the machine may read it', async () => {
  const path = join(dir, 'bans.json')
  const file = new HintFile(path, silentLogger)
  expect(file.read()).toBeUndefined()
  file.write('first')
  file.write('second')
  file.write('last')
  await file.flushed()
  expect(new HintFile(path, silentLogger).read()).toBe('last')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(dir)).toEqual(['bans.json'])
})

test('a directory that is gone costs the hint and nothing else', async () => {
  const path = join(dir, 'gone', 'bans.json')
  const file = new HintFile(path, silentLogger)
  file.write('lost')
  await file.flushed()
  expect(file.read()).toBeUndefined()
  await expect(readFile(path)).rejects.toThrow()
})
