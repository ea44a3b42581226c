/** One node whose host lies about the time, in every way that a host can, under load of all. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { JsonEntry } from '../../src/api/values.ts'
import { CoterieError } from '../../src/base/errors.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { Writers } from './writers.ts'

/** Seconds under each lie. */
const seconds = asked('SECONDS', 4)
const lies = ['+10y', '-1d', '+90s', '-90s', '+1000y', '0'] as const

test('a clock that jumps by years on one node changes nobody else’s winner, root or verdict', async task => {
  const network = await LiveNetwork.start({ nodes: 5 })
  onTestFinished(() => network.stop(task.task.result?.state === 'fail'))
  const scene: Scene = { network, honest: network.nodes().slice(0, 4), liar: network.nodes()[4]! }
  const before = await believed(scene)
  const writers = new Writers(scene.honest, { prefix: 'honest/', ack: 1, pause: 20 })
  for (const offset of lies) {
    await network.faults.apply({ kind: 'clock', nodes: ['4'], offset })
    await wait(seconds * 1000)
    await contest(scene, offset)
    expect(await believed(scene), `what the honest believe under ${offset}`).toEqual(before)
    say(`${offset}: the later honest write won everywhere, and the honest trust each other`)
  }
  await writers.stop()
  expect([...writers.codes], 'refusals of honest writes').toEqual([])
  for (const offset of ['+10y', '-1d', '0'] as const) {
    await network.faults.apply({ kind: 'clock', nodes: ['4'], offset })
    await network.faults.apply({ kind: 'restart', nodes: ['4'] })
    await wait(seconds * 1000)
    expect(await believed(scene), `what the honest believe after a boot at ${offset}`).toEqual(
      before,
    )
    say(`booted at ${offset}: the liar is ${(await scene.liar.api.status()).phase}`)
  }
  await network.converged()
  await network.whole(writers, 'honest/')
  say(`${writers.acknowledged.size} honest writes, none refused; the liar set right is one of them`)
})

interface Scene {
  readonly network: LiveNetwork
  readonly honest: readonly NodeSlot[]
  readonly liar: NodeSlot
}

/** Of the honest about the honest: phase, state and measurement, and that the verdict has not lapsed. */
async function believed({ honest }: Scene): Promise<string[]> {
  const ids = await Promise.all(honest.map(async slot => (await slot.api.status()).node))
  const views = await Promise.all(honest.map(slot => slot.api.members()))
  return views.flatMap(members =>
    members
      .filter(({ node }) => ids.includes(node))
      .map(({ node, phase, state, measurement, verdictExpiresAt }) => {
        const isValid = Date.parse(verdictExpiresAt) > Date.now()
        return `${node} ${phase} ${state} ${measurement} ${isValid}`
      })
      .sort(),
  )
}

/** The liar writes first, then an honest node: the later write must win, and the honest must have one root. */
async function contest({ network, honest, liar }: Scene, offset: string): Promise<void> {
  const key = `contest/${offset}`
  const lie = await liar.api.set(key, { text: 'of the liar' }).then(
    () => 'acknowledged',
    (error: unknown) => (error instanceof CoterieError ? error.code : String(error)),
  )
  await honest[0]!.api.set(key, { text: 'of the honest' }, { ack: 3 })
  for (const slot of honest) {
    const value = textOf(await slot.api.get(key))
    expect(value, `${slot.name}, ${offset}, lie ${lie}`).toBe('of the honest')
  }
  await network.complete(honest)
  say(`${offset}: the liar was told ${lie}`)
}

function textOf(entry: JsonEntry | undefined): string | undefined {
  return entry?.kind === 'register' && 'text' in entry.value ? entry.value.text : undefined
}
