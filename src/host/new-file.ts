/** Files that appear once: whole, on the disk, and never over what is there. */
import { randomBytes } from 'node:crypto'
import { chmod, link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a file of mode 0600 unless something has the name already; of many at once one makes it. When it returns, the file is on the disk:
 * neither a crash nor a power cut takes it away or leaves half of it.
 *
 * @returns whether it was made; `false` if the name is taken, by a link as well.
 * @throws whatever the file system says; nothing of the draft is left then. A file system without hard links has `EPERM`.
 */
export async function makeNewFile(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await writeSynced(draft, content)
    // A link appears with its content at once, or fails because the name is taken (link(2), EEXIST).
    await link(draft, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(dirname(path))
  return true
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/** Writes a new file of mode 0600 and waits until it is on the disk; its name may not be, until `syncFolder`. */
export async function writeSynced(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  // A umask may have taken from it.
  await chmod(path, 0o600)
  await file.writeFile(content)
  await file.sync()
}
