/** The real host: this machine's clock, chance, timers, log, attester and network. */
import type { Host } from './port.ts'

/** What the host needs of a configuration; spans are milliseconds, addresses multiaddrs. */
export interface HostOptions {
  readonly tee: 'simulated'
  /** Absolute path of the machine file of the simulated TEE. */
  readonly machine: string
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly bootstrap: readonly string[]
  readonly dialTimeout: number
  readonly redialWait: number
  readonly redialWaitMax: number
  readonly askTimeout: number
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'
/** `auto` writes JSON unless a terminal reads. */
export type LogFormat = 'auto' | 'json' | 'pretty'

/**
 * Opens everything outside that a node touches; no socket is opened before `openNet`.
 *
 * @throws {HostError | UsageError} of the attester's file or device.
 */
export async function openHost(options: HostOptions): Promise<Host> {
  throw new Error(`not yet: ${options.tee}`)
}
