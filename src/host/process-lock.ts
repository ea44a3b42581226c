/** One process per data directory: a lock that a crash cannot leave locked. */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { HostError } from '../base/errors.ts'
import { dataFiles } from './data-dir.ts'

const lockFile = z.object({
  pid: z.int().positive(),
  /** When the process began, in clock ticks since boot: a pid alone is soon somebody else's. */
  startedAt: z.string(),
})
type Holder = z.infer<typeof lockFile>

/**
 * Locks a data directory for this process; the returned function unlocks it and is idempotent.
 *
 * @throws {HostError} `ALREADY_RUNNING` while another process holds it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, dataFiles.lock)
  const mine: Holder = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' }
  const text = `${JSON.stringify(mine)}\n`
  const draft = `${path}.${process.pid}`
  await writeFile(draft, text, { mode: 0o600 })
  try {
    // A link appears with its content at once, or fails because the name is taken (link(2), EEXIST).
    if (!(await linked(draft, path))) {
      await clearStale(dataDir, path, draft)
      if (!(await linked(draft, path))) throw inUse(dataDir, await holderOf(path))
    }
  } finally {
    await rm(draft, { force: true })
  }
  return async () => {
    const holder = await holderOf(path)
    const isMine = holder?.pid === mine.pid && holder.startedAt === mine.startedAt
    if (isMine) await rm(path, { force: true })
  }
}

/** Takes a dead process's lock away, but never one that another starter has put there meanwhile. */
async function clearStale(dataDir: string, path: string, draft: string): Promise<void> {
  const judged = await readFile(path, 'utf8').catch(orMissing)
  const holder = parsedHolder(judged)
  if (holder !== undefined && (await isAlive(holder))) throw inUse(dataDir, holder)
  const aside = `${draft}.stale`
  try {
    await rename(path, aside)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw error
  }
  const taken = await readFile(aside, 'utf8')
  if (taken !== judged) await linked(aside, path)
  await rm(aside, { force: true })
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
  return parsedHolder(await readFile(path, 'utf8').catch(orMissing))
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
