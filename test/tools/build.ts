/**
 * Builds what is published: `dist` with modules, types, the page for people and the launcher.
 *
 * From a checkout the source runs as it is; this is for people who install the package.
 */
import { chmodSync, copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPage } from './built-page.ts'
import { compile } from './compiled.ts'

const top = fileURLToPath(new URL('../../', import.meta.url))
const dist = join(top, 'dist')

function copyLauncher(): void {
  const target = join(dist, 'bin')
  mkdirSync(target, { recursive: true })
  for (const name of ['coterie.cjs', 'run.cjs']) {
    copyFileSync(join(top, 'src', 'cli', 'bin', name), join(target, name))
    chmodSync(join(target, name), 0o755)
  }
}

rmSync(dist, { recursive: true, force: true })
compile('tsconfig.build.json', dist)
await buildPage(join(dist, 'page'))
copyLauncher()
