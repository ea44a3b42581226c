import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openLevelStore } from '../../../../src/host/store/level.ts'
import type { PageStore } from '../../../../src/host/store/port.ts'
import { numbersIn, pageStoreConforms } from '../../../conformance/page-store.ts'
import { FakeDisk } from '../../../fakes/page-store.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-store-'))
  folders.push(folder)
  return join(folder, 'cache')
}

pageStoreConforms('LevelDB', async () => {
  const directory = place()
  return () => openLevelStore(directory)
})

pageStoreConforms('the fake disk', async () => {
  const disk = new FakeDisk()
  return disk.open
})

/** A store with two hundred pages, several of LevelDB's files long. */
async function filled(): Promise<string> {
  const directory = place()
  const store = await openLevelStore(directory)
  for (let n = 1; n <= 200; n++) await store.put(n, new Uint8Array(50_000).fill(n))
  await store.close()
  return directory
}

const filesIn = (directory: string, name: RegExp): string[] =>
  readdirSync(directory)
    .filter(file => name.test(file))
    .map(file => join(directory, file))

const firstOf = (directory: string, name: RegExp): string => filesIn(directory, name)[0] ?? ''

/** Reads all pages, of which each that comes must be whole. */
async function read(store: PageStore): Promise<'whole' | 'damaged'> {
  try {
    for await (const { number, bytes } of store.pages()) {
      expect(bytes).toEqual(new Uint8Array(50_000).fill(number))
    }
    return 'whole'
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_DAMAGED' })
    return 'damaged'
  }
}

test.each<[string, (directory: string) => void]>([
  ['garbage for a pointer', directory => writeFileSync(join(directory, 'CURRENT'), 'garbage')],
  ['no pointer', directory => rmSync(join(directory, 'CURRENT'))],
  ['a torn manifest', directory => truncateSync(firstOf(directory, /MANIFEST/), 20)],
  ['a lost table', directory => rmSync(firstOf(directory, /ldb$/))],
  ['a torn table', directory => truncateSync(firstOf(directory, /ldb$/), 1000)],
  ['an empty table', directory => truncateSync(firstOf(directory, /ldb$/), 0)],
  [
    'garbage for a table',
    directory => writeFileSync(firstOf(directory, /ldb$/), Buffer.alloc(90_000, 7)),
  ],
  ['a torn log', directory => truncateSync(firstOf(directory, /\.log$/), 70_000)],
  [
    'a file for a directory',
    directory => {
      rmSync(directory, { recursive: true })
      writeFileSync(directory, 'x')
    },
  ],
  [
    'files of somebody else',
    directory => {
      rmSync(directory, { recursive: true })
      mkdirSync(directory)
      writeFileSync(join(directory, 'holiday.jpg'), 'x')
    },
  ],
])('%s: whole pages or a clear word, and after a clearing it works again', async (_, damage) => {
  const directory = await filled()
  damage(directory)
  const store = await openLevelStore(directory)
  const outcome = await read(store)
  if (outcome === 'damaged') await store.clear()
  await store.put(1000, new Uint8Array(50_000).fill(1000))
  expect(await numbersIn(store)).toContain(1000)
  await store.close()
})

test('a store that cannot be opened is put aside and not lost', async () => {
  const directory = await filled()
  truncateSync(firstOf(directory, /MANIFEST/), 20)
  const store = await openLevelStore(directory)
  expect(store.beganAnew).toBe(true)
  expect(filesIn(`${directory}.damaged`, /ldb$/).length).toBeGreaterThan(3)
  await store.close()
})

test('what was put aside first stays when more is, and a disk that damages everything keeps eight', async () => {
  const directory = await filled()
  const whole = filesIn(directory, /ldb$/).length
  for (let damage = 1; damage <= 10; damage++) {
    truncateSync(firstOf(directory, /MANIFEST/), 20)
    const store = await openLevelStore(directory)
    expect(store.beganAnew).toBe(true)
    await store.close()
  }
  expect(filesIn(`${directory}.damaged`, /ldb$/).length).toBe(whole)
  const aside = readdirSync(dirname(directory)).filter(name => name.includes('.damaged'))
  expect(aside).toHaveLength(8)
})

test('clearing takes nothing of what somebody else put there', async () => {
  const directory = await filled()
  writeFileSync(join(directory, 'holiday.jpg'), 'x')
  const store = await openLevelStore(directory)
  await store.clear()
  expect(readdirSync(directory)).toContain('holiday.jpg')
  await store.close()
})

test('a second process is told that the store is in use, and disturbs nothing', async () => {
  const directory = await filled()
  const store = await openLevelStore(directory)
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  expect(await read(store)).toBe('whole')
  await store.close()
})

test('a directory that cannot be made is a failure of the host, in words', async () => {
  const directory = place()
  writeFileSync(directory, 'x')
  await expect(openLevelStore(join(directory, 'below'))).rejects.toMatchObject({
    next: expect.stringContaining('data directory'),
  })
})
