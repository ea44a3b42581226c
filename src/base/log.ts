/** Facts of a log line: public, structured, never secret, never raw text from a peer. */
export type LogFacts = Readonly<
  Record<string, string | number | boolean | null | readonly string[]>
>

/**
 * Where events are told. `error`: a human must act; `warn`: might become one; `info`: a rare change of
 * state; `debug`: the rest. `text` is constant, facts carry what varies.
 */
export interface Logger {
  error(text: string, facts?: LogFacts): void
  warn(text: string, facts?: LogFacts): void
  info(text: string, facts?: LogFacts): void
  debug(text: string, facts?: LogFacts): void
}

/** A logger that says nothing. */
export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} }
