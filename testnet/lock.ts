/** One `testnet up` at a time in one folder; what a killed one left behind heals itself. */
import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { HostError, UsageError } from '../src/base/errors.ts'
import { type Folder, readJson, removeFile, writeJson } from './folder.ts'
import { identityOf, isRunning, type ProcessIdentity } from './process-identity.ts'

const identityShape = z.object({ pid: z.int().positive(), startedAt: z.string() })

const lockShape = z.object({
  process: identityShape,
  children: z.array(identityShape),
  /** Where the running testnet takes commands. */
  socket: z.string(),
  basePort: z.int(),
  nodes: z.int(),
})

/** Who runs a testnet, for others to find. */
export type TestnetLock = z.infer<typeof lockShape>

/** Longer than the patience after which orphans end themselves. */
const orphanPatience = 12_000

/** The lock of the testnet that runs in this folder now, or `undefined` if none does. */
export async function readLock(folder: Folder): Promise<TestnetLock | undefined> {
  const lock = lockShape.safeParse(await readJson(folder.lock)).data
  return lock !== undefined && isRunning(lock.process) ? lock : undefined
}

/**
 * Takes the folder for this process. A lock whose process is gone is taken over, once its last children are
 * gone too.
 *
 * @throws {UsageError} `TESTNET_RUNNING`.
 */
export async function takeLock(
  folder: Folder,
  facts: Pick<TestnetLock, 'socket' | 'basePort' | 'nodes'>,
): Promise<void> {
  const self = identityOf(process.pid) ?? { pid: process.pid, startedAt: '' }
  while (!(await createEmpty(folder.lock))) {
    const running = await readLock(folder)
    if (running !== undefined) {
      const text = `a testnet runs in ${folder.path} already, as process ${running.process.pid}`
      throw new UsageError('TESTNET_RUNNING', text, {
        next: 'Stop it with: coterie testnet down. Or give this one its own --dir and --base-port.',
      })
    }
    const stale = lockShape.safeParse(await readJson(folder.lock)).data
    await endOrphans(stale?.children ?? [])
    await removeFile(folder.lock)
  }
  await writeJson(folder.lock, { process: self, children: [], ...facts })
}

/** Notes the children, so that whoever takes over knows what may still run. */
export async function noteChildren(
  folder: Folder,
  children: readonly ProcessIdentity[],
): Promise<void> {
  const lock = lockShape.safeParse(await readJson(folder.lock)).data
  if (lock === undefined) return
  const named = children.map(({ pid, startedAt }) => ({ pid, startedAt }))
  await writeJson(folder.lock, { ...lock, children: named })
}

export async function dropLock(folder: Folder): Promise<void> {
  await removeFile(folder.lock)
}

async function createEmpty(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close()
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    throw new HostError('FOLDER_NOT_WRITABLE', `${path} cannot be written`, {
      next: 'Choose another folder with --dir.',
      cause,
    })
  }
}

/** Children of a killed testnet end by themselves; what does not is ended by number and start time. */
async function endOrphans(orphans: readonly ProcessIdentity[]): Promise<void> {
  const deadline = performance.now() + orphanPatience
  while (orphans.some(isRunning) && performance.now() < deadline) await wait(50)
  for (const orphan of orphans) if (isRunning(orphan)) process.kill(orphan.pid, 'SIGKILL')
}
