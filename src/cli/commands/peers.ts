/** `coterie peers`: open connections, and handshakes that did not become one. */
import { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { exitCodes, printable, printJson, printLine, printTable, shortId } from '../output.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'

type Member = Answer<'members'>['members'][number]
type Refusal = Answer<'refusals'>['refusals'][number]

export function peersCommand(): Command {
  const peers = addReachOptions(new Command('peers')).action(async (flags: ReachFlags) => {
    const found = await withNode(flags, (client, signal) => client.peers(signal))
    if (flags.json === true) return printJson({ peers: found })
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
  })
  peers.addCommand(whyCommand())
  return peers
}

function whyCommand(): Command {
  return new Command('why')
    .description('show who is silent and where that sits, and refused handshakes with their codes')
    .argument('[node]', 'a node id, the end of one, or a part of an address')
    .action(async (wanted: string | undefined, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags>()
      const all = await withNode(flags, async (client, signal) => ({
        refusals: await client.refusals(signal),
        members: await client.members(signal),
      }))
      const found = all.refusals.filter(each => wanted === undefined || isAbout(each, wanted))
      const silent = all.members.filter(
        ({ node, cause }) => cause !== null && (wanted === undefined || node.endsWith(wanted)),
      )
      if (flags.json === true) printJson({ refusals: found, silent })
      else printWhy(found, silent)
      const isNothing = found.length + silent.length === 0
      if (wanted !== undefined && isNothing) process.exitCode = exitCodes.negative
    })
}

function isAbout(refusal: Refusal, wanted: string): boolean {
  return refusal.node?.endsWith(wanted) === true || refusal.address.includes(wanted)
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

function printWhy(refusals: readonly Refusal[], silent: readonly Member[]): void {
  for (const { node, state, cause } of silent) {
    if (cause !== null) printLine(`${shortId(node)} is ${state}; ${whereSilent[cause]}`)
  }
  if (refusals.length > 0 || silent.length === 0) printRefusals(refusals)
}

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
