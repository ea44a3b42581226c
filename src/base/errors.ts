/**
 * Errors say who is to blame. A refusal that is part of everyday life is a value; these are thrown.
 *
 * `code` is stable and SCREAMING_SNAKE_CASE; `message` is prose for people; facts are fields.
 */

/** Root of every error that this project throws on purpose. */
export class CoterieError extends Error {
  readonly code: string
  /** What the reader can do about it; empty if there is nothing. */
  readonly next: string
  constructor(code: string, message: string, options: { next?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.next = options.next ?? ''
  }
}

/** Ours: an invariant is broken. Never caught to go on; the process may end. */
export class InvariantError extends CoterieError {
  constructor(message: string) {
    super('INVARIANT_BROKEN', message)
  }
}

/** Theirs: a peer sent what no honest peer sends. Costs the peer, never the process. */
export class PeerFault extends CoterieError {}

/**
 * What `read` makes of a peer's bytes, or `undefined` if it faults them; `onFault` is told why. Whatever else is thrown is ours and
 * passes.
 */
export function ifReadable<T>(
  read: () => T,
  onFault: (fault: PeerFault) => void = () => {},
): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof PeerFault)) throw error
    onFault(error)
    return undefined
  }
}

/** The world's: disk, socket, device, clock. The caller may retry or report. */
export class HostError extends CoterieError {}

/** The caller's: a wrong argument, option or file. Says the next step. */
export class UsageError extends CoterieError {}

/** Throws `InvariantError` unless `condition` holds; `invariant` says in words what must be true. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(invariant)
}

/** Closes a union: compiles only when every variant was handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable variant ${String(value)}`)
}
