/**
 * Key files of manifest-set members and of clients: JSON `{kind, publicKey, seed}`, both keys in hexadecimal, mode 0600. Only their owners'
 * tools read them, never a node; a member's is offline by nature, and one kind never passes for the other.
 */
import { lstat, open, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import { HostError, UsageError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { SigningKey } from '../crypto/sign.ts'
import { wholeText } from './bounded-read.ts'

const bytesMax = 4096

/** Whose key a file holds. */
export type KeyOwner = 'manifest-member' | 'client'

const owners: Readonly<Record<KeyOwner, string>> = {
  'manifest-member': 'a manifest-set member',
  client: 'a client',
}

const kindOf = (owner: KeyOwner): string => `coterie-${owner}-key`

const keyFile = z.strictObject({
  kind: z.string(),
  publicKey: z.string().regex(/^[0-9a-f]{64}$/),
  seed: z.string().regex(/^[0-9a-f]{64}$/),
})

/**
 * Writes a new key file of mode 0600 for a 32-byte Ed25519 seed, which stays the caller's. Gives the public key.
 *
 * @throws {HostError} `KEY_FILE_NOT_WRITTEN`, also if the file is already there: a key is never overwritten.
 */
export async function writeKeyFile(
  path: string,
  seed: Secret,
  owner: KeyOwner = 'manifest-member',
): Promise<Uint8Array> {
  const { text, publicKey } = seed.use(bytes => {
    using key = new SigningKey(new Secret(bytes.slice()))
    const content = {
      kind: kindOf(owner),
      publicKey: toHex(key.publicKey),
      seed: toHex(bytes),
    }
    return { text: `${JSON.stringify(content, null, 2)}\n`, publicKey: key.publicKey }
  })
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
    return publicKey
  } catch (cause) {
    throw new HostError('KEY_FILE_NOT_WRITTEN', `The key file ${path} could not be written.`, {
      cause,
      next: 'Choose a path that does not exist yet, in a directory that you own.',
    })
  }
}

/**
 * The signing key in a key file, owned by the caller, who disposes it.
 *
 * @throws {HostError} `KEY_FILE_UNREADABLE`.
 * @throws {UsageError} `KEY_FILE_EXPOSED` unless only its owner can read it; `BAD_KEY_FILE` for other content.
 */
export async function readKeyFile(
  path: string,
  owner: KeyOwner = 'manifest-member',
): Promise<SigningKey> {
  const text = await readPrivateText(path)
  let parsed: z.infer<typeof keyFile> | undefined
  try {
    parsed = keyFile.safeParse(JSON.parse(text)).data
  } catch {
    // JSON.parse throws SyntaxError, whose message would quote the secret text.
    parsed = undefined
  }
  const seed = parsed?.kind === kindOf(owner) ? fromHex(parsed.seed) : undefined
  if (parsed === undefined || seed === undefined) {
    throw new UsageError('BAD_KEY_FILE', `${path} is not the key file of ${owners[owner]}.`, {
      next: `It holds {"kind":"${kindOf(owner)}","publicKey":…,"seed":…}.`,
    })
  }
  const key = new SigningKey(new Secret(seed))
  if (!equalBytes(key.publicKey, fromHex(parsed.publicKey) ?? new Uint8Array())) {
    key[Symbol.dispose]()
    throw new UsageError('BAD_KEY_FILE', `The two keys in ${path} do not belong together.`)
  }
  return key
}

/** Checks and reads through one handle, so that the file checked is the file read. */
async function readPrivateText(path: string): Promise<string> {
  try {
    if ((await lstat(path)).isSymbolicLink()) {
      throw new UsageError('KEY_FILE_EXPOSED', `${path} is a symbolic link.`, {
        next: 'Name the file itself.',
      })
    }
    await using file = await open(path, 'r')
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) {
      throw new UsageError('KEY_FILE_EXPOSED', `Others than its owner can read or write ${path}.`, {
        next: `Run chmod 600 ${path}, and think about who has read it so far.`,
      })
    }
    const text = await wholeText(file, bytesMax)
    if (text !== undefined) return text
    throw new UsageError('BAD_KEY_FILE', `${path} is too large for a key file.`)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new HostError('KEY_FILE_UNREADABLE', `The key file ${path} could not be read.`, { cause })
  }
}
