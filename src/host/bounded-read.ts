/** Files of people, read no further than their reader wants to know. */
import { createReadStream } from 'node:fs'
import { concatBytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'

/**
 * The first bytes of a file, or of standard input for `-`: up to `bytesMax` and one more, which tells that it is larger.
 *
 * @throws {UsageError} `FILE_UNREADABLE`.
 */
export async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      chunks.push(chunk)
      length += chunk.length
      if (length > bytesMax) break
    }
  } catch (cause) {
    throw new UsageError('FILE_UNREADABLE', `${nameOfFile(path)} cannot be read.`, {
      cause,
      next: 'Name an existing file that you may read.',
    })
  }
  return concatBytes(...chunks).subarray(0, bytesMax + 1)
}

/** How sentences call a file. */
export const nameOfFile = (path: string): string => (path === '-' ? 'The input' : path)
