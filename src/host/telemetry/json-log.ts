/** The log of a process: pino behind the `Logger` port. JSON for machines, one short line for people. */
import pino from 'pino'
import type { LogFacts, Logger } from '../../base/log.ts'
import { prettyLine } from './pretty-line.ts'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'
/** `auto` writes JSON unless a terminal reads. */
export type LogFormat = 'auto' | 'json' | 'pretty'

/** A logger whose loudness changes while it runs. */
export interface AdjustableLogger extends Logger {
  /** Changeable at any time; lines already written stay. */
  level: LogLevel
}

/** Where lines go: a whole line with its end at once. */
export interface LogSink {
  readonly isTTY?: boolean
  write(line: string): unknown
}

/**
 * Names whose value never reaches a log. A second wall: `Secret` prints `[secret]` by itself, and facts are
 * public by their type. Whoever gets past both meets this.
 */
const secretName = /(secret|seed|private_?key|secret_?key|token|password|authorization|mnemonic)$/i

/** Whether what goes under this name must never be shown. */
export function isSecretName(name: string): boolean {
  return secretName.test(name)
}

/** Longest text of a fact, in UTF-16 units: enough for any id, address or sentence of ours. */
const factTextMax = 512
const factListMax = 32

/**
 * A logger that writes to `sink` (standard error unless said: standard output belongs to the answer of a
 * command).
 */
export function openLog(options: {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly sink?: LogSink
  /** Facts on every line: the node's number in a testnet, for instance. */
  readonly base?: LogFacts
}): AdjustableLogger {
  const sink = options.sink ?? process.stderr
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && sink.isTTY === true)
  const write = isPretty
    ? (line: string) => sink.write(prettyLine(line))
    : (line: string) => sink.write(line)
  const logger = pino(
    {
      level: options.level,
      base: options.base ?? null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      messageKey: 'text',
      // Beside the line's own fields, so that a fact called `time` or `level` cannot pass for them.
      nestedKey: 'facts',
    },
    { write },
  )
  let current = options.level
  return {
    get level() {
      return current
    },
    set level(level: LogLevel) {
      current = level
      logger.level = level
    },
    error: (text, facts) => logger.error(shielded(facts), text),
    warn: (text, facts) => logger.warn(shielded(facts), text),
    info: (text, facts) => logger.info(shielded(facts), text),
    debug: (text, facts) => logger.debug(shielded(facts), text),
  }
}

/** Facts as they may be printed: of the types that facts have, of bounded length, without secrets. */
function shielded(facts: LogFacts | undefined): Record<string, unknown> {
  const printed: Record<string, unknown> = {}
  for (const [name, fact] of Object.entries(facts ?? {})) {
    printed[name] = isSecretName(name) ? '[secret]' : printable(fact)
  }
  return printed
}

/** `unknown` on purpose: what the types promise is not what a careless cast delivers. */
function printable(fact: unknown): unknown {
  if (typeof fact === 'string') {
    return fact.length > factTextMax ? `${fact.slice(0, factTextMax)}…` : fact
  }
  if (Array.isArray(fact)) return fact.slice(0, factListMax).map(printable)
  if (fact === null || typeof fact === 'number' || typeof fact === 'boolean') return fact
  return '[not a fact]'
}
