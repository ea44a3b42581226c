/** `coterie completion <shell>`: made from the command tree, so that it knows every command and flag. */
import { Argument, Command } from 'commander'
import { type CommandPath, commandPaths } from '../command-paths.ts'
import { printLine } from '../output.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export function completionCommand(): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText('after', '\nFor bash: source <(coterie completion bash)')
    .action((shell: Shell, _: object, command: Command) => {
      printLine(scripts[shell](commandPaths(command.parent ?? command)))
    })
}

const scripts: Readonly<Record<Shell, (paths: readonly CommandPath[]) => string>> = {
  bash: bashScript,
  zsh: paths => `autoload -U +X bashcompinit && bashcompinit\n${bashScript(paths)}`,
  fish: fishScript,
}

const wordsOf = ({ commands, flags }: CommandPath): string => [...commands, ...flags].join(' ')
/** Names of ours are letters and dashes; anything else has no business in a shell script. */
const quoted = (text: string): string => `'${text.replace(/[^\w ./-]/g, '')}'`

function bashScript(paths: readonly CommandPath[]): string {
  const steps = paths.filter(({ words }) => words.length > 0)
  return [
    '_coterie() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of the shell.
    "  local current=${COMP_WORDS[COMP_CWORD]} at='' word",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of the shell.
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$at $word" in',
    `      ${steps.map(({ words }) => quoted(` ${words.join(' ')}`)).join('|')}) at="$at $word" ;;`,
    '    esac',
    '  done',
    '  case "$at" in',
    ...paths.map(path => {
      const at = path.words.map(word => ` ${word}`).join('')
      return `    ${quoted(at)}) COMPREPLY=($(compgen -W ${quoted(wordsOf(path))} -- "$current")) ;;`
    }),
    '  esac',
    '}',
    'complete -o default -F _coterie coterie',
  ].join('\n')
}

function fishScript(paths: readonly CommandPath[]): string {
  const all = [...new Set(paths.flatMap(({ commands }) => commands))].join('|')
  return [
    'function __coterie_at',
    `  set -l at (string match -r '^(?:${all})$' -- (commandline -opc)[2..])`,
    '  test "$at" = "$argv"',
    'end',
    'complete -c coterie -f',
    ...paths.flatMap(({ words, commands, flags }) => {
      const at = `complete -c coterie -n '__coterie_at ${words.join(' ')}'`
      return [
        ...(commands.length > 0 ? [`${at} -a ${quoted(commands.join(' '))}`] : []),
        ...flags.map(flag => `${at} -l ${flag.replace(/^--/, '')}`),
      ]
    }),
  ].join('\n')
}
