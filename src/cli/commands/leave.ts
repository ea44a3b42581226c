/** `coterie leave`: a node goes in order, and its process ends. */
import { Command } from 'commander'
import { exitCodes, printJson, printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'

/** The node answers within ten seconds; the rest is for a busy machine, in milliseconds. */
const patience = 15_000

export function leaveCommand(): Command {
  return addReachOptions(new Command('leave'))
    .description('leave the network: others take what was written here, then the node stops')
    .addHelpText(
      'after',
      '\nThe members drop the node at once, without suspicion; the same word is given at SIGTERM. A later start is a new member.' +
        '\nExit code 1: it left, but nobody else may hold what it wrote last.',
    )
    .action(async (flags: ReachFlags) => {
      const report = await withNode(flags, (client, signal) => client.leave(signal), patience)
      if (!report.drained) process.exitCode = exitCodes.negative
      if (flags.json === true) return printJson(report)
      printLine(
        report.drained
          ? 'The node left and stopped; others hold all that was written here.'
          : 'The node left and stopped; nobody else may hold what was written here last.',
      )
    })
}
