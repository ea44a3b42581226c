/** What documents promise about the code, as functions from text to offences. */
import { posix } from 'node:path'
import type { CommandPath } from '../../src/cli/command-paths.ts'
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

/** A section of a page: its blocks of `sh`, each as the words of the `coterie` commands in it. */
export interface CommandSection {
  readonly heading: string
  readonly blocks: readonly (readonly (readonly string[])[])[]
}

/** The commands that a page tells people to type; `$NODE` in quotes is one word. */
export function commandsOf(markdown: string): readonly CommandSection[] {
  return markdown.split(/^#+ /m).map(section => ({
    heading: section.split('\n')[0] ?? '',
    blocks: [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) =>
      block
        .split('\n')
        .filter(line => line.startsWith('coterie '))
        .map(line => line.split(/\s+#/)[0]?.trim().split(/\s+/).slice(1) ?? [])
        .map(words => words.map(word => word.replaceAll('"', ''))),
    ),
  }))
}

/** The words of the commands in running text: whole ones, and those of which the beginning is named. */
function commandsInLine(markdown: string): readonly (readonly string[])[] {
  const running = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '')
  return [...running.matchAll(/`coterie ([a-z][^`\n]*)`/g)].map(([, words = '']) =>
    words.trim().split(/\s+/),
  )
}

/** Commands in blocks of `sh`, and in the text, of `docs` that `paths` does not have, or not with these flags. */
export function commandOffences(
  docs: Tree,
  paths: readonly Pick<CommandPath, 'words' | 'commands' | 'flags'>[],
): readonly string[] {
  return [...docs].flatMap(([path, text]) =>
    [...commandsOf(text).flatMap(({ blocks }) => blocks.flat()), ...commandsInLine(text)]
      .filter(words => !isTypable(words, paths))
      .map(words => `${path}: coterie ${words.join(' ')}`),
  )
}

function isTypable(
  words: readonly string[],
  paths: readonly Pick<CommandPath, 'words' | 'commands' | 'flags'>[],
): boolean {
  const deepest = paths
    .filter(({ words: path }) => path.every((word, i) => words[i] === word))
    .toSorted((left, right) => right.words.length - left.words.length)[0]
  const rest = words.slice(deepest?.words.length ?? 0)
  const [first = ''] = rest
  // A command that has commands of its own is either complete, or the next word is one of them.
  const isComplete = deepest?.commands.length === 0 || first === '' || first.startsWith('-')
  const flags = rest.filter(word => word.startsWith('--')).map(word => word.split('=')[0] ?? '')
  return isComplete && flags.every(flag => deepest?.flags.includes(flag))
}
