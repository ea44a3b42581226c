/**
 * How soon the others know of a crash: SIGKILL of one of five nodes, until each of the others has it under
 * suspicion or dead. Reports; a figure is no test on a machine that does other things as well.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeSlot } from '../../testnet/network.ts'
import { median } from './linear-fit.ts'
import { asked, LiveNetwork, say } from './live-network.ts'

const deaths = asked('DEATHS', 10)

test(`${deaths} crashes are each known to all others`, async task => {
  const network = await LiveNetwork.start({ nodes: 5 })
  onTestFinished(() => network.stop(task.task.result?.state === 'fail'))
  const draws = network.draws('deaths')
  const delays: number[] = []
  for (let count = 1; count <= deaths; count++) {
    await network.complete()
    const victim = draws.pick(network.nodes())
    const { node } = await victim.api.status()
    const others = network.nodes().filter(slot => slot !== victim)
    const killedAt = Date.now()
    await network.testnet.killNode(victim)
    const heard = await Promise.all(others.map(slot => doubtedAt(slot, node, killedAt)))
    const known = heard.map(at => at - killedAt)
    delays.push(Math.max(...known))
    say(`${count}: ${victim.name} known dead or suspect after ${known.join(', ')} ms`)
    await network.testnet.startNode(victim)
  }
  say(`known to all after ${median(delays)} ms in the middle, ${Math.max(...delays)} ms at most`)
  expect(delays).toHaveLength(deaths)
})

/** When a node first doubted another, by its own log, in milliseconds since 1970. */
async function doubtedAt(slot: NodeSlot, node: string, since: number): Promise<number> {
  const patience = AbortSignal.timeout(120_000)
  for (;;) {
    const lines = (await readFile(slot.folder.log, 'utf8')).split('\n')
    const line = lines.find(each => {
      const isDoubt = each.includes('"to":"suspect"') || each.includes('"to":"dead"')
      return isDoubt && each.includes(`"node":"${node}"`) && timeOf(each) >= since
    })
    if (line !== undefined) return timeOf(line)
    if (patience.aborted) throw new Error(`${slot.name} still believes in ${node}`)
    await wait(50)
  }
}

function timeOf(line: string): number {
  return Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '')
}
