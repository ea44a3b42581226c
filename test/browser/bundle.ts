/** Modules as a page loads them: one minified file, made the way that a page's own build makes it. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

export interface Bundle {
  readonly code: string
  /** Bytes as a server sends them. */
  readonly gzipBytes: number
  /** Modules that were not found in it: what a browser would have to load from elsewhere. */
  readonly foreign: readonly string[]
  /** Files that are in it, at least in part, from the top of the repository. */
  readonly files: readonly string[]
}

const top = fileURLToPath(new URL('../../', import.meta.url))
const virtual = '\0entry'

/** Bundles the module `text`, whose imports are paths from the top of the repository. */
export async function bundle(text: string): Promise<Bundle> {
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
    // As the compiler does for what is published.
    transform: { target: 'es2024' },
    onwarn: refuse,
  })
  const { output } = await bundler.generate({ format: 'esm', minify: true, codeSplitting: false })
  await bundler.close()
  const [chunk, ...others] = output
  if (others.length > 0) throw new Error('one file was asked for')
  return {
    code: chunk.code,
    gzipBytes: gzipSync(chunk.code, { level: 9 }).length,
    foreign: [...chunk.imports, ...chunk.dynamicImports],
    files: Object.entries(chunk.modules)
      .filter(([, { renderedLength }]) => renderedLength > 0)
      .map(([path]) => path.replace(top, '')),
  }
}
