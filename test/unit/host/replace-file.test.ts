import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceFile } from '../../../src/host/replace-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coterie-replace-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('what is there is replaced as a whole, and only its owner reads it', async () => {
  const path = join(folder, 'file')
  await writeFile(path, 'old and longer', { mode: 0o644 })
  await chmod(path, 0o644)
  await replaceFile(path, Uint8Array.of(1, 2, 3))
  expect([...(await readFile(path))]).toEqual([1, 2, 3])
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['file'])
})

test('of many at once one is there in the end, whole', async () => {
  const path = join(folder, 'file')
  const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000))
  await Promise.all(texts.map(text => replaceFile(path, text)))
  expect(texts).toContain(await readFile(path, 'utf8'))
  expect(await readdir(folder)).toEqual(['file'])
})

test('a link that somebody put in its place is replaced, and what it leads to is not written', async () => {
  const [path, other] = [join(folder, 'file'), join(folder, 'other')]
  await writeFile(other, 'of somebody else')
  await symlink(other, path)
  for (const ending of ['tmp', 'new']) await symlink(other, `${path}.${process.pid}.${ending}`)
  await replaceFile(path, 'mine')
  expect((await lstat(path)).isFile()).toBe(true)
  expect(await readFile(path, 'utf8')).toBe('mine')
  expect(await readFile(other, 'utf8')).toBe('of somebody else')
})

test('what cannot be put in place leaves nothing beside it', async () => {
  const path = join(folder, 'file')
  await mkdir(join(path, 'full'), { recursive: true })
  await expect(replaceFile(path, 'text')).rejects.toMatchObject({ syscall: 'rename' })
  await expect(replaceFile(join(folder, 'nowhere', 'file'), 'text')).rejects.toThrow()
  expect(await readdir(folder)).toEqual(['file'])
})
