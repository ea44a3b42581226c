/**
 * What it costs that somebody looks: CPU time of the node whose dashboard a real browser shows, of the other nodes, and of the process of the testnet, which
 * has the desk; beside the same processes while nobody looks, alternating in one run. `NODES=8,25` for other sizes, `ROUNDS` for more.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { folderOf, nodeFolderOf } from '../../testnet/folder.ts'
import { cliPath } from '../../testnet/network.ts'
import { findFreeBase, httpPort, loopback } from '../../testnet/ports.ts'
import { startBrowser } from '../browser/chromium.ts'
import { type RatioLine, verdictOf } from './ratio-line.ts'

const sizes = (process.env['NODES'] ?? '8').split(',').map(Number)
const rounds = Number(process.env['ROUNDS'] ?? 5)
/** Milliseconds of each measurement, and before it: what a page needs to start is no part of looking. */
const span = 10_000
const settling = 3_000
/** Milliseconds of one tick of the kernel's accounts (USER_HZ). */
const tick = 10
/** Whoever looks may cost a node as much again as its own work, and no more. */
const bound = 2

type Costs = Readonly<Record<'node' | 'others' | 'desk', number>>

export async function run(): Promise<readonly RatioLine[]> {
  const lines: RatioLine[] = []
  for (const nodes of sizes) lines.push(...(await linesOf(nodes)))
  return lines
}

async function linesOf(nodes: number): Promise<readonly RatioLine[]> {
  const testnet = await started(nodes)
  const browser = await startBrowser()
  const [looked, alone]: [Costs[], Costs[]] = [[], []]
  try {
    for (let round = 0; round < rounds; round++) {
      await wait(settling)
      alone.push(await costsOf(testnet.pids))
      const page = await browser.newPage({ viewport: { width: 1360, height: 900 } })
      await page.goto(testnet.address)
      await page
        .locator('[data-attested]')
        .nth(nodes - 1)
        // Folded, as it is until somebody asks for the table.
        .waitFor({ state: 'attached' })
      await wait(settling)
      looked.push(await costsOf(testnet.pids))
      await page.close()
    }
  } finally {
    await browser.close()
    await testnet.stop()
  }
  return (['node', 'others', 'desk'] as const).map(which => {
    const [ours, plain] = [looked, alone].map(all => median(all.map(each => each[which])))
    const ratio = (ours ?? 0) / (plain ?? 0)
    const met = verdictOf(ratio, { isAtLeast: false, bound })
    const name = `CPU ms a second of the ${which} while somebody looks, beside nobody`
    return {
      goal: 'look',
      name,
      nodes,
      ours: ours ?? 0,
      plain: plain ?? 0,
      ratio,
      bound: `<= ${bound}`,
      met,
    }
  })
}

/** CPU milliseconds for each second of the next span; of the others, the median. */
async function costsOf(pids: {
  readonly desk: number
  readonly nodes: readonly number[]
}): Promise<Costs> {
  const all = [pids.desk, ...pids.nodes]
  const [before, from] = [all.map(cpuOf), performance.now()]
  await wait(span)
  const seconds = (performance.now() - from) / 1_000
  const [desk = 0, node = 0, ...others] = all.map(
    (pid, i) => (cpuOf(pid) - (before[i] ?? 0)) / seconds,
  )
  return { desk, node, others: median(others) }
}

/** CPU milliseconds of a process so far (proc(5), stat fields 14 and 15). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tick
}

/** A testnet as people start it, once all its nodes agree. */
async function started(nodes: number) {
  const dir = mkdtempSync(join(tmpdir(), 'coterie-look-'))
  const basePort = await findFreeBase(nodes + 1)
  const up = ['testnet', 'up', '--plain', '--dir', dir, '--base-port', String(basePort)]
  const child = spawn(process.execPath, [cliPath, ...up, '--nodes', String(nodes)])
  const ended = new Promise(resolve => child.once('close', resolve))
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await ended
    rmSync(dir, { recursive: true, force: true })
  }
  const { promise: agreed, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  child.stdout.on('data', text => {
    said += text
    if (said.includes('mutually attested and converged')) resolve()
  })
  void ended.then(() => reject(new Error(`the testnet ended: ${said}`)))
  await agreed
  const address = `http://${loopback}:${httpPort(basePort, 0)}/`
  const pidOf = (_: unknown, index: number): number =>
    JSON.parse(readFileSync(nodeFolderOf(folderOf(dir), `node-${index}`).run, 'utf8')).pid
  const pids = { desk: child.pid ?? 0, nodes: Array.from({ length: nodes }, pidOf) }
  return { address, pids, stop }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
