/**
 * Builds what is published: `dist` with modules, types and the launcher.
 *
 * From a checkout the source runs as it is; this is for people who install the package.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = fileURLToPath(new URL('../../', import.meta.url))
const dist = join(top, 'dist')

function compile(): void {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(manifest), 'bin', 'tsc')
  const project = join(top, 'test', 'tools', 'tsconfig.build.json')
  execFileSync(process.execPath, [tsc, '-p', project], { cwd: top, stdio: 'inherit' })
}

/** Within `dist` the twins of the crypto room are the built ones: the nearest package.json decides. */
function writeScope(): void {
  const { imports } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'))
  const built = JSON.stringify(imports).replaceAll('.ts"', '.js"')
  const scope = { type: 'module', sideEffects: false, imports: JSON.parse(built) }
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(scope, null, 2)}\n`)
}

function copyLauncher(): void {
  const target = join(dist, 'bin')
  mkdirSync(target, { recursive: true })
  for (const name of ['coterie.cjs', 'run.cjs']) {
    copyFileSync(join(top, 'src', 'cli', 'bin', name), join(target, name))
    chmodSync(join(target, name), 0o755)
  }
}

rmSync(dist, { recursive: true, force: true })
compile()
writeScope()
copyLauncher()
