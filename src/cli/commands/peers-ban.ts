/** `coterie peers ban` and `unban`: whom one node turns away for a while, on a person's word. */
import { Command } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import { UsageError } from '../../base/errors.ts'
import { exitCodes, printable, printJson, printLine } from '../output.ts'
import { type ReachFlags, withNode } from '../reach.ts'

interface BanFlags extends ReachFlags {
  readonly for: string
  readonly reason: string
}

const secondsOfUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

export function banCommand(): Command {
  return new Command('ban')
    .description('turn a node or a machine away from this node for a while; others are not told')
    .argument('<id>', 'a node id, the digest of an instance, or the end or beginning of one')
    .option('--for <span>', 'how long, with its unit (s, m, h, d), at most 30d', '1h')
    .option('--reason <text>', 'a note for whoever looks later', '')
    .addHelpText(
      'after',
      '\nA ban steers whom this node talks to and decides nothing: what the banned one writes still comes through ' +
        'others. Out of the network takes coterie members remove.',
    )
    .action(async (id: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<BanFlags>()
      const seconds = secondsIn(flags.for)
      const ban = await withNode(flags, async (client, signal) => {
        const subject = await subjectOf(client, id, signal)
        return await client.ban({ subject, seconds, reason: flags.reason }, signal)
      })
      if (flags.json === true) return printJson(ban)
      printLine(printable(`This node turns ${ban.scope} ${ban.subject} away until ${ban.until}.`))
    })
}

export function unbanCommand(): Command {
  return new Command('unban')
    .description('end a ban; whoever was banned still needs a verdict for everything')
    .argument('<id>', 'a node id, the digest of an instance, or the end or beginning of one')
    .action(async (id: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags>()
      const { lifted } = await withNode(flags, async (client, signal) =>
        client.unban(await subjectOf(client, id, signal), signal),
      )
      if (!lifted) process.exitCode = exitCodes.negative
      if (flags.json === true) return printJson({ lifted })
      printLine(lifted ? 'The ban is over.' : 'Nobody of this name was banned.')
    })
}

function secondsIn(span: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,7})([smhd])$/.exec(span) ?? []
  const seconds = Number(digits) * (secondsOfUnit[unit] ?? 0)
  if (seconds > 0) return seconds
  throw new UsageError('BAD_SPAN', `${span} is no time with its unit.`, {
    next: 'Write 90s, 10m, 2h or 7d.',
  })
}

/** The whole name of whom `id` means: tables show ends of node ids and beginnings of instances. */
async function subjectOf(client: ApiClient, id: string, signal: AbortSignal): Promise<string> {
  if (/^([0-9a-f]{64}|12D3KooW\w{44})$/.test(id)) return id
  const members = await client.members(signal)
  const refusals = await client.refusals(signal)
  const bans = await client.bans(signal)
  const known = new Set([
    ...members.flatMap(({ node, instance }) => [node, instance]),
    ...refusals.flatMap(({ node }) => node ?? []),
    ...bans.map(({ subject }) => subject),
  ])
  const isDigest = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)
  const meant = [...known].filter(name =>
    isDigest(name) ? name.startsWith(id) : name.endsWith(id),
  )
  const [subject] = meant
  if (meant.length === 1 && subject !== undefined && id !== '') return subject
  const text =
    meant.length === 0 ? 'Nobody that this node knows is called so.' : 'Several are called so.'
  throw new UsageError(meant.length === 0 ? 'NO_SUCH_PEER' : 'AMBIGUOUS_PEER', text, {
    next: 'Give a whole node id, or the digest of an instance: coterie members --json shows them.',
  })
}
