/** Nodes that must not get in: each is a process of its own that tries, and both ends say why not. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from '../../src/api/contract.ts'
import type { MachineFlaw } from '../hardware.ts'
import { writeChangedManifest } from '../layout.ts'
import type { NodeSlot } from '../network.ts'
import { type Check, type CheckContext, membersOf, require, until } from './check.ts'

type RefusalView = Answer<'refusals'>['refusals'][number]

/** Alone: the two ends cannot name each other, so nobody else may be trying. */
export const networkChecks: readonly Check[] = [
  { name: 'wrong-network-refused', run: wrongNetwork },
]

export const refusalChecks: readonly Check[] = [
  flawed('wrong-measurement-refused', { software: 'another program' }, 'MEASUREMENT_MISMATCH'),
  flawed('debug-refused', { debug: true }, 'DEBUG_ENABLED'),
  flawed('expired-evidence-refused', { isExpired: true }, 'EVIDENCE_EXPIRED'),
]

/** How long a refused node goes on trying while nobody may let it in, in milliseconds. */
const persistence = 1_500

/** The right program on a machine with one flaw. */
function flawed(name: string, flaw: MachineFlaw, code: string): Check {
  const run = async (context: CheckContext): Promise<string> => {
    const machine = machineOf(context, name)
    await context.layout.hardware.issue(machine, flaw)
    const { manifest } = context.folder
    const slot = await context.testnet.startExtra({ name, manifest, machine })
    try {
      const { node } = await slot.api.status(context.signal)
      const isOurs = (refusal: RefusalView) => refusal.node === node && refusal.code === code
      const first = context.testnet.slot(0)
      await until(context, `node-0 to refuse with ${code}`, () => {
        return refusalOf(context, first, refusal => refusal.by === 'me' && isOurs(refusal))
      })
      await until(context, `the refused node to learn ${code}`, () => {
        return refusalOf(context, slot, refusal => refusal.by === 'them' && refusal.code === code)
      })
      await staysOutside(context, slot, node)
      return `${code} on both sides, and it never became a member`
    } finally {
      await context.testnet.stopNode(slot)
    }
  }
  return { name, run }
}

/** The same software and hardware under a founding block with another nonce. */
async function wrongNetwork(context: CheckContext): Promise<string> {
  const name = 'wrong-network'
  const manifest = join(context.folder.path, `${name}.json`)
  await writeChangedManifest(context.folder, manifest, ours => ({
    ...ours,
    founding: { ...ours.founding, nonce: ours.founding.nonce + 1 },
  }))
  const machine = machineOf(context, name)
  await context.layout.hardware.issue(machine)
  const since = Date.now()
  const slot = await context.testnet.startExtra({ name, manifest, machine })
  try {
    const { node, network } = await slot.api.status(context.signal)
    require(network !== context.layout.network, 'the other network has the same id')
    // Noise mixes the network id in: without it neither side learns who the other is.
    await until(context, 'the stranger to see WRONG_NETWORK_OR_TAMPERED', () => {
      return refusalOf(context, slot, refusal => refusal.code === 'WRONG_NETWORK_OR_TAMPERED')
    })
    const first = context.testnet.slot(0)
    await until(context, 'node-0 to see HANDSHAKE_ABORTED', () => {
      return refusalOf(context, first, refusal => {
        return refusal.code === 'HANDSHAKE_ABORTED' && Date.parse(refusal.at) >= since
      })
    })
    const tried = context.testnet.relays.links().find(link => link.from === name)
    require(tried?.to === first.name, 'it never reached node-0')
    await staysOutside(context, slot, node)
    return 'WRONG_NETWORK_OR_TAMPERED at the stranger, HANDSHAKE_ABORTED at node-0'
  } finally {
    await context.testnet.stopNode(slot)
  }
}

/** The refusal of a node that fits, or `undefined`. */
export async function refusalOf(
  context: CheckContext,
  slot: NodeSlot,
  fits: (refusal: RefusalView) => boolean,
): Promise<RefusalView | undefined> {
  return (await slot.api.refusals(context.signal)).find(fits)
}

/** That nobody took `node` for a member or talks to it. */
export async function assertOutside(context: CheckContext, node: string): Promise<void> {
  for (const member of membersOf(context)) {
    const [members, peers] = await Promise.all([
      member.api.members(context.signal),
      member.api.peers(context.signal),
    ])
    require(!members.some(other => other.node === node), `${member.name} counts it as a member`)
    require(!peers.some(other => other.node === node), `${member.name} holds a connection to it`)
  }
}

/** Lets the refused node go on trying, then looks whether anybody let it in, and what it got. */
async function staysOutside(context: CheckContext, slot: NodeSlot, node: string): Promise<void> {
  await wait(persistence)
  await assertOutside(context, node)
  const status = await slot.api.status(context.signal)
  require(status.phase !== 'active', 'the refused node is active')
  require(status.keys.traffic === 0, 'the refused node holds a traffic key')
  require(status.state.entries === 0, 'the refused node holds state')
}

function machineOf(context: CheckContext, name: string): string {
  return join(context.folder.path, `machine-of-${name}.json`)
}
