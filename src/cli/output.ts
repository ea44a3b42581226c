/** What people and scripts see: tables, JSON, errors with their next step, exit codes. */
import { styleText } from 'node:util'
import { ApiError } from '../api/client.ts'
import { CoterieError, HostError, InvariantError, PeerFault, UsageError } from '../base/errors.ts'

/** Exit codes, the same for every command. */
export const exitCodes = {
  ok: 0,
  /** It was checked, and the answer is no. */
  negative: 1,
  /** Wrong arguments or configuration. */
  usage: 2,
  /** It could not be found out. */
  unchecked: 3,
  notRunning: 4,
} as const

/** The exit code of an error: whether the person, the world or the answer is to blame. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CoterieError) || error instanceof InvariantError)
    return exitCodes.unchecked
  if (error.code === 'NOT_RUNNING' || error.code === 'TESTNET_NOT_RUNNING')
    return exitCodes.notRunning
  if (error instanceof ApiError) {
    if (error.status === 404 || error.status === 422) return exitCodes.negative
    return error.status < 500 ? exitCodes.usage : exitCodes.unchecked
  }
  if (error instanceof PeerFault) return exitCodes.negative
  const isConfiguration = error.code === 'PORT_IN_USE' || error.code === 'ALREADY_RUNNING'
  if (error instanceof UsageError || isConfiguration) return exitCodes.usage
  return exitCodes.unchecked
}

/** Prints one JSON document to standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** Prints a line of text to standard output. */
export function printLine(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** Tells a person something beside the result: standard output stays as programs read it. */
export function printNote(line = ''): void {
  process.stderr.write(`${printable(line)}\n`)
}

/** As `printNote`, for what a person must not pass over. */
export function printWarning(line: string): void {
  const mark = styleText('yellow', 'Warning:', { stream: process.stderr })
  process.stderr.write(`${mark} ${printable(line)}\n`)
}

/** Paints text for standard output; plain where `NO_COLOR` is set or no terminal reads. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

/**
 * Rows under headings, columns as wide as their widest cell. Control characters of what came over the network
 * are shown as `�`.
 */
export function printTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const clean = rows.map(cells => cells.map(printable))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...clean.map(cells => (cells[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  printLine(paint('bold', line(headings)))
  for (const cells of clean) printLine(line(cells))
}

/** Text that can neither move the cursor nor forge a line. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}

/** An id short enough for a table: its end tells ids apart, since all begin alike. */
export function shortId(id: string): string {
  return id.length > 16 ? `…${id.slice(-8)}` : id
}

/** Prints an error to standard error: code and sentence, cause, next step; as JSON for scripts. */
export function printError(error: unknown, options: { readonly json: boolean }): void {
  const { code, message, cause, next } = explained(error)
  if (options.json) {
    process.stderr.write(`${JSON.stringify({ error: { code, message, cause, next } })}\n`)
    return
  }
  const red = (text: string): string => styleText('red', text, { stream: process.stderr })
  const lines = [`${red(code)}: ${message}`]
  if (cause !== '') lines.push(`  because: ${cause}`)
  if (next !== '') lines.push(`  next: ${next}`)
  process.stderr.write(`${lines.join('\n')}\n`)
}

function explained(error: unknown): Record<'code' | 'message' | 'cause' | 'next', string> {
  if (error instanceof CoterieError) {
    const cause = error.cause instanceof Error ? error.cause.message : ''
    return {
      code: error.code,
      message: printable(error.message),
      cause: printable(cause),
      next: error.next,
    }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const next = 'This is a bug of coterie. Please report it with the lines above.'
  return { code: 'INTERNAL', message: stack, cause: '', next }
}

/** The error of a command that found no node. */
export function notRunning(where: string): HostError {
  return new HostError('NOT_RUNNING', `No node runs in ${where}.`, {
    next: 'Start it with coterie start, or name another with --data-dir or --url.',
  })
}
