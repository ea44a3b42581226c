/** Starts, watches and ends the processes of a testnet; none outlives it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { HostError } from '../src/base/errors.ts'
import { identityOf, type ProcessIdentity } from './process-identity.ts'

export interface ProcessSpec {
  /** Unique among the processes of a supervisor that run at one time. */
  readonly name: string
  /** What Node runs: a script and its arguments. */
  readonly args: readonly string[]
  /** Both outputs are appended here. */
  readonly logFile: string
  /** Modules that are loaded first, as URLs. */
  readonly preloads?: readonly string[]
}

export interface ProcessExit {
  readonly name: string
  readonly pid: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether `stop` or `kill` was called before. */
  readonly wasAsked: boolean
}

/** A process of the testnet. */
export interface RunningProcess extends ProcessIdentity {
  readonly name: string
  readonly exited: Promise<ProcessExit>
}

export interface SupervisorOptions {
  /** How long a process may take after SIGTERM before SIGKILL, in milliseconds; 10 s unless said. */
  readonly patience?: number
  readonly onExit?: (exit: ProcessExit) => void
}

interface Entry {
  readonly process: RunningProcess
  readonly child: ChildProcess
  wasAsked: boolean
}

const followParent = fileURLToPath(sibling('follow-parent'))

/** Owns child processes by name. */
export class Supervisor {
  readonly #patience: number
  readonly #onExit: ((exit: ProcessExit) => void) | undefined
  readonly #running = new Map<string, Entry>()

  constructor(options: SupervisorOptions = {}) {
    this.#patience = options.patience ?? 10_000
    this.#onExit = options.onExit
  }

  /** @throws {HostError} `SPAWN_FAILED`. */
  async start(spec: ProcessSpec): Promise<RunningProcess> {
    if (this.#running.has(spec.name)) {
      throw new HostError('ALREADY_RUNNING', `${spec.name} runs already`)
    }
    const log = openSync(spec.logFile, 'a', 0o600)
    const preloads = [followParent, ...(spec.preloads ?? [])].flatMap(url => ['--import', url])
    const child = spawn(process.execPath, [...preloads, ...spec.args], {
      stdio: ['pipe', log, log],
      env: childEnvironment(),
      // A group of its own: Ctrl-C reaches the testnet alone, which then stops its nodes in order.
      detached: true,
    })
    closeSync(log)
    const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>()
    await new Promise<void>((started, failed) => {
      child.once('spawn', started)
      child.once('error', cause => {
        failed(new HostError('SPAWN_FAILED', `${spec.name} cannot be started`, { cause }))
      })
    })
    // Writing is never tried, but the pipe breaks when the child ends first.
    child.stdin?.on('error', () => {})
    const pid = child.pid ?? 0
    const running = { name: spec.name, pid, startedAt: identityOf(pid)?.startedAt ?? '', exited }
    const entry: Entry = { process: running, child, wasAsked: false }
    this.#running.set(spec.name, entry)
    child.once('exit', (code, signal) => {
      this.#running.delete(spec.name)
      const exit = { name: spec.name, pid, code, signal, wasAsked: entry.wasAsked }
      resolve(exit)
      this.#onExit?.(exit)
    })
    return running
  }

  running(): readonly RunningProcess[] {
    return [...this.#running.values()].map(entry => entry.process)
  }

  find(name: string): RunningProcess | undefined {
    return this.#running.get(name)?.process
  }

  /** Stops a process where it stands, or lets it go on; `false` if there is none. */
  freeze(name: string, isFrozen: boolean): boolean {
    return this.#running.get(name)?.child.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT') ?? false
  }

  /** SIGTERM, then SIGKILL after the patience. Resolves when the process is gone; at once if there is none. */
  async stop(name: string): Promise<void> {
    const entry = this.#running.get(name)
    if (entry === undefined) return
    entry.wasAsked = true
    entry.child.kill('SIGTERM')
    // One that is frozen hears nothing before.
    entry.child.kill('SIGCONT')
    const alarm = setTimeout(() => entry.child.kill('SIGKILL'), this.#patience)
    await entry.process.exited
    clearTimeout(alarm)
  }

  /** SIGKILL: no goodbye, as in a crash. Resolves when the process is gone. */
  async kill(name: string): Promise<void> {
    const entry = this.#running.get(name)
    if (entry === undefined) return
    entry.wasAsked = true
    entry.child.kill('SIGKILL')
    await entry.process.exited
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(name => this.stop(name)))
  }

  /** For the last moments of this process: sends SIGKILL to all and waits for nothing. */
  killAllNow(): void {
    for (const entry of this.#running.values()) entry.child.kill('SIGKILL')
  }
}

/** A file of the testnet, in source or built form as this one is. */
export function sibling(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

/** This environment without what would change each node behind the back of its configuration file. */
function childEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('COTERIE_') && name !== 'NODE_OPTIONS',
  )
  return Object.fromEntries(kept)
}
