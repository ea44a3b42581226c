/** Whom the manifest set removes is out, everywhere and for good. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { removeMember } from '../remove-member.ts'
import { type Check, type CheckContext, converged, membersOf, require, until } from './check.ts'
import { assertOutside, refusalOf } from './refusals.ts'

export const removalChecks: readonly Check[] = [
  { name: 'removed-node-excluded', run: removedNodeExcluded, patience: 90_000 },
]

/** How long the removed node goes on trying, in milliseconds. */
const persistence = 1_500

/** A member in good standing is removed with `coterie members remove`, and loses everything that comes after. */
async function removedNodeExcluded(context: CheckContext): Promise<string> {
  const { testnet, folder, layout, signal } = context
  const name = 'removed'
  const machine = join(folder.path, `machine-of-${name}.json`)
  await layout.hardware.issue(machine)
  const slot = await testnet.startExtra({ name, manifest: folder.manifest, machine })
  try {
    const { node } = await slot.api.status(signal)
    await until(context, 'the node to become a member', async () => {
      return (await slot.api.status(signal)).phase === 'active' ? true : undefined
    })
    const first = testnet.slot(0)
    await first.api.set('check/before-removal', { text: 'for all' })
    await until(context, 'it to read as a member', () => {
      return slot.api.get('check/before-removal', signal)
    })
    await remove(context, node)
    for (const member of membersOf(context)) {
      await until(context, `${member.name} to exclude it`, async () => {
        const [members, peers, { removals }] = await Promise.all([
          member.api.members(signal),
          member.api.peers(signal),
          member.api.status(signal),
        ])
        const isKnown = [...members, ...peers].some(other => other.node === node)
        return isKnown || removals.count === 0 ? undefined : true
      })
    }
    await first.api.set('check/after-removal', { text: 'for members' })
    const nodes = await converged(context)
    const digests = new Set(nodes.map(other => other.status?.removals.digest))
    require(digests.size === 1, 'the removal digests differ')
    const code = await until(context, 'node-0 to refuse its return', async () => {
      const refused = await refusalOf(context, first, refusal => {
        return refusal.by === 'me' && refusal.node === node
      })
      return refused?.code
    })
    await until(context, 'it to learn that it is refused', () => {
      return refusalOf(context, slot, refusal => refusal.by === 'them' && refusal.code === code)
    })
    await wait(persistence)
    await assertOutside(context, node)
    const late = await slot.api.get('check/after-removal', signal)
    require(late === undefined, 'it reads what was written after its removal')
    const held = await first.api.get('check/before-removal', signal)
    require(held !== undefined, 'what was written before the removal is gone')
    return `disconnected by all ${context.nodes}, ${code} on both sides, nothing written later reached it`
  } finally {
    await testnet.stopNode(slot)
  }
}

async function remove(context: CheckContext, node: string): Promise<void> {
  const url = `http://127.0.0.1:${context.testnet.slot(1).httpPort}`
  await removeMember({ node, keys: context.layout.memberKeys, url, signal: context.signal })
}
