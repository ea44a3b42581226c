/** One process per data directory: a lock that a crash cannot leave locked. */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { HostError } from '../base/errors.ts'
import { textHead } from './bounded-read.ts'
import { dataFiles } from './data-dir.ts'

const lockFile = z.object({
  pid: z.int().positive(),
  /** When the process began, in clock ticks since boot: a pid alone is soon somebody else's. */
  startedAt: z.string(),
})
/** Of a pid and a time, with room. */
const lockBytesMax = 4096
type Holder = z.infer<typeof lockFile>

/** How deep a crash may have struck: while a lock was taken over, while that was healed, and once more. */
const takeoversMax = 3

/**
 * Locks a data directory for this process; the returned function unlocks it and is idempotent.
 *
 * @throws {HostError} `ALREADY_RUNNING` while another process holds it, or is just taking it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const mine: Holder = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' }
  const path = join(dataDir, dataFiles.lock)
  await acquire({ dataDir, path, mine, depth: 0 })
  return () => release(path, mine)
}

interface Wanted {
  readonly dataDir: string
  readonly path: string
  readonly mine: Holder
  readonly depth: number
}

/**
 * Whoever finds a dead process's lock must hold a second lock to replace it: else two starters could each
 * remove what the other has just put there. That second lock heals in the same way.
 */
async function acquire(wanted: Wanted): Promise<void> {
  const { dataDir, path, mine, depth } = wanted
  const draft = `${path}.${mine.pid}.draft`
  await writeFile(draft, `${JSON.stringify(mine)}\n`, { mode: 0o600 })
  try {
    // A link appears with its content at once, or fails because the name is taken (link(2), EEXIST).
    if (await linked(draft, path)) return
    await refuseLiving(dataDir, path)
    if (depth === takeoversMax) throw inUse(dataDir, await holderOf(path))
    const takeover = { ...wanted, path: `${path}.takeover`, depth: depth + 1 }
    await acquire(takeover)
    try {
      // Only a dead lock is replaced; a name that is free again may be taken by a link of anybody.
      if (await refuseLiving(dataDir, path)) await rename(draft, path)
      else if (!(await linked(draft, path))) throw inUse(dataDir, await holderOf(path))
    } finally {
      await release(takeover.path, mine)
    }
  } finally {
    await rm(draft, { force: true })
  }
}

/** Whether a dead lock is there. @throws {HostError} `ALREADY_RUNNING` for a living one. */
async function refuseLiving(dataDir: string, path: string): Promise<boolean> {
  const text = await textHead(path, lockBytesMax).catch(orMissing)
  const holder = parsedHolder(text)
  if (holder !== undefined && (await isAlive(holder))) throw inUse(dataDir, holder)
  return text !== undefined
}

async function release(path: string, mine: Holder): Promise<void> {
  const holder = await holderOf(path)
  const isMine = holder?.pid === mine.pid && holder.startedAt === mine.startedAt
  if (isMine) await rm(path, { force: true })
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw new HostError('LOCK_NOT_WRITTEN', `The lock ${to} could not be written.`, {
      cause: error,
    })
  }
}

async function holderOf(path: string): Promise<Holder | undefined> {
  return parsedHolder(await textHead(path, lockBytesMax).catch(orMissing))
}

function parsedHolder(text: string | undefined): Holder | undefined {
  try {
    return lockFile.safeParse(JSON.parse(text ?? '')).data
  } catch {
    // JSON.parse throws SyntaxError: half a file of a crashed machine locks nothing.
    return undefined
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.startedAt === '') return hasProcess(holder.pid)
  return (await startOf(holder.pid)) === holder.startedAt
}

/**
 * Field 22 of /proc/<pid>/stat (proc_pid_stat(5)), counted from behind the name in parentheses, which may
 * hold anything; `undefined` for a process that is gone or dead and not yet buried.
 */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(orMissing)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  return fields[0] === 'Z' ? undefined : fields[19]
}

/** For systems without /proc, where a pid that was given away again keeps a stale lock. */
function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return isErrno(error, 'EPERM')
  }
}

function inUse(dataDir: string, holder: Holder | undefined): HostError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`
  return new HostError('ALREADY_RUNNING', `A node already runs in ${dataDir} (${who}).`, {
    next: 'Stop it, or name another directory with --data-dir.',
  })
}

function orMissing(error: unknown): undefined {
  if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
  throw error
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
