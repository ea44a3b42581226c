/** `coterie policy link`: the first thing that a light client is told, as text for a message or a QR code. */
import { Command } from 'commander'
import { addressOf, formatLink, pinOf } from '../../light/link.ts'
import { printJson, printLine } from '../output.ts'
import { readPolicy, readPolicyBytes } from '../policy-file.ts'
import { type ReachFlags, withNode } from '../reach.ts'

interface Flags extends ReachFlags {
  readonly node: readonly string[]
}

export function linkCommand(): Command {
  return new Command('link')
    .description('print the coterie: link that pins a manifest and says where nodes are')
    .argument('[file]', 'a manifest file; that of a running node unless given')
    .requiredOption(
      '--node <address>',
      "a node's HTTP API as light clients reach it, or its multiaddr; repeated: up to 16",
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .action(async (file: string | undefined, _: object, command: Command) => {
      const flags = command.optsWithGlobals<Flags>()
      const bytes =
        file === undefined
          ? await withNode(flags, (client, signal) => client.manifest(signal))
          : await readPolicyBytes(file)
      const { manifest } = readPolicy(bytes)
      const pin = pinOf(manifest)
      const link = formatLink({ ...pin, nodes: flags.node.map(addressOf) })
      if (flags.json === true) return printJson({ link, ...pin })
      printLine(link)
    })
}
