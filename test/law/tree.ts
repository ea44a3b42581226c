/** The source as a value: so that a law can be held against a planted tree as well as against ours. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ParseResult, parseSync, Visitor, type VisitorObject } from 'oxc-parser'

/** Path from the top of the repository → text. */
export type Tree = ReadonlyMap<string, string>

export const top = fileURLToPath(new URL('../../', import.meta.url))

/** Every file that is or may become part of the repository, ignored ones left out. */
export function repositoryFiles(): readonly string[] {
  const listing = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', listing, { cwd: top, encoding: 'utf8' })
  return [...new Set(listed.split('\0'))].filter(path => path !== '' && existsSync(top + path))
}

/** The files whose path matches. */
export function readTree(matches: RegExp): Tree {
  const paths = repositoryFiles().filter(path => matches.test(path))
  return new Map(paths.toSorted().map(path => [path, readFileSync(top + path, 'utf8')]))
}

const parsed = new Map<string, ParseResult>()

/** The syntax tree of a TypeScript file, parsed once. @throws {Error} for text that is not TypeScript. */
export function parse(path: string, text: string): ParseResult {
  const known = parsed.get(path + text)
  if (known !== undefined) return known
  const result = parseSync(path, text)
  const error = result.errors[0]
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  parsed.set(path + text, result)
  return result
}

/** Walks the syntax tree of a file. */
export function visit(path: string, text: string, visitor: VisitorObject): void {
  new Visitor(visitor).visit(parse(path, text).program)
}

/** One-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** One import as written. `target` is `null` where a computed expression stands. */
export interface Import {
  readonly target: string | null
  /** `dynamic`: by `import()`; `started`: named by `new URL`, as the file of a worker or a child process. */
  readonly kind: 'static' | 'dynamic' | 'started'
}

/** Every import of a file: of values and of types, static, re-exported, dynamic. */
export function importsOf(path: string, text: string): readonly Import[] {
  const imports: Import[] = []
  const add = (target: string | null, kind: Import['kind'] = 'static'): void => {
    imports.push({ target, kind })
  }
  visit(path, text, {
    ImportDeclaration: node => add(node.source.value),
    ExportNamedDeclaration: node => {
      if (node.source !== null) add(node.source.value)
    },
    ExportAllDeclaration: node => add(node.source.value),
    ImportExpression: node => add(literal(node.source), 'dynamic'),
    TSImportType: node => add(literal(node.source)),
    NewExpression: node => {
      const [first, second] = node.arguments
      const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL'
      const target = first === undefined ? null : literal(first)
      if (isUrl && second !== undefined && target?.endsWith('.ts')) add(target, 'started')
    },
  })
  return imports
}

function literal(node: { readonly type: string }): string | null {
  return 'value' in node && typeof node.value === 'string' ? node.value : null
}

/** The paths that a relative import or a `#` subpath means; none for a package. */
export function resolveImport(from: string, target: string): readonly string[] {
  if (target.startsWith('.')) return [posix.join(posix.dirname(from), target)]
  const twin = /^#crypto\/(.+)$/.exec(target)?.[1]
  return twin === undefined ? [] : [`src/crypto/${twin}.node.ts`, `src/crypto/${twin}.web.ts`]
}

/** `test` of `test`, `test.each(…)`, `test.runIf(…)`. */
export function calledName(callee: { readonly type: string }): string | undefined {
  if ('name' in callee && typeof callee.name === 'string') return callee.name
  if ('callee' in callee) return calledName(callee.callee as { readonly type: string })
  if ('object' in callee) return calledName(callee.object as { readonly type: string })
  return undefined
}
