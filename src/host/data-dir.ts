/**
 * The data directory: what a node leaves on its host's disk. Nothing in it is secret from the host; the
 * modes keep other users of the machine out.
 */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { HostError, UsageError } from '../base/errors.ts'
import { textHead } from './bounded-read.ts'
import { replaceFile } from './replace-file.ts'

/** Names of what lies in a data directory. */
export const dataFiles = {
  config: 'config.json',
  manifest: 'manifest.json',
  machine: 'machine.json',
  token: 'api.token',
  run: 'run.json',
  lock: 'LOCK',
  cache: 'cache',
  bans: 'bans.json',
  endorsements: 'endorsements',
  audit: 'audit',
} as const

/** Addresses of a node, and its token, with room: nothing longer was written here. */
const textBytesMax = 16 * 1024

const runFile = z.object({
  pid: z.int().positive(),
  /** Of the API: `http://127.0.0.1:9000` or `unix:/path`. */
  http: z.string(),
  /** Own multiaddrs, with the node id. */
  p2p: z.array(z.string()),
  node: z.string(),
})

/** Where a running node is; written when it serves, removed when it stopped. */
export type RunFile = z.infer<typeof runFile>

/**
 * Makes the directory for its owner alone, or checks that it is so.
 *
 * @throws {UsageError} `DATA_DIR_EXPOSED` if others may look in.
 * @throws {HostError} `DATA_DIR_UNUSABLE`.
 */
export async function openDataDir(path: string): Promise<void> {
  let mode: number
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    mode = (await stat(path)).mode
  } catch (cause) {
    throw new HostError('DATA_DIR_UNUSABLE', `The data directory ${path} cannot be used.`, {
      cause,
      next: 'Name another with --data-dir.',
    })
  }
  if ((mode & 0o077) === 0) return
  throw new UsageError('DATA_DIR_EXPOSED', `Other users of this machine can look into ${path}.`, {
    next: `Run chmod 700 ${path}, or name another with --data-dir.`,
  })
}

/** Where the cache of this node lies, or `null` if it keeps none. */
export function cacheDirOf(options: {
  readonly dataDir: string
  readonly cache: boolean
}): string | null {
  return options.cache ? join(options.dataDir, dataFiles.cache) : null
}

/** Where endorsements survive a restart, or `null` if nothing is kept. */
export function endorsementsDirOf(options: {
  readonly dataDir: string
  readonly cache: boolean
}): string | null {
  return options.cache ? join(options.dataDir, dataFiles.endorsements) : null
}

/** Where bans survive a restart. */
export function bansFileOf(dataDir: string): string {
  return join(dataDir, dataFiles.bans)
}

/** Where the audit record is kept. */
export function auditDirOf(dataDir: string): string {
  return join(dataDir, dataFiles.audit)
}

/** Writes the run file as a whole, mode 0600. */
export async function writeRunFile(dataDir: string, content: RunFile): Promise<void> {
  await replace(join(dataDir, dataFiles.run), `${JSON.stringify(content, null, 2)}\n`)
}

export async function removeRunFile(dataDir: string): Promise<void> {
  await rm(join(dataDir, dataFiles.run), { force: true })
}

/** Where the node of this directory runs, or `undefined` if it does not. A killed node leaves the file behind. */
export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  const text = await textOrNothing(join(dataDir, dataFiles.run))
  if (text === undefined) return undefined
  try {
    return runFile.parse(JSON.parse(text))
  } catch (cause) {
    throw new HostError('BAD_RUN_FILE', `${join(dataDir, dataFiles.run)} is not a run file.`, {
      cause,
      next: 'Stop the node and remove the file.',
    })
  }
}

/**
 * Makes the host's token for one run of a node: 32 random bytes as 43 characters, in a file of mode 0600. A
 * new one at every start, so that a token that leaked does not last.
 */
export async function makeToken(dataDir: string): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await replace(join(dataDir, dataFiles.token), `${token}\n`)
  return token
}

/**
 * The host's token, or `undefined` if there is none.
 *
 * @throws {UsageError} `TOKEN_EXPOSED` if others can read it.
 */
export async function readToken(dataDir: string): Promise<string | undefined> {
  const path = join(dataDir, dataFiles.token)
  const text = await textOrNothing(path)
  if (text === undefined) return undefined
  if (((await lstat(path)).mode & 0o077) !== 0) {
    throw new UsageError('TOKEN_EXPOSED', `Others than its owner can read ${path}.`, {
      next: `Run chmod 600 ${path} and restart the node: it makes a new token.`,
    })
  }
  return text.trim()
}

async function replace(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text)
  } catch (cause) {
    throw new HostError('FILE_NOT_WRITTEN', `${path} could not be written.`, { cause })
  }
}

async function textOrNothing(path: string): Promise<string | undefined> {
  try {
    return await textHead(path, textBytesMax)
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw new HostError('FILE_UNREADABLE', `${path} could not be read.`, { cause })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
