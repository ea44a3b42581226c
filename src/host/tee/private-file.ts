/** JSON files that hold keys of simulated hardware, mode 0600. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { CoterieError, HostError, UsageError } from '../../base/errors.ts'
import { wholeText } from '../bounded-read.ts'
import { replaceFile } from '../replace-file.ts'

const bytesMax = 32_768

/** @throws {HostError} `TEE_FILE_NOT_WRITTEN`. The file appears whole or not at all. */
export async function writePrivateJson(path: string, content: object): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(content, null, 2)}\n`)
  } catch (cause) {
    throw new HostError('TEE_FILE_NOT_WRITTEN', `${path} could not be written.`, { cause })
  }
}

/**
 * The JSON value in a file, checked and read through one handle.
 *
 * @returns `undefined` if it is not JSON.
 * @throws {HostError} `TEE_FILE_UNREADABLE`. @throws {UsageError} `TEE_FILE_EXPOSED`, `TEE_FILE_TOO_LARGE`.
 */
export async function readPrivateJson(path: string): Promise<unknown> {
  const text = await readPrivateText(path)
  try {
    return JSON.parse(text)
  } catch {
    // JSON.parse throws SyntaxError, whose message would quote the text of a key.
    return undefined
  }
}

async function readPrivateText(path: string): Promise<string> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) {
      throw new UsageError('TEE_FILE_EXPOSED', `Others than its owner can open ${path}.`, {
        next: `Run chmod 600 ${path}.`,
      })
    }
    const text = await wholeText(file, bytesMax)
    if (text !== undefined) return text
    throw new UsageError('TEE_FILE_TOO_LARGE', `${path} is too large.`)
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    throw new HostError('TEE_FILE_UNREADABLE', `${path} could not be read.`, { cause })
  }
}
