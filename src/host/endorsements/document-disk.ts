/** Endorsements on this host's disk, so that a restart asks no vendor. The host may put there what it likes: what is read is judged like any other answer. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Endorsement } from '../../attestation/endorsements.ts'
import type { Logger } from '../../base/log.ts'
import { fileHead } from '../bounded-read.ts'
import { replaceFile } from '../replace-file.ts'

/** Where documents are kept over a restart. */
export interface DocumentDisk {
  /** `undefined` for what is not there, torn, too large, or not of this name. Never rejects. */
  read(name: string): Promise<readonly Endorsement[] | undefined>
  /** Replaces what is there; a reader sees the old file or the new one. A failure costs the copy alone. */
  write(name: string, items: readonly Endorsement[]): Promise<void>
}

/** Documents of a network with some machines of each vendor's each kind. */
const filesMax = 256
/** A document of 256 KiB and its chain, in Base64. */
const fileBytesMax = 512 * 1024

const keptFile = z.strictObject({
  kind: z.literal('coterie-endorsement'),
  name: z.string().max(512),
  items: z
    .array(
      z.strictObject({
        kind: z.enum(['certificates', 'crl', 'tcb-info', 'qe-identity']),
        base64: z.base64(),
      }),
    )
    .min(1)
    .max(4),
})

/** A folder with a file for each document, mode 0600. */
export class FolderDisk implements DocumentDisk {
  readonly #folder: string
  readonly #log: Logger
  /** One write after another: two that make room at once would each take away what the other counts. */
  #writes: Promise<void> = Promise.resolve()

  constructor(folder: string, log: Logger) {
    this.#folder = folder
    this.#log = log
  }

  async read(name: string): Promise<readonly Endorsement[] | undefined> {
    try {
      const { O_NOFOLLOW } = constants
      const bytes = await fileHead(this.#pathOf(name), fileBytesMax + 1, O_NOFOLLOW)
      if (bytes.length > fileBytesMax) return undefined
      const kept = keptFile.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
      if (kept.name !== name) return undefined
      return kept.items.map(({ kind, base64 }) => ({
        kind,
        bytes: new Uint8Array(Buffer.from(base64, 'base64')),
      }))
    } catch {
      // Absent at first; unreadable, torn or foreign is as good as absent.
      return undefined
    }
  }

  write(name: string, items: readonly Endorsement[]): Promise<void> {
    this.#writes = this.#writes.then(() => this.#replace(name, items))
    return this.#writes
  }

  async #replace(name: string, items: readonly Endorsement[]): Promise<void> {
    const path = this.#pathOf(name)
    const encoded = items.map(({ kind, bytes }) => ({
      kind,
      base64: Buffer.from(bytes).toString('base64'),
    }))
    const text = JSON.stringify({ kind: 'coterie-endorsement', name, items: encoded })
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await this.#makeRoom()
      await replaceFile(path, text)
    } catch (error) {
      this.#log.warn('an endorsement could not be kept on disk', { name, error: String(error) })
    }
  }

  /** Drafts of a process that was killed count as files, and are the oldest one day. */
  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#folder)
    if (names.length < filesMax) return
    const paths = names.map(name => join(this.#folder, name))
    const aged = await Promise.all(
      paths.map(async path => ({ path, at: (await stat(path)).mtimeMs })),
    )
    const oldest = aged.toSorted((left, right) => left.at - right.at)
    for (const { path } of oldest.slice(0, names.length - filesMax + 1)) {
      await rm(path, { force: true })
    }
  }

  /** Names come from what peers send: none of them becomes a path. */
  #pathOf(name: string): string {
    return join(this.#folder, `${createHash('sha256').update(name).digest('hex')}.json`)
  }
}
