/** Files that are replaced as a whole: a reader sees the old one or the new one. */
import { randomBytes } from 'node:crypto'
import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder, writeSynced } from './new-file.ts'

/**
 * Writes a file of mode 0600 in the place of whatever was there. The draft beside it is made anew under a name that nobody can guess:
 * what somebody put there before, such as a link elsewhere or a file that others can read, is never written to.
 *
 * @throws whatever the file system says; nothing of the draft is left then.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await replaceBy(path, async draft => {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx' })
    // A umask may have taken from it.
    await chmod(draft, 0o600)
  })
}

/** The same for what must not be lost: when it returns, the new one is on the disk, and at every moment before one of the two is. */
export async function replaceFileSynced(path: string, content: string): Promise<void> {
  await replaceBy(path, draft => writeSynced(draft, content))
  await syncFolder(dirname(path))
}

async function replaceBy(path: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await write(draft)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw error
  }
}
