/** The built page: a handful of files, read once, served from memory by their exact names. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PageFile {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** By path of the request; empty if the page has not been built. */
export type PageFiles = ReadonlyMap<string, PageFile>

/** Where the build puts the page: the same place whether this runs from source or built. */
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

/** What is not one of the page's kinds of files is not served. */
export function readPage(dir: string): PageFiles {
  const names = statSync(dir, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(dir) : []
  return new Map(
    names.flatMap((name): [string, PageFile][] => {
      const type = types[extname(name)]
      if (type === undefined) return []
      const path = name === 'index.html' ? '/' : `/page/${name}`
      return [[path, { type, bytes: new Uint8Array(readFileSync(join(dir, name))) }]]
    }),
  )
}
