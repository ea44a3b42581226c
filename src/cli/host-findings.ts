/** What `doctor` says of what a node stands on besides its settings: containers, the last node of the directory, its audit record. */
import { readdir, stat } from 'node:fs/promises'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { concatBytes } from '../base/bytes.ts'
import { auditFileBytesMax } from '../host/audit-folder.ts'
import { fileHead } from '../host/bounded-read.ts'
import { auditDirOf } from '../host/data-dir.ts'
import { verifyRecord } from '../protocol/audit/verify.ts'
import { auditFrame, auditFrames, auditMagic } from '../wire/audit-entry.ts'
import { recordBytesMax } from './audit-file.ts'
import { type Found, fail, ok, warn } from './finding.ts'

/** Where the daemon of containers listens, unless somebody moved it. */
const daemonSocket = '/var/run/docker.sock'

/** Whether this is a container, or a machine whose daemon starts them. */
export async function containerFinding(socket = daemonSocket): Promise<Found> {
  const marks = await Promise.all(['/.dockerenv', '/run/.containerenv'].map(isThere))
  if (marks.some(Boolean))
    return ok('this is inside of one: what the TEE lacks, hand in as a device')
  if (!(await isThere(socket))) return ok('this is none, and no daemon starts any here')
  return (await answers({ path: socket, timeout: 3_000 }))
    ? ok(`a daemon answers at ${socket}`)
    : fail(`Nobody answers at ${socket}.`, 'See docker info, start the daemon, or join its group.')
}

/** The record of this directory, entry by entry. A node that was killed signed not all of it, which is no flaw. */
export async function recordFinding(dataDir: string): Promise<Found> {
  const folder = auditDirOf(dataDir)
  const names = await namesIn(folder)
  if (names === undefined) {
    return warn(`${folder} cannot be read.`, 'Ask as the user that the node runs as.')
  }
  const files = names.filter(name => /^\d{10}\.audit$/.test(name)).sort()
  if (files.length === 0) return ok('none yet')
  const frames: Uint8Array[] = []
  let length = 0
  for (const name of files) {
    const content = await fileHead(join(folder, name), auditFileBytesMax + 1)
    length += content.length
    if (content.length > auditFileBytesMax || length > recordBytesMax) return tooLarge(name)
    frames.push(...(auditFrames(content)?.entries ?? []).map(auditFrame))
  }
  const report = verifyRecord(concatBytes(auditMagic, ...frames))
  if ('chains' in report) return ok(`${report.entries.length} entries hold`)
  if (report.code === 'AUDIT_UNSIGNED_END') {
    return ok(`${frames.length} entries hold, the last without a signature`)
  }
  const facts = Object.entries(report.facts).map(([name, value]) => `${name} ${value}`)
  return warn(
    `${report.code}: ${facts.join(', ')}.`,
    'Keep the folder audit for whoever looks into this, and compare it with an earlier export.',
  )
}

function tooLarge(name: string): Found {
  const text = `${name} is larger than a node writes it, or the files before it are together.`
  return warn(text, 'Find out who wrote it, and keep the folder audit for whoever looks into this.')
}

/** None if it is not there yet; `undefined` if it cannot be read. */
async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(folder)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? [] : undefined
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

/** Whether somebody takes a connection there, within the time given. */
export function answers(where: NetConnectOpts): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(where)
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}
