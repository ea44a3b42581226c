/** `coterie signing …`: keys that members hold by threshold, and who holds them. */
import { Command, InvalidArgumentError } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { UsageError } from '../../base/errors.ts'
import { frostSuites } from '../../crypto/frost-suite.ts'
import { printJson, printLine, printNote, printTable, printWarning, shortId } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { ceremonyPatience, groupMeant, membersMeant } from '../signing-names.ts'

type Group = Answer<'makeGroup'>

interface CreateFlags extends ReachFlags {
  readonly suite: Group['suite']
  readonly threshold: number
  readonly signers?: readonly string[]
  readonly clones: number
  readonly locks: boolean
  readonly purpose: string
}

interface ReshareFlags extends ReachFlags {
  readonly threshold?: number
  readonly signers: readonly string[]
}

export function signingCommand(): Command {
  const signing = addReachOptions(new Command('signing'))
  signing.addCommand(groupsCommand())
  signing.addCommand(createCommand())
  signing.addCommand(reshareCommand())
  return signing
}

function groupsCommand(): Command {
  return new Command('groups')
    .description('show the groups of signers that a node knows')
    .action(async (_: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags>()
      const groups = await withNode(flags, (client, signal) => client.signingGroups(signal))
      if (flags.json === true) return printJson({ groups })
      const headings = ['GROUP', 'SUITE', 'SIGNERS', 'EPOCH', 'LOCKS', 'HERE', 'PURPOSE']
      printTable(headings, groups.map(rowOf))
    })
}

function createCommand(): Command {
  return new Command('create')
    .description('make a key that members hold together and no one alone')
    .requiredOption('--threshold <count>', 'how many sign together, from 2 on', count)
    .option('--suite <name>', `${frostSuites.join(', ')}`, suite, 'ed25519')
    .option('--signers <ids>', 'node ids or their ends, with commas; all members unless said', list)
    .option('--locks', 'demand a lock with each request: a name that one message takes for ever')
    .option('--clones <count>', 'how many may be copied and the locks still hold', count, 0)
    .option('--purpose <text>', 'what it is for, for people', '')
    .action(async (_: object, command: Command) => {
      const flags = command.optsWithGlobals<CreateFlags>()
      const { threshold, clones: clonesMax, purpose } = flags
      const terms = {
        suite: flags.suite,
        threshold,
        clonesMax,
        purpose,
        locks: flags.locks === true,
      }
      if (flags.json !== true) printNote('The signers make a key. This takes some seconds.')
      const group = await withNode(
        flags,
        async (client, signal) => {
          const signers = await membersMeant(client, flags.signers, signal)
          return await client.makeGroup({ ...terms, ...(signers && { signers }) }, signal)
        },
        ceremonyPatience,
      )
      show(flags, group)
    })
}

function reshareCommand(): Command {
  return new Command('reshare')
    .description('hand a key on to other signers; the public key stays, and the old shares end')
    .argument('<group>', 'its id, or the beginning of one')
    .requiredOption(
      '--signers <ids>',
      'who shall hold it: node ids or their ends, with commas',
      list,
    )
    .option('--threshold <count>', 'how many sign together; as before unless said', count)
    .action(async (name: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReshareFlags>()
      if (flags.json !== true)
        printNote('The old signers hand the key on. This takes some seconds.')
      const group = await withNode(
        flags,
        async (client, signal) => {
          const meant = await groupMeant(client, name, signal)
          const signers = (await membersMeant(client, flags.signers, signal)) ?? []
          const threshold = flags.threshold ?? (await thresholdOf(client, meant, signal))
          return await client.reshareGroup(meant, { signers, threshold }, signal)
        },
        ceremonyPatience,
      )
      show(flags, group)
    })
}

async function thresholdOf(
  client: { signingGroups(signal: AbortSignal): Promise<readonly Group[]> },
  group: string,
  signal: AbortSignal,
): Promise<number> {
  const known = (await client.signingGroups(signal)).find(each => each.group === group)
  if (known !== undefined) return known.threshold
  throw new UsageError('NO_THRESHOLD', 'This node does not know the group.', {
    next: 'Say how many sign together: --threshold.',
  })
}

function show(flags: ReachFlags, group: Group): void {
  if (flags.json === true) printJson(group)
  else {
    printLine(`group       ${group.group}`)
    printLine(`public key  ${group.publicKey} (${group.suite})`)
    printLine(`signers     ${group.threshold} of ${group.signers.length}, epoch ${group.epoch}`)
    for (const { node } of group.signers) printLine(`            ${node}`)
  }
  const spare = group.signers.length - group.threshold
  printWarning(
    `The key is in the memory of these nodes and nowhere else: it is gone for ever once more than ${spare} of them ended. ` +
      'Hand it on before: coterie signing reshare.',
  )
}

function rowOf(group: Group): readonly string[] {
  const { suite: name, threshold, signers, epoch, locks, isSigner, purpose } = group
  return [
    group.group.slice(0, 16),
    name,
    `${threshold} of ${signers.length}: ${signers.map(({ node }) => shortId(node)).join(' ')}`,
    String(epoch),
    locks ? 'yes' : 'no',
    isSigner ? 'signs' : 'asks',
    purpose ?? '',
  ]
}

function suite(given: string): Group['suite'] {
  const found = frostSuites.find(name => name === given)
  if (found !== undefined) return found
  throw new InvalidArgumentError(`It is one of ${frostSuites.join(', ')}.`)
}

function count(given: string): number {
  if (!/^\d{1,2}$/.test(given)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(given)
}

const list = (given: string): readonly string[] => given.split(',').map(part => part.trim())
