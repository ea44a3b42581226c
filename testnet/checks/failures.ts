/** Machines die, come back, and are cut off from each other. */
import type { NodeSlot } from '../network.ts'
import {
  type Check,
  type CheckContext,
  converged,
  idOf,
  membersOf,
  require,
  until,
} from './check.ts'

export const failureChecks: readonly Check[] = [
  { name: 'crash-detected', run: crashDetected },
  { name: 'restart-rejoins', run: restartRejoins },
  { name: 'partition-heals', run: partitionHeals, patience: 90_000 },
]

/** The last node is killed; every other one comes to know it. It stays down for the next check. */
async function crashDetected(context: CheckContext): Promise<string> {
  await converged(context)
  const victim = lastOf(context)
  const id = await idOf(context, victim)
  const begun = performance.now()
  await context.testnet.killNode(victim)
  for (const slot of membersOf(context).filter(other => other !== victim)) {
    await until(context, `${slot.name} to see that ${victim.name} is dead`, async () => {
      return (await isMissed(context, slot, id)) ? true : undefined
    })
  }
  const span = ((performance.now() - begun) / 1000).toFixed(1)
  await converged(context, node => node.name !== victim.name)
  return `all others saw the death of ${victim.name} within ${span} s of SIGKILL`
}

/** It comes back as another identity, is attested anew, and holds what it missed. */
async function restartRejoins(context: CheckContext): Promise<string> {
  const victim = lastOf(context)
  const old = context.testnet.isRunning(victim) ? await idOf(context, victim) : null
  await context.testnet.killNode(victim)
  const writer = context.testnet.slot(1)
  await context.canary.write(writer)
  await writer.api.set('check/missed', { text: 'written while it was down' })
  const begun = performance.now()
  await context.testnet.startNode(victim)
  await converged(context)
  const span = ((performance.now() - begun) / 1000).toFixed(1)
  const id = await idOf(context, victim)
  require(id !== old, 'it came back under its old identity')
  const missed = await victim.api.get('check/missed', context.signal)
  require(missed !== undefined, 'it lacks what was written while it was down')
  require(await context.canary.isHeldBy(victim, context.signal), 'it lacks older state')
  return `back as a new identity, attested and with all state, ${span} s after its start`
}

/** Both sides of a silent cut lose sight of each other, go on writing, and are one again after it. */
async function partitionHeals(context: CheckContext): Promise<string> {
  await converged(context)
  const slots = membersOf(context)
  const cut = Math.floor(slots.length / 2)
  const [left, right] = [slots.slice(0, cut), slots.slice(cut)]
  const { relays } = context.testnet
  const begun = performance.now()
  relays.partition(names(left), names(right), 'silent')
  try {
    const ids = new Map<NodeSlot, string>()
    for (const slot of slots) ids.set(slot, await idOf(context, slot))
    for (const [side, other] of [
      [left, right],
      [right, left],
    ] as const) {
      for (const slot of side) {
        for (const lost of other) {
          await until(context, `${slot.name} to lose sight of ${lost.name}`, async () => {
            return (await isMissed(context, slot, ids.get(lost) ?? '')) ? true : undefined
          })
        }
      }
    }
    await Promise.all([
      write(left, 'check/left', 'of the left side'),
      write(right, 'check/right', 'of the right side'),
    ])
    require((await lastIn(right).api.get('check/left', context.signal)) ===
      undefined, 'a write crossed the cut: nothing was partitioned')
  } finally {
    relays.healAll()
  }
  const healed = performance.now()
  await converged(context)
  for (const slot of slots) {
    for (const key of ['check/left', 'check/right']) {
      await until(context, `${slot.name} to hold ${key}`, () => {
        return slot.api.get(key, context.signal)
      })
    }
  }
  const nodes = await converged(context)
  const apart = ((healed - begun) / 1000).toFixed(1)
  const span = ((performance.now() - healed) / 1000).toFixed(1)
  return `${left.length} and ${right.length} nodes apart for ${apart} s wrote on; one root ${nodes[0]?.status?.state.root.slice(0, 16)} ${span} s after the heal`
}

/** A side of one node has nobody who could acknowledge. */
async function write(side: readonly NodeSlot[], key: string, text: string): Promise<void> {
  await lastIn(side).api.set(key, { text }, { ack: side.length > 1 ? 1 : 'local' })
}

/** Whether `slot` does not count `id` among the living. */
async function isMissed(context: CheckContext, slot: NodeSlot, id: string): Promise<boolean> {
  const members = await slot.api.members(context.signal)
  const member = members.find(other => other.node === id)
  return member === undefined || member.state === 'dead' || member.state === 'suspect'
}

function lastOf(context: CheckContext): NodeSlot {
  return lastIn(membersOf(context))
}

function lastIn(slots: readonly NodeSlot[]): NodeSlot {
  const last = slots.at(-1)
  require(last !== undefined, 'there is no node')
  return last
}

const names = (slots: readonly NodeSlot[]): string[] => slots.map(slot => slot.name)
