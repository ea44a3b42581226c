/** Pages in a LevelDB (classic-level): one ordered file tree, checksummed, without a server. */
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { utf8 } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import type { PageStore, StoredPage } from './port.ts'

type Database = ClassicLevel<Uint8Array, Uint8Array>

/** Pages are sealed, and what is sealed does not shrink. */
const tuning = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: false,
  writeBufferSize: 1024 * 1024,
} as const

/**
 * Opens the store in this directory, made if it is missing. One that cannot be opened is moved to
 * `<directory>.damaged`, `.damaged-2` and so on: it may hold the one record from which a state comes back.
 *
 * @throws {HostError} `STORE_LOCKED` if another process has it open, `STORE_FULL`, `STORE_FAILED`.
 */
export async function openLevelStore(directory: string): Promise<PageStore> {
  try {
    return new LevelStore(directory, await open(directory), false)
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== 'STORE_DAMAGED') throw error
  }
  const aside = placeAside(directory)
  try {
    await rm(aside, { recursive: true, force: true })
    await rename(directory, aside)
  } catch (cause) {
    throw failed(cause)
  }
  return new LevelStore(directory, await open(directory), true)
}

/** A disk that damages every store may not fill itself with them. */
const asideMax = 8

/** The first free place beside a directory, or the last of all. */
function placeAside(directory: string): string {
  const first = `${directory}.damaged`
  let place = first
  for (let count = 2; existsSync(place) && count <= asideMax; count++) place = `${first}-${count}`
  return place
}

class LevelStore implements PageStore {
  readonly beganAnew: boolean
  readonly #directory: string
  #database: Database

  constructor(directory: string, database: Database, beganAnew: boolean) {
    this.#directory = directory
    this.#database = database
    this.beganAnew = beganAnew
  }

  async *pages(): AsyncGenerator<StoredPage> {
    // Also a database that is closed meanwhile is the world's, and no bug.
    const iterator = await attempt(async () => this.#database.iterator())
    try {
      for (;;) {
        const entry = await iterator.next()
        if (entry === undefined) return
        const number = numberOf(entry[0])
        // A key of another length is none of ours; dropThrough or clear takes it away.
        const { buffer, byteOffset, byteLength } = entry[1]
        if (number !== undefined)
          yield { number, bytes: new Uint8Array(buffer, byteOffset, byteLength) }
      }
    } catch (cause) {
      throw failure(cause)
    } finally {
      await iterator.close()
    }
  }

  put(number: number, bytes: Uint8Array): Promise<void> {
    return attempt(() => this.#database.put(keyOf(number), bytes))
  }

  dropThrough(number: number, above = 0): Promise<void> {
    // A range whose beginning lies behind its end is empty.
    if (above >= number) return Promise.resolve()
    const from = above === 0 ? {} : { gt: keyOf(above) }
    return attempt(() => this.#database.clear({ ...from, lte: keyOf(number) }))
  }

  async record(): Promise<Uint8Array | undefined> {
    try {
      const found = await this.#database.get(recordKey)
      return found && new Uint8Array(found.buffer, found.byteOffset, found.byteLength)
    } catch (cause) {
      throw failure(cause)
    }
  }

  putRecord(bytes: Uint8Array): Promise<void> {
    // One log holds pages and record in their order, so that to sync its end syncs all before it.
    return attempt(() => this.#database.put(recordKey, bytes, { sync: true }))
  }

  clear(): Promise<void> {
    return attempt(async () => {
      await this.#database.close()
      // Takes LevelDB's own files only: whatever else lies there is somebody's.
      await ClassicLevel.destroy(this.#directory)
      this.#database = await open(this.#directory)
    })
  }

  close(): Promise<void> {
    return attempt(() => this.#database.close())
  }
}

async function open(directory: string): Promise<Database> {
  const database: Database = new ClassicLevel(directory, tuning)
  await attempt(() => database.open())
  return database
}

/** Longer than the key of a page, and after all of them: no number is as high as its first byte. */
const recordKey = utf8('recovery-record')

/** Eight bytes, so that the order of keys is that of numbers. */
function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, BigInt(number))
  return key
}

function numberOf(key: Uint8Array): number | undefined {
  if (key.length !== 8) return undefined
  const number = Number(new DataView(key.buffer, key.byteOffset).getBigUint64(0))
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

async function attempt<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    throw failure(cause)
  }
}

/** LevelDB says in words what went wrong, and `abstract-level` wraps it once. */
function failure(cause: unknown): HostError {
  if (cause instanceof HostError) return cause
  const words = wordsOf(cause)
  if (/no space left|disk quota/i.test(words)) {
    return new HostError('STORE_FULL', 'The disk of the cache is full.', {
      cause,
      next: 'Free space under the data directory; the node goes on without its cache.',
    })
  }
  if (/LEVEL_LOCKED|lock hold|already held/i.test(words)) {
    return new HostError('STORE_LOCKED', 'Another process has the cache open.', {
      cause,
      next: 'Stop the other process, or name another data directory.',
    })
  }
  if (
    /LEVEL_CORRUPTION|corrupt|checksum|not a directory|file exists|EEXIST|missing|invalid/i.test(
      words,
    )
  ) {
    return new HostError('STORE_DAMAGED', 'The cache on disk cannot be read.', { cause })
  }
  return failed(cause)
}

function failed(cause: unknown): HostError {
  return new HostError('STORE_FAILED', 'The cache on disk failed.', {
    cause,
    next: 'Look at the rights and the state of the data directory; the node goes on without its cache.',
  })
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  return `${code} ${error.message} ${error.cause === undefined ? '' : wordsOf(error.cause)}`
}
