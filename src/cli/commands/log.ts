/** `coterie log level …`: how loud a running node is; and the audit record beside the log. */
import { Argument, Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { printJson, printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { auditCommand } from './log-audit.ts'

type Level = Answer<'logLevel'>['level']

export function logCommand(): Command {
  const level = new Command('level').description('show or set how loud the log is')
  level.addCommand(
    addReachOptions(new Command('get'))
      .description('print the level')
      .action(async (flags: ReachFlags) => {
        print(flags, await withNode(flags, (client, signal) => client.logLevel(signal)))
      }),
  )
  level.addCommand(
    addReachOptions(new Command('set'))
      .description('set the level until the node stops; the configuration stays as it is')
      .addArgument(new Argument('<level>').choices(['error', 'warn', 'info', 'debug']))
      .action(async (wanted: Level, flags: ReachFlags) => {
        print(flags, await withNode(flags, (client, signal) => client.setLogLevel(wanted, signal)))
      }),
  )
  return new Command('log').addCommand(level).addCommand(auditCommand())
}

function print(flags: ReachFlags, answer: Answer<'logLevel'>): void {
  if (flags.json === true) printJson(answer)
  else printLine(answer.level)
}
