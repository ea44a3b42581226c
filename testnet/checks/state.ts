/** What one writes all hold, and their roots say so. */
import { setTimeout as wait } from 'node:timers/promises'
import type { JsonEntry, JsonValue } from '../../src/api/values.ts'
import { type Check, type CheckContext, converged, membersOf, require, until } from './check.ts'

export const stateChecks: readonly Check[] = [
  { name: 'convergence', run: convergence },
  { name: 'roots-equal', run: rootsEqual },
]

/** Registers, a set, an overwrite and a deletion from different nodes, at once, arrive at all. */
async function convergence(context: CheckContext): Promise<string> {
  const slots = membersOf(context)
  const [first, second] = [context.testnet.slot(0), context.testnet.slot(1)]
  const begun = performance.now()
  await context.canary.write(first)
  await Promise.all([
    ...slots.map(slot => slot.api.set(`check/of/${slot.name}`, { text: `from ${slot.name}` })),
    ...slots.map(slot => slot.api.add('check/set', { text: slot.name })),
    first.api.set('check/deleted', { text: 'soon gone' }),
    first.api.set('check/overwritten', { text: 'old' }),
  ])
  await first.api.removeElement('check/set', { text: first.name })
  await until(context, 'the other node to hold what it overwrites', async () => {
    const entries = await Promise.all([
      second.api.get('check/deleted', context.signal),
      second.api.get('check/overwritten', context.signal),
    ])
    return entries.includes(undefined) ? undefined : entries
  })
  await Promise.all([
    second.api.delete('check/deleted'),
    second.api.set('check/overwritten', { text: 'new' }),
  ])
  const elements = slots
    .slice(1)
    .map(slot => slot.name)
    .sort()
  for (const slot of slots) {
    await until(context, `${slot.name} to hold every write`, async () => {
      const { signal } = context
      const { entries } = await slot.api.list({ prefix: 'check/', limit: 100 }, signal)
      const values = new Map(entries.map(entry => [entry.key, entry]))
      const set = values.get('check/set')
      const overwritten = values.get('check/overwritten')
      const isComplete =
        values.size === slots.length + 2 &&
        slots.every(({ name }) => textOf(values.get(`check/of/${name}`)) === `from ${name}`) &&
        textOf(overwritten) === 'new' &&
        set?.kind === 'set' &&
        JSON.stringify(set.elements.map(textOfValue).sort()) === JSON.stringify(elements) &&
        (await context.canary.isHeldBy(slot, signal))
      return isComplete ? true : undefined
    })
  }
  const span = Math.round(performance.now() - begun)
  return `${slots.length} nodes hold the same ${slots.length + 3} keys ${span} ms after the first write`
}

/** The root follows a write and is the same on all nodes again, as are the values under it. */
async function rootsEqual(context: CheckContext): Promise<string> {
  const before = await settledRoot(context)
  const writer = context.testnet.slot(context.nodes - 1)
  await writer.api.set('check/root', { text: crypto.randomUUID() })
  const after = await until(context, 'all nodes to have one new root', async () => {
    const root = await settledRoot(context)
    return root === before ? undefined : root
  })
  const entries = await Promise.all(membersOf(context).map(slot => slot.api.get('check/root')))
  const values = new Set(entries.map(entry => JSON.stringify(entry)))
  require(values.size === 1 && entries[0] !== undefined, 'equal roots over different values')
  const shown = `${after.slice(0, 16)} on all ${context.nodes} nodes`
  return `root ${shown}, ${before.slice(0, 16)} before the write`
}

/** A node tells the root of its last beat: two beats without a change, and nothing is on its way. */
const rootRest = 2_500

/** The one root of all nodes, once it rests. */
async function settledRoot(context: CheckContext): Promise<string> {
  return await until(context, 'the roots to rest', async () => {
    const [early] = await converged(context)
    await wait(rootRest)
    const [late] = await converged(context)
    const root = late?.status?.state.root
    return root === early?.status?.state.root ? root : undefined
  })
}

function textOf(entry: JsonEntry | undefined): string | undefined {
  return entry?.kind === 'register' ? textOfValue(entry.value) : undefined
}

function textOfValue(value: JsonValue): string {
  return 'text' in value ? value.text : value.base64
}
