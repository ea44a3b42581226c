/**
 * Files that others may have put there, read no further than their reader wants to know. What lies at a path is opened once: a size that is
 * asked for by path is that of another file a moment later, and a hole of many gigabytes costs whoever puts it there nothing.
 */
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { concatBytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'

/** Without waiting: a pipe that nobody writes to would hold the reader for ever. */
const plainly = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * The first bytes of a file of a person, or of standard input for `-`: up to `bytesMax` and one more, which tells that it is larger.
 *
 * @throws {UsageError} `FILE_UNREADABLE`.
 */
export async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    return await streamHead(path, bytesMax)
  } catch (cause) {
    throw new UsageError('FILE_UNREADABLE', `${nameOfFile(path)} cannot be read.`, {
      cause,
      next: 'Name an existing file that you may read.',
    })
  }
}

/** As `readAtMost`. @throws {Error} as the system says it. */
export async function streamHead(path: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > bytesMax) break
  }
  return concatBytes(...chunks).subarray(0, bytesMax + 1)
}

/** How sentences call a file. */
export const nameOfFile = (path: string): string => (path === '-' ? 'The input' : path)

/**
 * The first bytes of a file on this host's disk, up to `bytesMax`; none of what has no size, as pipes and devices. `flags` are further ones
 * of open(2).
 *
 * @throws {Error} as the system says it.
 */
export async function fileHead(path: string, bytesMax: number, flags = 0): Promise<Uint8Array> {
  await using file = await open(path, plainly | flags)
  return await handleHead(file, bytesMax)
}

/** As `fileHead`, of an open file from its beginning. */
export async function handleHead(file: FileHandle, bytesMax: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min((await file.stat()).size, bytesMax))
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

/** As `fileHead`, for who must not wait. */
export function fileHeadNow(path: string, bytesMax: number, flags = 0): Uint8Array {
  const file = openSync(path, plainly | flags)
  try {
    const bytes = new Uint8Array(Math.min(fstatSync(file).size, bytesMax))
    let length = 0
    while (length < bytes.length) {
      const count = readSync(file, bytes, length, bytes.length - length, length)
      if (count === 0) break
      length += count
    }
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

/** `fileHead` as text: of a file that is larger than its reader's own ever are, a text that no reader takes for one of them. */
export async function textHead(path: string, bytesMax: number): Promise<string> {
  return textOf(await fileHead(path, bytesMax))
}

/** The whole text of an open file; `undefined` if it is larger than `bytesMax`. */
export async function wholeText(file: FileHandle, bytesMax: number): Promise<string | undefined> {
  const bytes = await handleHead(file, bytesMax + 1)
  return bytes.length > bytesMax ? undefined : textOf(bytes)
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
