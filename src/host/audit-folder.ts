/**
 * The audit record in a folder: numbered files that only grow. One process writes there, behind the lock of the data directory.
 *
 * An entry is with the system when `append` returns, so no end of this process loses it; a power cut may lose what the disk had not taken,
 * which is asked of it at once and not waited for: a slow disk must not hold the node up.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { HostError } from '../base/errors.ts'
import { auditFrames, auditMagic } from '../wire/audit-entry.ts'
import { fileHead, fileHeadNow } from './bounded-read.ts'
import type { AuditStore, FoundRecord, OldestFile } from './port.ts'

/** A file that is larger was not written here: nothing behind this is read. */
export const auditFileBytesMax = 16 * 1024 * 1024

interface KeptFile {
  readonly path: string
  readonly number: number
  bytes: number
}

interface OpenFile extends KeptFile {
  readonly descriptor: number
}

export class AuditFolder implements AuditStore {
  readonly #folder: string
  /** Oldest first, the open one last. */
  #files: KeptFile[] = []
  #open: OpenFile | undefined
  /** Of all names that were ever here: none is used twice, also not that of a link. */
  #lastNumber = 0
  #isClosed = false
  #isSyncing = false
  #isUnsynced = false

  constructor(folder: string) {
    this.#folder = folder
  }

