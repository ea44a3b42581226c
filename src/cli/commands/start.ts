/** `coterie start`: runs a node and its API until it is told to stop. */
import { Command } from 'commander'
import { loadConfig } from '../../api/load-config.ts'
import { addHostFlags, type HostFlags, sourcesOf } from '../host-flags.ts'

export function startCommand(): Command {
  return addHostFlags(new Command('start'))
    .option('--json', 'print the status line as JSON', false)
    .action(async ({ json, ...flags }: HostFlags) => {
      const { config } = await loadConfig(sourcesOf(flags))
      // Loaded late: help and a wrong option are answered before the network library is read.
      const { runNode } = await import('../run-node.ts')
      await runNode(config, json === true)
    })
}
