/** `coterie members`: whom a node believes; and how the manifest set takes somebody out for good. */
import { Command, Option } from 'commander'
import { printJson, printLine, printTable, shortId } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { claimOf, type Scope, scopes, signRemoval } from '../removal.ts'
import { printMembersAt } from './members-at.ts'

interface MembersFlags extends ReachFlags {
  readonly at?: string
}

interface RemoveFlags extends ReachFlags {
  readonly key: readonly string[]
  readonly scope: Scope
}

export function membersCommand(): Command {
  const members = addReachOptions(new Command('members')).option(
    '--at <time>',
    'who was a member then, by the audit record of the node: RFC 3339, or -2h',
  )
  members.action(async (flags: MembersFlags) => {
    if (flags.at !== undefined) return await printMembersAt(flags.at, flags)
    const found = await withNode(flags, (client, signal) => client.members(signal))
    if (flags.json === true) return printJson({ members: found })
    printTable(
      ['NODE', 'PHASE', 'STATE', 'PLATFORM', 'MEASUREMENT', 'INSTANCE', 'VERDICT UNTIL', 'LINK'],
      found.map(member => [
        shortId(member.node),
        member.phase,
        member.cause === null ? member.state : `${member.state} (${member.cause})`,
        member.platform,
        member.measurement,
        member.instance.slice(0, 8),
        member.verdictExpiresAt.slice(0, 19),
        member.self ? 'self' : member.connected ? 'open' : '-',
      ]),
    )
  })
  members.addCommand(removeCommand())
  return members
}

function removeCommand(): Command {
  return new Command('remove')
    .description('remove a node, a machine or a measurement for good, signed by the manifest set')
    .argument('<id>', 'a node id; a digest with --scope instance; a name with --scope measurement')
    .requiredOption(
      '--key <file>',
      'key file of a manifest-set member; repeat up to the threshold',
      collect,
    )
    .addOption(new Option('--scope <scope>', 'what is removed').choices(scopes).default('identity'))
    .addHelpText('after', '\nA removal cannot be taken back: the removed identity never returns.')
    .action(async (id: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<RemoveFlags>()
      const claim = claimOf(flags.scope, id)
      await withNode(flags, async (client, signal) => {
        const { network } = await client.status(signal)
        const item = await signRemoval({ network, claim, keyFiles: flags.key })
        const { added } = await client.remove([item], signal)
        if (flags.json === true) return printJson({ added, scope: flags.scope, id })
        printLine(
          added === 0
            ? 'It was removed already; nothing changed.'
            : `Removed ${flags.scope} ${id}. Members spread the certificate; nothing takes it back.`,
        )
      })
    })
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}
