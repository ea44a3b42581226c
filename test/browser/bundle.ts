/** Modules as a page loads them: one minified file, made the way that a page's own build makes it. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type OutputChunk, rolldown } from 'rolldown'
import { minifySync } from 'rolldown/utils'

export interface Bundle {
  readonly code: string
  /** Bytes as a server sends them. */
  readonly gzipBytes: number
  /** Modules that were not found in it: what a browser would have to load from elsewhere. */
  readonly foreign: readonly string[]
  /** Files that are in it, at least in part, from the top of the repository, largest first. */
  readonly files: readonly string[]
  /** What is in it of each of them, minified and packed alone: together more than the whole, but in proportion. */
  readonly bytesOfFile: (file: string) => number
}

const top = fileURLToPath(new URL('../../', import.meta.url))
const virtual = '\0entry'

/** One file that a page loads, at once or when it is asked for. */
export interface Piece {
  readonly gzipBytes: number
  /** As `Bundle.files`. */
  readonly files: readonly string[]
}

/** Bundles the module `text`, whose imports are paths from the top of the repository; what fits `external` is not looked for. */
export async function bundle(text: string, external: readonly RegExp[] = []): Promise<Bundle> {
  const [chunk, ...others] = await bundled(text, { splits: false, external })
  if (chunk === undefined || others.length > 0) throw new Error('one file was asked for')
  const { gzipBytes, files } = pieceOf(chunk)
  return {
    code: chunk.code,
    gzipBytes,
    foreign: [...chunk.imports, ...chunk.dynamicImports],
    files,
    bytesOfFile: file => {
      const [, found] = Object.entries(chunk.modules).find(([path]) => fromTop(path) === file) ?? []
      // As it stands there it is no module: nothing in it is unused.
      const { code } = minifySync(file, found?.code ?? '', { compress: false })
      return gzipSync(code, { level: 9 }).length
    },
  }
}

/**
 * What a page loads at once of the module `text`, and what it loads besides when it imports a module whose path has `demanded` in it;
 * packages that fit `external` not counted.
 */
export async function piecesOf(
  text: string,
  { external, demanded }: { readonly external: readonly RegExp[]; readonly demanded?: string },
): Promise<{ readonly first: readonly Piece[]; readonly later: readonly Piece[] }> {
  const chunks = await bundled(text, { splits: true, external })
  const byName = new Map(chunks.map(chunk => [chunk.fileName, chunk]))
  const closure = (names: readonly string[], seen = new Set<string>()): ReadonlySet<string> => {
    for (const name of names) {
      const chunk = byName.get(name)
      if (chunk === undefined || seen.has(name)) continue
      seen.add(name)
      closure(chunk.imports, seen)
    }
    return seen
  }
  const entries = chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName)
  const wanted =
    demanded === undefined
      ? []
      : chunks.filter(({ facadeModuleId }) => facadeModuleId?.includes(demanded))
  if (wanted.length !== (demanded === undefined ? 0 : 1)) throw new Error(`one piece: ${demanded}`)
  const first = closure(entries)
  const later = [...closure(wanted.map(({ fileName }) => fileName))].filter(
    name => !first.has(name),
  )
  const pieces = (names: Iterable<string>): readonly Piece[] =>
    [...names].flatMap(name => byName.get(name) ?? []).map(pieceOf)
  return { first: pieces(first), later: pieces(later) }
}

function pieceOf({ code, modules }: OutputChunk): Piece {
  return {
    gzipBytes: gzipSync(code, { level: 9 }).length,
    files: Object.entries(modules)
      .filter(([, { renderedLength }]) => renderedLength > 0)
      .toSorted(([, left], [, right]) => right.renderedLength - left.renderedLength)
      .map(([path]) => fromTop(path)),
  }
}

/** Packages by their names, wherever they lie. */
const fromTop = (path: string): string => path.replace(top, '').replace(/^.*\/node_modules\//, '')

async function bundled(
  text: string,
  { splits, external }: { readonly splits: boolean; readonly external: readonly RegExp[] },
): Promise<readonly OutputChunk[]> {
  const entry = {
    name: 'entry',
    resolveId: (id: string, importer: string | undefined) =>
      id === virtual ? id : importer === virtual ? join(top, id) : undefined,
    load: (id: string) => (id === virtual ? text : undefined),
  }
  // What is not resolved is a fault here and not an import that fails in the page.
  const refuse = (warning: { readonly message?: string }): never => {
    throw new Error(warning.message)
  }
  const bundler = await rolldown({
    input: virtual,
    cwd: top,
    platform: 'browser',
    plugins: [entry],
    external: [...external],
    // As the compiler does for what is published.
    transform: { target: 'es2024' },
    onwarn: refuse,
  })
  const { output } = await bundler.generate({ format: 'esm', minify: true, codeSplitting: splits })
  await bundler.close()
  return output.filter(each => each.type === 'chunk')
}
