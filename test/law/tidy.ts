/** Good manners of the source, each as a function from a tree to its offences. */
import { posix } from 'node:path'
import { calledName, importsOf, lineOf, parse, resolveImport, type Tree, visit } from './tree.ts'

/** One subject per file; a longer one has two. */
const fileLinesMax = 400
/** What a reader keeps in mind at once. */
const functionLinesMax = 60

const bannedNames = /^(utils?|helpers?|common|misc|manager|service)$/

/** Names that say nothing, names in another case, and rooms with a second door. */
export function nameOffences(paths: Iterable<string>): readonly string[] {
  return [...paths].flatMap(path => {
    const offences: string[] = []
    for (const name of path.split('/').map(part => part.replace(/\..*$/, ''))) {
      if (bannedNames.test(name)) offences.push(`${path}: ${name} says nothing`)
      else if (name.split('-').some(word => /^(utils?|helpers?|misc|manager)$/.test(word))) {
        offences.push(`${path}: ${name} says nothing`)
      }
    }
    const file = posix.basename(path)
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(file)) offences.push(`${path}: kebab-case`)
    if (file === 'index.ts' && path !== 'src/index.ts') offences.push(`${path}: a second index`)
    return offences
  })
}

/** Files and functions that are too long. */
export function lengthOffences(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    const offences: string[] = []
    const lines = text.trimEnd().split('\n').length
    if (lines > fileLinesMax) offences.push(`${path}: ${lines} lines`)
    const measure = (node: FunctionNode): void => {
      const length = lineOf(text, node.end) - lineOf(text, node.start) + 1
      if (length > functionLinesMax && !isSuite(node)) {
        offences.push(`${path}:${lineOf(text, node.start)}: a function of ${length} lines`)
      }
    }
    visit(path, text, {
      FunctionDeclaration: measure,
      FunctionExpression: measure,
      ArrowFunctionExpression: measure,
    })
    return offences
  })
}

interface FunctionNode {
  readonly start: number
  readonly end: number
  readonly body: object | null
}

/** What only registers tests is a list, not a function that anybody reads as one. */
function isSuite({ body }: FunctionNode): boolean {
  const statements = body !== null && 'body' in body && Array.isArray(body.body) ? body.body : []
  return statements.some(
    ({ type, expression }) =>
      type === 'ExpressionStatement' &&
      expression.type === 'CallExpression' &&
      /^(test|describe)$/.test(calledName(expression.callee) ?? ''),
  )
}

const mayPrint = /^(src\/cli|testnet|test\/bench|test\/tools)\//
const isConfig = (path: string): boolean => /\.config\.ts$/.test(path)

/** What the language allows and this project does not. */
export function languageOffences(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    const offences: string[] = []
    const offend = (start: number, what: string): void => {
      offences.push(`${path}:${lineOf(text, start)}: ${what}`)
    }
    visit(path, text, {
      TSAnyKeyword: ({ start }) => {
        // A test that looks into answers of any shape says so, and why, above the line.
        const before = text.slice(0, start).split('\n').at(-2) ?? ''
        const isExcused = path.startsWith('test/') && /noExplicitAny: \w/.test(before)
        if (!isExcused) offend(start, 'any')
      },
      TSEnumDeclaration: ({ start }) => offend(start, 'enum'),
      TSModuleDeclaration: ({ start }) => offend(start, 'namespace'),
      TSParameterProperty: ({ start }) => offend(start, 'parameter property'),
      TSNonNullExpression: ({ start }) => {
        if (!path.startsWith('test/')) offend(start, '!')
      },
      ExportDefaultDeclaration: ({ start }) => {
        if (!isConfig(path)) offend(start, 'default export')
      },
      MemberExpression: ({ object, start }) => {
        const isConsole = object.type === 'Identifier' && object.name === 'console'
        if (isConsole && !mayPrint.test(path)) offend(start, 'console')
      },
    })
    for (const { value, start } of parse(path, text).comments) {
      if (/\b(TODO|FIXME|XXX|HACK)\b/.test(value)) offend(start, 'unfinished')
    }
    return offences
  })
}

/** Files that cannot be reached from `entries` by imports, run-time ones and started processes included. */
export function unreachableFiles(tree: Tree, entries: readonly RegExp[]): readonly string[] {
  const reached = new Set<string>()
  const walk = (path: string): void => {
    const text = tree.get(path)
    if (text === undefined || reached.has(path)) return
    reached.add(path)
    for (const { target } of importsOf(path, text)) {
      if (target !== null) for (const to of resolveImport(path, target)) walk(to)
    }
  }
  for (const path of tree.keys()) if (entries.some(entry => entry.test(path))) walk(path)
  return [...tree.keys()].filter(path => !reached.has(path))
}

/** Beside these only dot-files stand at the top: what npm, tsc and a visitor look for. */
const topLevel = new Set([
  ...['package.json', 'package-lock.json', 'tsconfig.json'],
  ...['src', 'test', 'testnet', 'docs', 'LICENSE', 'README.md'],
])

/** What stands at the top of the repository and does not belong there. */
export function topLevelOffences(paths: Iterable<string>): readonly string[] {
  const names = new Set([...paths].map(path => path.split('/')[0] ?? ''))
  return [...names].filter(name => !topLevel.has(name) && !name.startsWith('.'))
}

/** The project speaks of itself alone: no ticket, no place of work, no registry, no design note kept elsewhere. */
const foreignWords = [
  /\bissues? (#|no\.? ?)?\d/i,
  /\b(fix(es)?|closes?|see|ticket) #\d+\b/i,
  /(^|[\s`'"(])\/work\b/,
  /\/tmp\/w\b/,
  /\b(this|the|next|last|another) (work(ing)? )?session\b/i,
  /\bDESIGN(\.md)?\b/,
  /\bBRIEF(\.md)?\b/,
  /\breference\/(attestation|ecosystem|field|libp2p|performance|style)\.md/,
  /\(reference\b|\breference (§|[0-9])/,
  /registry\.[a-z]+\.[a-z]+/,
]

/** Lines that speak of where and how the project was made. */
export function foreignWordOffences(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, i) => {
      const found = foreignWords.map(word => word.exec(line)?.[0].trim()).find(Boolean)
      return found === undefined ? [] : [`${path}:${i + 1}: ${found}`]
    }),
  )
}

/**
 * Dependencies that a lockfile (package-lock.json, version 3) names and does not lock. npm drops optional
 * packages of other platforms where its registry lacks them, and then refuses its own lockfile.
 */
export function unlockedPackages(lockfile: string): readonly string[] {
  const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(lockfile)
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).flatMap(name => {
      const isLocked = [...holders(path)].some(
        holder => `${holder}node_modules/${name}` in packages,
      )
      return isLocked ? [] : [`${name} of ${path}`]
    }),
  )
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Where Node would look for what the package at `path` requires, the nearest first. */
function* holders(path: string): Generator<string> {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    yield `${at}/`
  }
  yield ''
}
