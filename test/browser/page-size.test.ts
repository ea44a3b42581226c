/** What a person waits for when the page opens. Bytes of one source are the same on every machine. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readPage, verifyPageName, verifyPath } from '../../src/api/page-files.ts'
import { buildPage, verifySource } from '../tools/built-page.ts'
import { singlePage } from '../tools/single-page.ts'

const folder = mkdtempSync(join(tmpdir(), 'coterie-size-'))
const dir = join(folder, 'page')
const sizes = new Map<string, number>()
let html = ''

beforeAll(async () => {
  expect(await buildPage(dir)).toBe(true)
  for (const [path, { bytes }] of readPage(dir)) {
    sizes.set(path, gzipSync(bytes, { level: 9 }).length)
    if (path === '/') html = Buffer.from(bytes).toString('utf8')
  }
})

afterAll(() => {
  rmSync(folder, { recursive: true })
  const rows = [...sizes].map(([path, size]) => `${String(size).padStart(8)}  ${path}`)
  process.stdout.write(`bytes of the page, gzip -9\n${rows.join('\n')}\n`)
})

const sum = (paths: readonly string[]): number =>
  paths.reduce((total, path) => total + (sizes.get(path) ?? 0), 0)

test('the page stands after 48 kB, its drawing after 150 kB more', () => {
  const first = ['/', ...sizes.keys()].filter(path => html.includes(path))
  const own = [...sizes.keys()].filter(path => path !== verifyPath)
  const later = own.filter(path => path !== '/' && !html.includes(path))
  expect(first.length).toBeGreaterThanOrEqual(3)
  expect(sum([...new Set(first)])).toBeLessThan(48_000)
  expect(later.map(path => path.replace(/-.*/, ''))).toEqual(['/page/cytoscape.esm'])
  expect(sum(later)).toBeLessThan(150_000)
  expect(sum(first)).toBeGreaterThan(10_000)
})

test('the page that verifies is one file of at most 110 kB, built twice to the same bytes', async () => {
  expect(sizes.get(verifyPath)).toBeLessThan(110_000)
  expect(await singlePage(verifySource)).toBe(readFileSync(join(dir, verifyPageName), 'utf8'))
})

test('the document holds neither script nor style, and nothing loads from elsewhere', () => {
  expect(html).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc="\/page\/)|crossorigin/)
  const links = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, to]) => to)
  expect(links.length).toBeGreaterThanOrEqual(2)
  for (const link of links) expect(link).toMatch(/^\/page\/[\w.-]+$/)
})

test('a page whose sources are as they were is not built again, and one that was damaged is', async () => {
  expect(await buildPage(dir)).toBe(false)
  rmSync(join(dir, 'stamp'))
  expect(await buildPage(dir)).toBe(true)
  expect(readdirSync(folder)).toEqual(['page'])
  expect(readFileSync(join(dir, 'index.html'), 'utf8')).toBe(html)
})

test('several that build the page at once all find it whole, in a folder that was not there', async () => {
  const place = join(folder, 'new', 'page')
  await Promise.all([1, 2, 3].map(() => buildPage(place)))
  expect(readFileSync(join(place, 'index.html'), 'utf8')).toBe(html)
  expect(readdirSync(join(folder, 'new'))).toEqual(['page'])
  expect(await buildPage(place)).toBe(false)
})
