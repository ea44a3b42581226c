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

interface LockEntry {
  /** The digest of its archive. */
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

/**
 * Entries of `lock` (package-lock.json) whose bytes nobody checks: packages of a registry without the digest of what is
 * to be installed. Those whose names begin with one of `excused` may lack it, as long as no machine that runs a node or
 * its tests installs them: optional tools of development for other platforms than Linux with glibc on x64 or arm64.
 */
export function lockOffences(lock: string, excused: readonly string[]): readonly string[] {
  const { packages }: { packages: Readonly<Record<string, LockEntry>> } = JSON.parse(lock)
  const unchecked = Object.entries(packages)
    .filter(([path, { link, integrity }]) => path.includes('node_modules/') && !link && !integrity)
    .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), entry }))
  const isExcused = (name: string): boolean => excused.some(family => name.startsWith(family))
  return [
    ...unchecked
      .filter(({ name, entry }) => !isExcused(name) || !isElsewhere(entry))
      .map(({ name }) => `${name}: no integrity`),
    ...excused
      .filter(family => !unchecked.some(({ name }) => name.startsWith(family)))
      .map(family => `${family}: needs no excuse`),
  ]
}

function isElsewhere({ dev, optional, os, cpu, libc }: LockEntry): boolean {
  const isOurs =
    (os?.includes('linux') ?? true) &&
    (cpu === undefined || cpu.includes('x64') || cpu.includes('arm64')) &&
    (libc?.includes('glibc') ?? true)
  return dev === true && optional === true && !isOurs
}
