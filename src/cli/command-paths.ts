/** The command tree as a list: for completion and for the page of all commands. */
import type { Command } from 'commander'

/** One command with what may follow it. */
export interface CommandPath {
  readonly command: Command
  /** The words that lead to it, without the program's own name. */
  readonly words: readonly string[]
  readonly commands: readonly string[]
  /** Long flags that help shows, its own and those of its parents. */
  readonly flags: readonly string[]
}

/** Every command below `program`, itself first, parents before children. */
export function commandPaths(program: Command): readonly CommandPath[] {
  const walk = (
    command: Command,
    words: readonly string[],
    given: readonly string[],
  ): readonly CommandPath[] => {
    const own = command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? [])
    const flags = [...new Set([...given, ...own])]
    const commands = command.commands.map(child => child.name())
    return [
      { command, words, commands, flags: [...flags, '--help'] },
      ...command.commands.flatMap(child => walk(child, [...words, child.name()], flags)),
    ]
  }
  return walk(program, [], [])
}
