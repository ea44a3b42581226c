/** The built pages: a handful of files, read once, served from memory by their exact names. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromUtf8, toHex } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'

export interface PageFile {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** By path of the request; empty if nothing has been built. */
export type PageFiles = ReadonlyMap<string, PageFile>

/** The page that verifies nodes, one file: the same bytes on a node, on a disk, anywhere. */
export const verifyPageName = 'verify.html'
/** Where a node serves it. */
export const verifyPath = '/verify'

/** Where the build puts the pages: the same place whether this runs from source or built. */
export const pageDir = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../../dist/page/', import.meta.url)
    : new URL('../../page/', import.meta.url),
)

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/** Files with a place of their own. */
const places: Readonly<Record<string, string>> = {
  'index.html': '/',
  [verifyPageName]: verifyPath,
}

/** What is not one of the pages' kinds of files is not served. */
export function readPage(dir: string): PageFiles {
  const names = statSync(dir, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(dir) : []
  return new Map(
    names.flatMap((name): [string, PageFile][] => {
      const type = types[extname(name)]
      if (type === undefined) return []
      const path = places[name] ?? `/page/${name}`
      return [[path, { type, bytes: new Uint8Array(readFileSync(join(dir, name))) }]]
    }),
  )
}

/** What tells one build of the page that verifies from another. */
export interface VerifyPageFacts {
  /** SHA-256 of the file, hexadecimal: what `sha256sum` says. */
  readonly sha256: string
  /** The hash of its script as its policy names it; the page shows it. */
  readonly script: string
}

/** Of the page in `dir`; `null` if it has not been built there. */
export function verifyPageFacts(dir: string): VerifyPageFacts | null {
  const bytes = readPage(dir).get(verifyPath)?.bytes
  if (bytes === undefined) return null
  const script = /script-src '(sha256-[A-Za-z0-9+/=]{44})'/.exec(fromUtf8(bytes) ?? '')?.[1]
  return script === undefined ? null : { sha256: toHex(sha256(bytes)), script }
}