  get fileBytes(): number {
    return this.#open?.bytes ?? 0
  }

  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  open(): FoundRecord {
    return this.#written(() => {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      this.#files = this.#listed()
      const found = this.#mended()
      this.#begin()
      return found
    })
  }

  append(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#written(() => {
      const file = this.#open ?? this.#begin()
      this.#add(file, bytes)
      this.#sync(file)
    })
  }

  nextFile(): void {
    this.#written(() => {
      this.#end()
      this.#begin()
    })
  }

  oldest(): OldestFile | undefined {
    const file = this.#oldestKept()
    return file && { name: basename(file.path), bytes: file.bytes, content: contentNow(file) }
  }

  dropOldest(): void {
    const file = this.#oldestKept()
    if (file === undefined) return
    this.#files.shift()
    // What lies in its place may be no file, or one that nobody may take away.
    this.#written(() => rmSync(file.path, { force: true }))
  }

  async files(): Promise<readonly Uint8Array[]> {
    try {
      return await this.#read()
    } catch (cause) {
      throw new HostError('AUDIT_UNREADABLE', 'A file of the audit record cannot be read.', {
        cause,
        next: `See whether somebody took files away from ${this.#folder}.`,
      })
    }
  }

  close(): void {
    try {
      this.#end()
    } catch {
      // The disk failed at the very end: what it has is what it has, and the node stops.
    }
    this.#isClosed = true
  }

  /** One after another: many boots leave more files than a process may have open. */
  async #read(): Promise<readonly Uint8Array[]> {
    let read: Uint8Array[] = []
    for (const file of this.#files.slice()) {
      try {
        read.push(await fileHead(file.path, readableBytes(file), constants.O_NOFOLLOW))
      } catch (error) {
        if (this.#files.includes(file)) throw error
        // It was dropped meanwhile, and so was all before it: a record has no hole.
        read = []
      }
    }
    return read
  }

  #oldestKept(): KeptFile | undefined {
    const [file] = this.#files
    return file?.number === this.#open?.number ? undefined : file
  }

  #listed(): KeptFile[] {
    return readdirSync(this.#folder, { withFileTypes: true })
      .flatMap(entry => {
        const number = Number(/^(\d{10})\.audit$/.exec(entry.name)?.[1] ?? 0)
        this.#lastNumber = Math.max(this.#lastNumber, number)
        // A link leads to what is no part of a record, and is not mended.
        if (number === 0 || !entry.isFile()) return []
        const path = join(this.#folder, entry.name)
        return [{ path, number, bytes: statSync(path).size }]
      })
      .sort((left, right) => left.number - right.number)
  }

  /** The last file that holds an entry, without the one that a crash broke off. What is wrong in another way stays, for whoever verifies. */
  #mended(): FoundRecord {
    let tornBytes = 0
    for (let last = this.#files.at(-1); last !== undefined; last = this.#files.at(-1)) {
      if (last.bytes > auditFileBytesMax) break
      const content = fileHeadNow(last.path, last.bytes, constants.O_NOFOLLOW)
      const frames = auditFrames(content)
      const isBegun = content.length < auditMagic.length || frames?.entries.length === 0
      if (!isBegun || frames?.rest === 'broken') {
        const lastFile = frames?.rest === 'torn' ? cutTo(last, frames.wholeBytes, content) : content
        return { lastFile, tornBytes: tornBytes + content.length - lastFile.length }
      }
      // The crash came before the first entry.
      this.#files.pop()
      rmSync(last.path, { force: true })
      tornBytes += content.length
    }
    return { lastFile: new Uint8Array(0), tornBytes }
  }

  #begin(): OpenFile {
    const number = ++this.#lastNumber
    const path = join(this.#folder, `${String(number).padStart(10, '0')}.audit`)
    const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    const file = { path, number, bytes: 0, descriptor }
    this.#files.push(file)
    this.#open = file
    this.#add(file, auditMagic)
    return file
  }

  #add(file: OpenFile, bytes: Uint8Array): void {
    try {
      let offset = 0
      while (offset < bytes.length) offset += writeSync(file.descriptor, bytes, offset)
    } catch (error) {
      this.#cutBack(file)
      throw error
    }
    file.bytes += bytes.length
  }

  /** Half an entry would hide all that follow. */
  #cutBack(file: OpenFile): void {
    try {
      ftruncateSync(file.descriptor, file.bytes)
      if (file.bytes > 0) return
    } catch {
      // What follows goes into another file, once there is room for one.
    }
    this.#open = undefined
    closeSync(file.descriptor)
    if (file.bytes === 0) this.#unbegin(file)
  }

  /** A disk that takes no byte takes names all the same: one for each entry that it refuses. */
  #unbegin(file: OpenFile): void {
    rmSync(file.path, { force: true })
    this.#files.pop()
    this.#lastNumber--
  }

  #end(): void {
    const file = this.#open
    if (file === undefined) return
    this.#open = undefined
    try {
      fsyncSync(file.descriptor)
    } finally {
      closeSync(file.descriptor)
    }
  }

  /** One sync at a time; what came meanwhile is in the next. */
  #sync(file: OpenFile): void {
    this.#isUnsynced = true
    if (this.#isSyncing) return
    this.#isSyncing = true
    this.#isUnsynced = false
    fdatasync(file.descriptor, () => {
      // A failure shows at the next write, or is the disk's word against ours.
      this.#isSyncing = false
      const open = this.#open
      if (this.#isUnsynced && open !== undefined) this.#sync(open)
    })
  }

  #written<T>(write: () => T): T {
    try {
      return write()
    } catch (cause) {
      if (cause instanceof HostError) throw cause
      throw notWritten(this.#folder, cause)
    }
  }
}

/** As far as this process knows it: what a host appends meanwhile is none of it. */
function readableBytes({ bytes }: KeptFile): number {
  return Math.min(bytes, auditFileBytesMax)
}

function contentNow(file: KeptFile): Uint8Array {
  try {
    return fileHeadNow(file.path, readableBytes(file), constants.O_NOFOLLOW)
  } catch {
    // The host took it away: nothing of it can be said, and it is dropped all the same.
    return new Uint8Array(0)
  }
}

function cutTo(file: KeptFile, length: number, content: Uint8Array): Uint8Array {
  truncateSync(file.path, length)
  file.bytes = length
  return content.subarray(0, length)
}

function notWritten(folder: string, cause: unknown): HostError {
  return new HostError('AUDIT_NOT_WRITTEN', `The audit record cannot be written in ${folder}.`, {
    cause,
    next: 'Free or mend the disk. The node goes on and keeps what happens in memory meanwhile.',
  })
}
