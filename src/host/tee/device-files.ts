/** The files of the kernel and of library operating systems through which a TEE is asked. */
import { constants } from 'node:fs'
import { access, mkdir, open, rmdir } from 'node:fs/promises'

/**
 * Pseudo-files: each call is one conversation with a driver, so nothing is cached, retried, split or truncated here. What the
 * system refuses is thrown as it is, an `Error` with the name of its errno as `code`.
 */
export interface DeviceFiles {
  /**
   * All bytes of a file, opened for this read alone: some drivers make their answer when they are opened.
   * @throws {Error} with the errno; `EFBIG` beyond `bytesMax`.
   */
  read(path: string, bytesMax: number): Promise<Uint8Array>
  /** Opens, writes `bytes` with one call, closes. Resolves to how many bytes the driver took. */
  write(path: string, bytes: Uint8Array): Promise<number>
  makeDirectory(path: string): Promise<void>
  removeDirectory(path: string): Promise<void>
  /** Whether a path is there, and whether this process may use it. */
  probe(path: string, use: 'read' | 'write'): Promise<'usable' | 'forbidden' | 'absent'>
}

/** The files of this machine. */
export const systemDeviceFiles: DeviceFiles = {
  read,
  write,
  makeDirectory: async path => void (await mkdir(path)),
  removeDirectory: path => rmdir(path),
  probe,
}

/** Sizes that pseudo-files state mean nothing, so that the end is where a read gives nothing more. */
async function read(path: string, bytesMax: number): Promise<Uint8Array> {
  await using file = await open(path, constants.O_RDONLY)
  const bytes = new Uint8Array(bytesMax + 1)
  let length = 0
  while (length <= bytesMax) {
    // A position of null reads on: some pseudo-files know no other way.
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null)
    if (bytesRead === 0) return bytes.slice(0, length)
    length += bytesRead
  }
  throw errnoError('EFBIG', `more than ${bytesMax} bytes in ${path}`)
}

/** Without O_CREAT: a driver that is not there must not turn into a plain file that swallows the request. */
async function write(path: string, bytes: Uint8Array): Promise<number> {
  await using file = await open(path, constants.O_WRONLY)
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, null)
  return bytesWritten
}

async function probe(
  path: string,
  use: 'read' | 'write',
): Promise<'usable' | 'forbidden' | 'absent'> {
  try {
    await access(path, use === 'read' ? constants.R_OK : constants.W_OK)
    return 'usable'
  } catch (error) {
    const code = errnoOf(error)
    return code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'forbidden' : 'absent'
  }
}

/** The errno of what the system threw, or an empty text. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** An error as the system throws them. */
export function errnoError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code })
}
