/** The law of packages: what is published depends on exactly what it imports, in exactly one version each. */
import { isBuiltin } from 'node:module'
import { importsOf, type Tree } from './tree.ts'

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** What is wrong with the dependencies in `manifest` (package.json) of the published files `production`. */
export function packageOffences(manifest: string, production: Tree): readonly string[] {
  const { dependencies, devDependencies, optionalDependencies }: Manifest = JSON.parse(manifest)
  const imported = new Set(
    [...production].flatMap(([path, text]) =>
      importsOf(path, text).flatMap(({ target }) => packageOf(target ?? '')),
    ),
  )
  const declared = Object.keys(dependencies ?? {})
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies }
  const isExact = (version: string): boolean => /^(\d+\.\d+\.\d+|file:\.\/test\/.+)$/.test(version)
  return [
    ...declared.filter(name => !imported.has(name)).map(name => `${name}: nothing imports it`),
    ...[...imported]
      .filter(name => !declared.includes(name))
      .map(name => `${name}: imported and not in dependencies`),
    ...Object.entries(all)
      .filter(([, version]) => !isExact(version))
      .map(([name, version]) => `${name}: ${version} is not one version`),
  ]
}

/** The package of an import, in a list; empty for files, twins and what Node has built in. */
function packageOf(target: string): readonly string[] {
  if (target === '' || /^[.#]/.test(target) || isBuiltin(target)) return []
  const parts = target.split('/')
  return [parts.slice(0, target.startsWith('@') ? 2 : 1).join('/')]
}
