/** `coterie peers`: open connections, and handshakes that did not become one. */
import { Command } from 'commander'
import type { ApiClient } from '../../api/client.ts'
import type { Answer } from '../../api/contract.ts'
import { exitCodes, printable, printJson, printLine, printTable, shortId } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { banCommand, unbanCommand } from './peers-ban.ts'

type Member = Answer<'members'>['members'][number]
type Ban = Answer<'bans'>['bans'][number]
type Refusal = Answer<'refusals'>['refusals'][number]

export function peersCommand(): Command {
  const peers = addReachOptions(new Command('peers')).action(async (flags: ReachFlags) => {
    const { peers: found, bans } = await withNode(flags, async (client, signal) => ({
      peers: await client.peers(signal),
      bans: await client.bans(signal),
    }))
    if (flags.json === true) return printJson({ peers: found, bans })
    printTable(
      ['NODE', 'ADDRESS', 'DIALLED', 'VERDICT', 'MEASUREMENT'],
      found.map(peer => [
        shortId(peer.node),
        peer.address,
        peer.direction === 'out' ? 'by us' : 'by them',
        peer.verdict,
        peer.measurement,
      ]),
    )
    printBans(bans)
  })
  for (const make of [whyCommand, banCommand, unbanCommand]) peers.addCommand(make())
  return peers
}

function whyCommand(): Command {
  return new Command('why')
    .description('show why somebody is connected or not: verdict, liveness, closures, refusals')
    .argument('[node]', 'a node id, the end of one, or a part of an address')
    .action(async (wanted: string | undefined, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags>()
      const known = await withNode(flags, (client, signal) => knownOf(client, wanted, signal))
      if (flags.json === true) printJson(known)
      else printKnown(known)
      const isEmpty = Object.values(known).every(list => list.length === 0)
      if (wanted !== undefined && isEmpty) process.exitCode = exitCodes.negative
    })
}

interface Known {
  readonly refusals: readonly Refusal[]
  /** Members that are suspected or dead, with where their silence sits. */
  readonly silent: readonly Member[]
  readonly members: readonly Member[]
  readonly peers: Answer<'peers'>['peers']
  readonly bans: readonly Ban[]
  /** Connections that opened and closed, changes of liveness, faults. */
  readonly events: readonly Answer<'events'>[]
}

/** All that the node can say about whom `wanted` names; of everybody who is refused or silent. */
async function knownOf(
  client: ApiClient,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Known> {
  const all = await client.refusals(signal)
  const members = await client.members(signal)
  const silent = members.filter(({ cause }) => cause !== null)
  const bans = await client.bans(signal)
  if (wanted === undefined) {
    return { refusals: all, silent, members: [], peers: [], bans, events: [] }
  }
  const named = (node: unknown): boolean => typeof node === 'string' && node.endsWith(wanted)
  const peers = await client.peers(signal)
  const events = await client.happened(signal)
  const instances = members.filter(({ node }) => named(node)).map(({ instance }) => instance)
  return {
    refusals: all.filter(({ node, address }) => named(node) || address.includes(wanted)),
    silent: silent.filter(({ node }) => named(node)),
    members: members.filter(({ node }) => named(node)),
    peers: peers.filter(({ node, address }) => named(node) || address.includes(wanted)),
    bans: bans.filter(({ subject }) => named(subject) || instances.includes(subject)),
    events: events
      .filter(({ facts }) => named(facts['node']) || named(facts['subject']))
      .slice(-eventsShown),
  }
}

const eventsShown = 20

function printKnown({ refusals, silent, members, peers, bans, events }: Known): void {
  for (const member of members) {
    const { phi, state, phase, measurement, verdictExpiresAt, isFresh, vouchedBy } = member
    const suspicion = phi === null ? '' : `, phi ${phi.toFixed(1)}`
    printLine(`member    ${printable(member.node)}: ${phase}, ${state}${suspicion}`)
    const fresh = isFresh ? 'fresh' : 'not stepped up lately'
    printLine(`verdict   trusted as ${printable(measurement)} until ${verdictExpiresAt}, ${fresh}`)
    if (vouchedBy.length > 0) {
      const signers = vouchedBy.map(shortId).join(' and ')
      printLine(`          not appraised by this node: by ${signers}, whose results it goes by`)
    }
  }
  for (const { direction, address } of peers) {
    const by = direction === 'out' ? 'dialled by us' : 'dialled by them'
    printLine(`connected ${by}, ${printable(address)}`)
  }
  printBans(bans)
  for (const { at, text, facts } of events) {
    const rest = Object.entries(facts).filter(([name]) => name !== 'node')
    const told = rest.map(([name, value]) => `${name}=${String(value)}`).join(' ')
    printLine(printable(`${at.slice(11, 19)}  ${text} ${told}`.trimEnd()))
  }
  for (const { node, state, cause } of silent) {
    if (cause !== null) printLine(`${shortId(node)} is ${state}; ${whereSilent[cause]}`)
  }
  if (refusals.length > 0 || silent.length === 0) printRefusals(refusals)
}

/** Whom this node turns away; whoever it is may be connected with everybody else. */
function printBans(bans: readonly Ban[]): void {
  for (const { subject, scope, code, reason, until } of bans) {
    const who = scope === 'identity' ? shortId(subject) : `machine ${subject.slice(0, 8)}`
    const why = reason === '' ? code : `${code}: ${reason}`
    printLine(printable(`banned    ${who} until ${until.slice(0, 19)}, ${why}`))
  }
}

const whoRefused = {
  me: 'this node refused',
  them: 'they refused',
  link: 'the link broke',
} as const

const whereSilent = {
  overdue: 'not known yet',
  'my-link': 'the link of this node: others reach it, or nobody answers',
  'their-link': 'its link: others do not reach it either',
  'their-process': 'its process: it is gone, or it hangs',
} as const

function printRefusals(refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return printLine('No refused handshake.')
  printTable(
    ['LAST', 'TIMES', 'WHO', 'NODE', 'ADDRESS', 'CODE', 'FACTS'],
    refusals.map(({ at, count, by, node, address, code, facts }) => [
      at.slice(11, 19),
      String(count),
      whoRefused[by],
      node === null ? '?' : shortId(node),
      address,
      code,
      Object.entries(facts)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ]),
  )
  const steps = new Map(refusals.map(({ code, next }) => [code, next]))
  for (const [code, next] of steps) {
    if (next !== '') printLine(`${printable(code)} next: ${printable(next)}`)
  }
}
