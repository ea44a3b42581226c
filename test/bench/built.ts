/**
 * The workers as they run when installed: stripping types as they load costs a process some 30 MiB, which says nothing
 * about a node.
 */
import { rmSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compile } from '../tools/compiled.ts'

const folder = fileURLToPath(new URL('../../dist-bench/', import.meta.url))

/** Compiles the workers; where they are, for `Worker`. */
export function builtWorkers(): string {
  rmSync(folder, { recursive: true, force: true })
  compile('tsconfig.bench.json', folder)
  return new URL('test/bench/', pathToFileURL(folder)).href
}
