/**
 * `coterie testnet check`: tries every promise of the testnet on one of its own, made for this and thrown
 * away. A check that cannot run is a failure, never a skip.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../src/base/errors.ts'
import { Canary } from './checks/canary.ts'
import { type Check, type CheckContext, patienceFactor } from './checks/check.ts'
import { discoveryChecks } from './checks/discovery.ts'
import { failureChecks } from './checks/failures.ts'
import { impostorChecks } from './checks/impostors.ts'
import { networkChecks, refusalChecks } from './checks/refusals.ts'
import { removalChecks } from './checks/removal.ts'
import { linkChecks, traceChecks } from './checks/secrecy.ts'
import { stateChecks } from './checks/state.ts'
import { folderOf, removeFile } from './folder.ts'
import { prepareLayout } from './layout.ts'
import { Testnet } from './network.ts'
import { findFreeBase } from './ports.ts'
import { untilConverged } from './snapshot.ts'

export interface CheckOptions {
  readonly nodes: number
  /** Names of checks, comma-separated; all unless given. */
  readonly only?: string
  /** Keep the folder; a failure keeps it anyway. */
  readonly keep: boolean
  readonly json: boolean
  /** As in `TestnetOptions`. */
  readonly program?: readonly string[]
}

export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  /** What was seen, or why the promise does not hold. */
  readonly detail: string
}

/** What is printed with `--json`. */
export interface CheckReport {
  readonly ok: boolean
  readonly nodes: number
  readonly seconds: number
  readonly checks: readonly CheckResult[]
}

/**
 * One stage after the other; the checks of a stage run side by side. Strangers try at the same time. Crashes
 * and cuts come late and alone, and what judges all traces comes last.
 */
const stages: readonly (readonly Check[])[] = [
  ...alone(discoveryChecks),
  ...alone(stateChecks),
  ...alone(networkChecks),
  refusalChecks,
  impostorChecks,
  ...alone(linkChecks),
  ...alone(removalChecks),
  ...alone(failureChecks),
  ...alone(traceChecks),
]

/** Milliseconds that five nodes may take to start, and a check with five nodes: how long it took is told, not judged. */
const startPatience = 60_000
const checkPatience = 60_000
/** Places for nodes that checks add. */
const extraNodes = 10

/**
 * Runs the checks and prints a report; progress goes to standard error.
 *
 * @returns the exit status: 0 if every promise held, 1 if not.
 */
export async function check(options: CheckOptions): Promise<number> {
  const report = await runChecks(options, line => process.stderr.write(`${line}\n`))
  if (options.json) console.log(JSON.stringify(report, null, 2))
  else console.log(`${report.ok ? 'all promises held' : 'BROKEN'} in ${report.seconds} s`)
  return report.ok ? 0 : 1
}

/** Runs the checks; `say` gets a line of progress at a time. @throws {UsageError} `UNKNOWN_CHECK`. */
export async function runChecks(
  options: CheckOptions,
  say: (line: string) => void,
): Promise<CheckReport> {
  const begun = performance.now()
  const chosen = chooseChecks(options.only)
  const folder = folderOf(await mkdtemp(join(tmpdir(), 'coterie-check-')))
  const basePort = await findFreeBase(options.nodes + extraNodes)
  const { nodes, program } = options
  const testnet = new Testnet({ folder, basePort, nodes, ...(program && { program }) })
  const release = endWith(testnet)
  const checks: CheckResult[] = []
  const tell = (result: CheckResult): void => {
    checks.push(result)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(5)
    say(`${seconds} s  ${result.ok ? 'ok  ' : 'FAIL'}  ${result.name}: ${result.detail}`)
  }
  try {
    const canary = new Canary(testnet)
    const layout = await prepareLayout(folder, { nodes: options.nodes, fresh: true })
    say(`SIMULATED TEE: ${options.nodes} nodes from port ${basePort} on, in ${folder.path}`)
    const problem = await started(testnet)
    if (problem !== undefined) say(`the testnet did not start: ${problem}`)
    const context = { testnet, folder, layout, nodes, canary }
    const run = async (each: Check): Promise<void> => {
      if (problem === undefined) tell(await tried(each, context))
      else tell({ name: each.name, ok: false, detail: `not tried: ${problem}` })
    }
    for (const stage of chosen) {
      await Promise.all(stage.map(run))
      testnet.relays.healAll()
    }
  } finally {
    await testnet.stop()
    release()
  }
  const ok = checks.length === chosen.flat().length && checks.every(result => result.ok)
  if (ok && !options.keep) await removeFile(folder.path)
  else say(`files and logs: ${folder.path}`)
  const seconds = Math.round((performance.now() - begun) / 100) / 10
  return { ok, nodes: options.nodes, seconds, checks }
}

function chooseChecks(only: string | undefined): readonly (readonly Check[])[] {
  if (only === undefined) return stages
  const known = stages.flat().map(each => each.name)
  const names = only.split(',').map(name => name.trim())
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) {
    throw new UsageError('UNKNOWN_CHECK', `there is no check ${unknown}`, {
      next: `Known are ${known.join(', ')}.`,
    })
  }
  return stages.map(stage => stage.filter(each => names.includes(each.name)))
}

function alone(checks: readonly Check[]): (readonly Check[])[] {
  return checks.map(each => [each])
}

/** Why the testnet is not up and converged, or `undefined` once it is. */
async function started(testnet: Testnet): Promise<string | undefined> {
  try {
    await testnet.start()
    const patience = startPatience * patienceFactor(testnet.slots().length)
    await untilConverged(testnet, AbortSignal.timeout(patience))
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Whatever goes wrong inside a check is its failure. */
async function tried(each: Check, context: Omit<CheckContext, 'signal'>): Promise<CheckResult> {
  const { name } = each
  const patience = (each.patience ?? checkPatience) * patienceFactor(context.nodes)
  const signal = AbortSignal.timeout(patience)
  // Probes look at the signal themselves; the race is for a request that never ends.
  const cutOff = Promise.withResolvers<never>()
  const alarm = setTimeout(() => {
    cutOff.reject(new Error(`not done after ${patience / 1000} s`))
  }, patience + 5_000)
  try {
    return {
      name,
      ok: true,
      detail: await Promise.race([each.run({ ...context, signal }), cutOff.promise]),
    }
  } catch (error) {
    return { name, ok: false, detail: messageOf(error) }
  } finally {
    clearTimeout(alarm)
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : ''
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${code}${error.message}${cause}`
}

/** A signal ends the nodes at once: nothing of a check is worth a graceful stop. */
function endWith(testnet: Testnet): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const leave = () => process.exit(130)
  const end = () => testnet.killAllNow()
  for (const signal of signals) process.on(signal, leave)
  process.on('exit', end)
  return () => {
    for (const signal of signals) process.off(signal, leave)
    process.off('exit', end)
  }
}
