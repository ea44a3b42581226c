/** Tells one process from a later one with the same number. */
import { readFileSync } from 'node:fs'

/** A process, named so that a reused number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in clock ticks after boot (proc(5), stat field 22), or empty where it cannot be read. */
  readonly startedAt: string
}

/** The identity of a running process, or `undefined` if there is none with this number. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // No such process, or not Linux.
    return exists(pid) ? { pid, startedAt: '' } : undefined
  }
  // The second field is the command in parentheses, which may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, startedAt] = [fields[0], fields[19]]
  // A zombie runs no more: it waits for its parent to collect it.
  if (startedAt === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, startedAt }
}

/** Whether exactly this process still runs. */
export function isRunning(known: ProcessIdentity): boolean {
  const now = identityOf(known.pid)
  return now !== undefined && now.startedAt === known.startedAt
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // ESRCH: gone. EPERM: not ours, so none that we started.
    return false
  }
}
