#!/usr/bin/env node
/** `coterie`: finds the command, runs it, turns what happens into an exit code. */
import { CommanderError } from 'commander'
import { programWith } from './program.ts'

/** Commander's codes for what a person asked to read. */
const wasAsked: ReadonlySet<string> = new Set([
  'commander.helpDisplayed',
  'commander.help',
  'commander.version',
])

async function main(argv: readonly string[]): Promise<void> {
  const wanted = argv.filter(word => !word.startsWith('-'))
  const name = wanted[0] === 'help' ? wanted[1] : wanted[0]
  // Completion tells of every command, so for it alone all are loaded.
  const program = await programWith(row => row.name === name || name === 'completion')
  await program.parseAsync(argv, { from: 'user' })
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
