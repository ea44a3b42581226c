/** The command tree as a page. */
import type { Command } from 'commander'
import { commandPaths } from '../../../src/cli/command-paths.ts'
import { programWith } from '../../../src/cli/program.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function section(words: readonly string[], command: Command): readonly string[] {
  const argumentsOf = command.registeredArguments.map(argument => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? ` <${name}>` : ` [${name}]`
  })
  const flags = command.options.filter(({ hidden }) => !hidden)
  const isStart = flags.some(({ long }) => long === '--write-queue-max')
  const rows = flags.map(
    ({ flags: spelled, description }) => `| \`${cell(spelled)}\` | ${cell(description)} |`,
  )
  return [
    `## coterie ${words.join(' ')}${argumentsOf.join('')}`,
    '',
    `${command.description().replace(/^./, letter => letter.toUpperCase())}.`,
    '',
    ...(isStart ? ['Takes every [option of the host](options.md) as a flag, and:', ''] : []),
    ...(rows.length === 0 ? [] : ['| flag | does |', '|---|---|']),
    ...(isStart ? rows.filter(row => /`--(json|config|origin)/.test(row)) : rows),
    ...(rows.length === 0 ? [] : ['']),
  ]
}

export async function cliPage(): Promise<string> {
  const paths = commandPaths(await programWith(() => true)).filter(({ words }) => words.length > 0)
  return [
    '# Commands',
    '',
    'Generated from the command tree by `npm run reference`; a test finds drift.',
    '',
    'Exit codes: 0 ok, 1 the answer is no, 2 usage or configuration, 3 it could not be found out, 4 not running, 130 interrupted.',
    '',
    ...paths.flatMap(({ words, command }) => section(words, command)),
  ]
    .join('\n')
    .replace(/\n+$/, '\n')
}
