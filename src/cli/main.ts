#!/usr/bin/env node
/** `coterie`: finds the command, runs it, turns what happens into an exit code. */
import { Command, CommanderError } from 'commander'
import { commandRows } from './commands.ts'

/** Commander's codes for what a person asked to read. */
const wasAsked: ReadonlySet<string> = new Set([
  'commander.helpDisplayed',
  'commander.help',
  'commander.version',
])

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('coterie')
    .description('A peer-to-peer gossip node for networks of trusted execution environments.')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 the answer is no, 2 usage, 3 not found out, 4 not running.',
    )
  const wanted = argv.filter(word => !word.startsWith('-'))
  const name = wanted[0] === 'help' ? wanted[1] : wanted[0]
  for (const row of commandRows) {
    const command = row.name === name ? await row.load() : new Command(row.name)
    program.addCommand(command.description(row.about))
  }
  program.exitOverride()
  inherit(program)
  await program.parseAsync(argv, { from: 'user' })
}

/** Commands that were put together elsewhere take over how errors and help are shown here. */
function inherit(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent)
    inherit(command)
  }
}

async function fail(error: unknown, argv: readonly string[]): Promise<void> {
  if (error instanceof CommanderError) {
    // Commander has printed its sentence. Its own exit code 1 means usage, which is 2 here.
    process.exitCode = error.exitCode === 0 || wasAsked.has(error.code) ? 0 : 2
    return
  }
  const { exitCodeOf, printError } = await import('./output.ts')
  printError(error, { json: argv.includes('--json') })
  process.exitCode = exitCodeOf(error)
}

// A reader that has seen enough (`coterie state list | head`) is no error.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

const argv = process.argv.slice(2)
try {
  await main(argv)
} catch (error) {
  await fail(error, argv)
}
