/** The nodes find each other, and each believes each other for a reason. */
import { setTimeout as wait } from 'node:timers/promises'
import { readJson } from '../folder.ts'
import { type Check, type CheckContext, converged, membersOf, require, until } from './check.ts'

export const discoveryChecks: readonly Check[] = [
  { name: 'discovery-from-one-bootstrap', run: discovery },
  { name: 'mutual-attestation', run: mutualAttestation },
]

const linkPoll = 100 // Milliseconds.

/** Every pair has talked over a link of its own, though each was told of node 0's relay alone. */
async function discovery(context: CheckContext): Promise<string> {
  await converged(context)
  const slots = membersOf(context)
  const first = `/ip4/127.0.0.1/tcp/${slots[0]?.relayPort}`
  for (const slot of slots) {
    const config = await readJson(slot.folder.config)
    const known = JSON.stringify((config as { bootstrap?: unknown }).bootstrap)
    const expected = slot.index === 0 ? '[]' : JSON.stringify([first])
    require(known === expected, `${slot.name} was told of ${known}`)
  }
  const pairs = slots.flatMap((left, i) => {
    return slots.slice(i + 1).map(right => pairOf(left.name, right.name))
  })
  // All hear each other through others before all have dialled each other: a missing link may be on its way.
  for (;;) {
    const talking = talkingPairs(context)
    const silent = pairs.filter(pair => !talking.has(pair))
    if (silent.length === 0) break
    require(!context.signal.aborted, `no link between ${silent.join(', ')}`)
    await wait(linkPoll)
  }
  return `${pairs.length} pairs talk over links of their own; each node was told of ${first} alone`
}

/** Pairs of places with a link that carried bytes both ways. */
function talkingPairs({ testnet }: CheckContext): ReadonlySet<string> {
  const links = testnet.relays.links().filter(link => link.bytesForth > 0 && link.bytesBack > 0)
  return new Set(links.map(link => pairOf(link.from, link.to)))
}

/** Each node holds an unexpired trusted verdict on each other, proved fresh, on distinct instances. */
async function mutualAttestation(context: CheckContext): Promise<string> {
  const snapshots = await until(context, 'every pair to have proved itself fresh', async () => {
    const nodes = await converged(context)
    const members = nodes.flatMap(node => node.members)
    return members.every(member => member.self || member.isFresh) ? nodes : undefined
  })
  const ids = snapshots.map(node => node.status?.node ?? '')
  require(new Set(ids).size === ids.length, 'two nodes have one id')
  for (const { name, members } of snapshots) {
    const own = members.filter(member => ids.includes(member.node))
    require(own.length === ids.length, `${name} knows ${own.length} of ${ids.length} members`)
    for (const member of own) {
      const where = `${name} about ${member.node.slice(-6)}`
      require(member.measurement === 'coterie-testnet', `${where}: ${member.measurement}`)
      require(Date.parse(member.verdictExpiresAt) > Date.now(), `${where}: the verdict has lapsed`)
      require(member.self || member.connected, `${where}: no connection`)
    }
    const instances = new Set(own.map(member => member.instance))
    require(instances.size === ids.length, `${name} sees ${instances.size} instances`)
  }
  for (const slot of membersOf(context)) {
    const peers = await slot.api.peers(context.signal)
    const doubted = peers.filter(peer => !peer.verdict.startsWith('trusted'))
    require(doubted.length ===
      0, `${slot.name} talks to ${doubted[0]?.node}: ${doubted[0]?.verdict}`)
  }
  return `${ids.length * (ids.length - 1)} ordered pairs hold fresh trusted verdicts on ${ids.length} instances`
}

function pairOf(left: string, right: string): string {
  return [left, right].sort().join('–')
}
