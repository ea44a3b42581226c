/**
 * A bulk load on all nodes at once, and a newcomer that fetches it. `KEYS=50000 npm run test:bulk` writes more.
 *
 * How long it takes is said, and judged by a limit alone that no sound node comes near: other work shares the machine.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../../src/api/client.ts'
import { CoterieError } from '../../src/base/errors.ts'
import { makeFolder } from '../../testnet/folder.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { keysUnder } from './writers.ts'

const keys = asked('KEYS', 10_000)
const valueBytes = 256
const prefix = 'bulk/'
/**
 * Clients that load one node, and the requests that each has under way: as many as its connections. A load goes in
 * few batches only if many writes wait at a time, as they do where an application in the node's own process writes.
 */
const clients = 4
const requestsEach = 8
/** Seconds within which a newcomer should hold all, process start included; said. */
const joinGoal = 10
/** Seconds that a newcomer is given where the machine is busy with other work. */
const joinLimit = 60

test(`${keys} keys of ${valueBytes} bytes from five nodes at once come to one root, and who joins cold has them`, async task => {
  const network = await LiveNetwork.start({ nodes: 5, extras: 1 })
  onTestFinished(() => network.stop(task.task.result?.state === 'fail'))
  const nodes = network.nodes()
  const began = performance.now()
  const written = (await Promise.all(nodes.map(load))).flat()
  const writing = since(began)
  const [agreed] = await network.converged()
  const { root, entries } = agreed?.status?.state ?? {}
  say(
    `${written.length} writes acknowledged in ${writing} s, ${(written.length / Number(writing)).toFixed(0)}/s; one root ${since(began)} s after the first`,
  )
  expect(entries, 'entries beside the keys that were written').toBe(keys)

  const started = performance.now()
  const newcomer = await startCold(network)
  const listening = since(started)
  await untilRoot(newcomer, root)
  const joined = since(started)
  const verdict = Number(joined) > joinGoal ? 'over' : 'within'
  say(
    `a sixth held all ${joined} s after its process began, listening after ${listening} s: ${verdict} the goal of ${joinGoal} s`,
  )
  for (const slot of [...nodes, newcomer]) {
    expect(
      (await keysUnder(slot, prefix)).symmetricDifference(new Set(written)),
      slot.name,
    ).toEqual(new Set())
  }
  for (const key of written.filter((_, index) => index % (keys / 20) === 0)) {
    const value = { text: valueFor(key) }
    expect(await newcomer.api.get(key)).toEqual({ kind: 'register', key, value })
  }
  expect(network.ends, 'nodes that ended').toEqual([])
})

const since = (began: number): string => ((performance.now() - began) / 1000).toFixed(1)
const valueFor = (key: string): string => key.padEnd(valueBytes, '.')

/** The share of one node, all acknowledged by another member; answers with its keys. */
async function load({ index, name, httpPort }: NodeSlot): Promise<string[]> {
  let late = 0
  const own = Array.from({ length: keys }, (_, at) => at)
    .filter(at => at % 5 === index)
    .map(at => `${prefix}${at}`)
  const left = own.values()
  const write = async (api: ApiClient): Promise<void> => {
    for (const key of left) while (!(await isAcknowledged(api, key))) late++
  }
  const url = `http://127.0.0.1:${httpPort}`
  const doors = Array.from({ length: clients }, () => new ApiClient({ url }))
  await Promise.all(doors.flatMap(api => Array.from({ length: requestsEach }, () => write(api))))
  for (const api of doors) api.close()
  if (late > 0) say(`${name}: ${late} writes came too late and were made again`)
  return own
}

/** Whether another member holds the write in time; where the machine is too busy for that, it is made again. */
async function isAcknowledged(api: ApiClient, key: string): Promise<boolean> {
  try {
    await api.set(key, { text: valueFor(key) }, { ack: 1 })
    return true
  } catch (error) {
    if (error instanceof CoterieError && error.code === 'ACK_TIMEOUT') return false
    throw error
  }
}

async function startCold({ testnet, folder, layout }: LiveNetwork): Promise<NodeSlot> {
  const name = 'newcomer'
  await makeFolder(join(folder.nodes, name))
  const machine = join(folder.nodes, name, 'machine.json')
  await layout.hardware.issue(machine)
  return await testnet.startExtra({ name, manifest: folder.manifest, machine })
}

async function untilRoot({ api }: NodeSlot, root: string | undefined): Promise<void> {
  const patience = AbortSignal.timeout(joinLimit * 1000)
  for (;;) {
    const { state, phase } = await api.status()
    if (phase === 'active' && state.root === root) return
    if (patience.aborted)
      throw new Error(`${phase} with ${state.entries} entries, root ${state.root}`)
    await wait(50)
  }
}
