/** Modules as they are published: compiled, with a scope of their own. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = fileURLToPath(new URL('../../', import.meta.url))

/** Compiles by a project file of this directory into `outDir`, which is the project's own. */
export function compile(project: string, outDir: string): void {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(manifest), 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', join(top, 'test', 'tools', project)], {
    cwd: top,
    stdio: 'inherit',
  })
  writeScope(outDir)
}

/** Within `outDir` the twins of the crypto room are the built ones: the nearest package.json decides. */
function writeScope(outDir: string): void {
  const { imports } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'))
  const built = JSON.stringify(imports).replaceAll('.ts"', '.js"')
  const scope = { type: 'module', sideEffects: false, imports: JSON.parse(built) }
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify(scope, null, 2)}\n`)
}
