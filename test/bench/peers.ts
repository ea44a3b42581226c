/**
 * Other projects beside ours in one run: a kit of small scripts, one for each, that print a JSON line for each
 * figure. `COTERIE_PEERS` names its folder, else it is looked for beside this checkout. Without it, or without
 * its packages installed, a bench says so and reports ours alone.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const besides = fileURLToPath(new URL('../../../shared/peers', import.meta.url))
const folder = process.env['COTERIE_PEERS'] ?? besides

/** Figures of one script, by peer and metric. */
export type PeerFigures = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Whether the kit can run here; says on standard error why not. */
export function hasPeers(): boolean {
  if (existsSync(join(folder, 'node_modules'))) return true
  console.error(
    `no peers to compare with: run npm ci in ${folder}, or name the folder with COTERIE_PEERS`,
  )
  return false
}

const cpuClock = fileURLToPath(new URL('cpu-clock.ts', import.meta.url))

/** Runs `script` with this Node; its times are CPU times. Peers are named without their version. */
export async function peerFiguresInCpuTime(
  script: string,
  args: readonly string[],
): Promise<PeerFigures> {
  return peerFigures(script, args, { NODE_OPTIONS: `--import=${cpuClock}` })
}

/** Runs `script` with this Node. Peers are named without their version. */
export async function peerFigures(
  script: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<PeerFigures> {
  const child = spawn(process.execPath, [join(folder, script), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...environment,
      REPS: '1',
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    },
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  const code = await new Promise(resolve => child.once('close', resolve))
  if (code !== 0) throw new Error(`${script} ended with ${code}`)
  const figures = new Map<string, Map<string, number>>()
  for (const text of output.split('\n').filter(part => part.startsWith('{'))) {
    const line = JSON.parse(text)
    const { peer, metric, value } = line
    const name = String(peer).replace(/@\d.*$/, '')
    // A script that measures one metric at several sizes says which by more fields of the line.
    const sizes = ['differing', 'writers', 'overwrites_before'].map(field => line[field] ?? '')
    const full = [metric, ...sizes].filter(part => part !== '').join(' ')
    figures.set(name, (figures.get(name) ?? new Map()).set(full, value))
  }
  return figures
}
