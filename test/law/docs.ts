/** What documents promise about the code, as functions from text to offences. */
import { posix } from 'node:path'
import { calledName, type Tree, visit } from './tree.ts'

/** Names of tests: the first argument of every `test(…)` and `test.each(…)(…)`, in `tree`. */
export function testNames(tree: Tree): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [path, text] of tree) {
    visit(path, text, {
      CallExpression: ({ callee, arguments: [first] }) => {
        if (first === undefined || calledName(callee) !== 'test') return
        const name = textOf(first)
        if (name !== undefined) names.add(name)
      },
    })
  }
  return names
}

/** Every string literal of `tree`. */
export function stringsOf(tree: Tree): ReadonlySet<string> {
  const strings = new Set<string>()
  for (const [path, text] of tree) {
    visit(path, text, {
      Literal: ({ value }) => {
        if (typeof value === 'string') strings.add(value)
      },
    })
  }
  return strings
}

function textOf(node: object): string | undefined {
  if ('value' in node && typeof node.value === 'string') return node.value
  if (!('quasis' in node) || !Array.isArray(node.quasis)) return undefined
  return node.quasis.map(part => part.value.cooked).join('…')
}

/** A test that a table cites, with the attack that it is said to try. */
export interface CitedTest {
  readonly attack: string
  readonly test: string
}

/**
 * What the tables of a threat model cite: rows of four cells (boundary, attack, what stops it, tests), the
 * tests in backticks. A row that cites nothing has the test `''`.
 */
export function citedTests(markdown: string): readonly CitedTest[] {
  return markdown.split('\n').flatMap(line => {
    const cells = line.split('|').slice(1, -1)
    if (cells.length !== 4 || /^[\s-]*$/.test(cells.join(''))) return []
    const [, attack = '', , tests = ''] = cells.map(cell => cell.trim())
    if (attack === 'attack') return []
    const cited = [...tests.matchAll(/`([^`]+)`/g)].map(([, test = '']) => test)
    return (cited.length === 0 ? [''] : cited).map(test => ({ attack, test }))
  })
}

/** Relative links of `docs` that lead nowhere. `exists` is asked for paths from the top. */
export function deadLinks(docs: Tree, exists: (path: string) => boolean): readonly string[] {
  return [...docs].flatMap(([path, text]) =>
    [...text.matchAll(/\]\(([^)\s#]+)(#[^)]*)?\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return []
      const to = posix.join(posix.dirname(path), target)
      return exists(to.replace(/\/$/, '')) ? [] : [`${path}: ${target}`]
    }),
  )
}
