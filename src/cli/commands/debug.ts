/** `coterie debug bundle`: one JSON document about a node, made of what may be shown, never filtered from what may not. */
import { writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { Command } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import { CoterieError, HostError } from '../../base/errors.ts'
import { version } from '../../base/version.ts'
import { printLine } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'

interface BundleFlags extends ReachFlags {
  readonly out?: string
}

export function debugCommand(): Command {
  const bundle = addReachOptions(new Command('bundle'))
    .description('write what helps to find a fault into one JSON document')
    .option('--out <file>', 'where to write it, mode 0600; standard output unless said')
    .addHelpText(
      'after',
      '\nIt asks the routes that show neither keys nor values of the state, and reads no key, token or machine file.',
    )
    .action(async (flags: BundleFlags) => {
      const document = await withNode(flags, async (client, signal) => bundleOf(client, signal))
      const text = `${JSON.stringify(document, null, 2)}\n`
      if (flags.out === undefined) return void process.stdout.write(text)
      await writeFile(flags.out, text, { mode: 0o600, flag: 'wx' }).catch(cause => {
        const next = 'Name a file that is not there yet.'
        throw new HostError('FILE_NOT_WRITTEN', `${flags.out} could not be written.`, {
          cause,
          next,
        })
      })
      printLine(`Wrote ${flags.out}.`)
    })
  return new Command('debug').addCommand(bundle)
}

/** Routes of the operator alone: by the contract none of them shows a key or value of the state. */
async function bundleOf(client: ApiClient, signal: AbortSignal): Promise<unknown> {
  const sections = {
    status: () => client.status(signal),
    ready: () => client.ready(signal),
    members: () => client.members(signal),
    peers: () => client.peers(signal),
    refusals: () => client.refusals(signal),
    events: () => client.happened(signal),
    logLevel: () => client.logLevel(signal),
  }
  const asked = Object.entries(sections).map(async ([name, ask]) => {
    // One section that fails is what the bundle is for: its error stands in its place.
    const found = await ask().catch((error: unknown) => {
      // Without a node there is nothing to bundle.
      if (error instanceof CoterieError && error.code === 'NOT_RUNNING') throw error
      return { error: String(error) }
    })
    return [name, found] as const
  })
  return {
    made: new Date().toISOString(),
    software: { version, node: process.version, platform: `${process.platform}-${process.arch}` },
    machine: { cpus: cpus().length, memoryBytes: totalmem() },
    ...Object.fromEntries(await Promise.all(asked)),
  }
}
