/** The pages for people, built by vite into a folder from which nodes serve them. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { InlineConfig, Plugin } from 'vite'
import { verifyPageName } from '../../src/api/page-files.ts'
import { singlePage } from './single-page.ts'

const top = fileURLToPath(new URL('../../', import.meta.url))
const sources = join(top, 'src', 'web')
const source = join(sources, 'dashboard')
/** The folder of the page that verifies nodes. */
export const verifySource = join(sources, 'verify')
/** In the built page: what it was built from. Nodes do not serve it. */
const stampName = 'stamp'

/** What is built depends on: the pages, every room that they may read, and the versions of everything. */
function stampOf(): string {
  const hash = createHash('sha256')
  const rooms = ['web', 'api', 'light', 'attestation', 'wire', 'crypto', 'base']
  const folders = [...rooms.map(room => join(top, 'src', room)), join(top, 'test', 'tools')]
  const files = folders.flatMap(folder =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .toSorted(),
  )
  for (const file of [...files, join(top, 'package-lock.json')]) {
    if (!/\.(tsx?|css|html|json)$/.test(file)) continue
    const text = readFileSync(file)
    hash.update(`${file.slice(top.length)} ${text.length}\n`).update(text)
  }
  return hash.digest('hex')
}

/** Files of the page's own origin: with the mark, browsers name an origin for them, which the door refuses. */
const ownOrigin: Plugin = {
  name: 'own-origin',
  transformIndexHtml: { order: 'post', handler: html => html.replaceAll(' crossorigin', '') },
}

/** Everything is in a file of its own under its digest: the policy of the page allows nothing within the document. */
function configFor(outDir: string): InlineConfig {
  return {
    configFile: false,
    root: source,
    base: '/page/',
    logLevel: 'warn',
    plugins: [ownOrigin],
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      assetsDir: '',
      emptyOutDir: false,
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // The drawing of the topology comes later and is large: its bound is a test.
      chunkSizeWarningLimit: 600,
    },
  }
}

/**
 * Builds the pages into `dir`, whole or not at all; answers whether it had to. Several may do so at once: they build the same.
 *
 * @throws {Error} where vite is not installed, as after `npm ci --omit=dev`, or a page does not build.
 */
export async function buildPage(dir: string): Promise<boolean> {
  const stamp = stampOf()
  if (isBuilt(dir, stamp)) return false
  const { build } = await import('vite')
  mkdirSync(dirname(dir), { recursive: true })
  const made = mkdtempSync(`${dirname(dir)}/page-`)
  try {
    await build(configFor(made))
    writeFileSync(join(made, verifyPageName), await singlePage(verifySource))
    writeFileSync(join(made, stampName), stamp)
    if (isBuilt(dir, stamp)) return true
    rmSync(dir, { recursive: true, force: true })
    renameSync(made, dir)
  } catch (error) {
    // Somebody else has put the same there between these two lines.
    if (!isBuilt(dir, stamp)) throw error
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return true
}

function isBuilt(dir: string, stamp: string): boolean {
  const file = join(dir, stampName)
  return existsSync(file) && readFileSync(file, 'utf8') === stamp
}
