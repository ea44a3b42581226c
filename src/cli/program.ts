/** The command tree, with as much of it loaded as is asked for. */
import { Command } from 'commander'
import { type CommandRow, commandRows } from './commands.ts'

/** The program with the commands that `isLoaded` chooses whole, and the names of the others. */
export async function programWith(isLoaded: (row: CommandRow) => boolean): Promise<Command> {
  const program = new Command('coterie')
    .description('A peer-to-peer gossip node for networks of trusted execution environments.')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 the answer is no, 2 usage, 3 not found out, 4 not running, 130 interrupted.',
    )
  for (const row of commandRows) {
    const command = isLoaded(row) ? await row.load() : new Command(row.name)
    program.addCommand(command.description(row.about))
  }
  program.exitOverride()
  inherit(program)
  return program
}

/** Commands that were put together elsewhere take over how errors and help are shown here. */
function inherit(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent)
    inherit(command)
  }
}
