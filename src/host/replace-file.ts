/** Files that are replaced as a whole: a reader sees the old one or the new one. */
import { randomBytes } from 'node:crypto'
import { chmod, rename, rm, writeFile } from 'node:fs/promises'

/**
 * Writes a file of mode 0600 in the place of whatever was there. The draft beside it is made anew under a name that nobody can guess:
 * what somebody put there before, such as a link elsewhere or a file that others can read, is never written to.
 *
 * @throws whatever the file system says; nothing of the draft is left then.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await writeFile(draft, content, { mode: 0o600, flag: 'wx' })
    // A umask may have taken from it.
    await chmod(draft, 0o600)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw error
  }
}
