/**
 * Key files of holders: one JSON document with the public key in clear and the two seeds sealed under a passphrase, or in clear if the
 * holder asked for that. Only the holder's own tools read it, offline.
 */
import { scrypt } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { holderKeyBytes } from '../attestation/custody/holder-key.ts'
import { HolderKeys, holderSeedBytes } from '../attestation/custody/holder-keys.ts'
import { equalBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { CoterieError, HostError, UsageError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { nonceBytes, open as openSealed, seal, tagBytes } from '../crypto/aead.ts'
import { framed } from '../crypto/hash.ts'
import { custodyDomains } from '../wire/custody-domains.ts'
import { wholeText } from './bounded-read.ts'
import { makeNewFile } from './new-file.ts'
import { replaceFileSynced } from './replace-file.ts'

/** How a passphrase becomes a key (RFC 7914): 128 * N * r bytes of memory. */
interface Stretching {
  readonly name: 'scrypt'
  /** A power of two. */
  readonly N: number
  readonly r: number
  readonly p: number
  /** 32 bytes in hexadecimal. */
  readonly salt: string
}

/** 128 MiB and about half a second: what OWASP asks of passwords, for a file that may be tried offline for ever. */
const stretching = { name: 'scrypt', N: 2 ** 17, r: 8, p: 1 } as const
/** A file that asks for more memory than this is not honest: 256 MiB. */
const stretchingMax = 2 ** 18
const stretchingMin = 2 ** 14

const bytesMax = 8192
const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))
const common = {
  format: z.literal('coterie-holder-key/1'),
  alias: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/),
  publicKey: hexOf(holderKeyBytes.coterie),
}
const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value))
const keyFile = z.union([
  z.strictObject({ ...common, kdf: z.null(), seeds: hexOf(holderSeedBytes) }),
  z.strictObject({
    ...common,
    kdf: z.strictObject({
      name: z.literal(stretching.name),
      N: z.int().min(stretchingMin).max(stretchingMax).refine(isPowerOfTwo),
      r: z.literal(stretching.r),
      p: z.literal(stretching.p),
      salt: hexOf(32),
    }),
    seeds: hexOf(holderSeedBytes + tagBytes),
  }),
])

/** A key file that was read and not opened yet. */
export interface StoredHolderKey {
  readonly path: string
  readonly alias: string
  /** As `readHolderKey` reads it. */
  readonly publicKey: Uint8Array
  /** Whether it takes a passphrase. */
  readonly isSealed: boolean
  /** Whether others can read it, which costs a sealed one nothing but time. */
  readonly isExposed: boolean
  /** Opens it; the keys are the caller's, and so stays the passphrase. @throws {UsageError} `PASSPHRASE_WRONG`, `BAD_HOLDER_KEY_FILE`. */
  readonly open: (passphrase: Secret | undefined) => Promise<HolderKeys>
}

/**
 * Makes the keys of a holder and writes them into a new file of mode 0600, sealed unless the passphrase is `null`.
 *
 * @returns the public key.
 * @throws {HostError} `KEY_FILE_NOT_WRITTEN`, also if something has that name: a key is never overwritten.
 */
export async function makeHolderKeyFile(
  path: string,
  { alias, passphrase }: { readonly alias: string; readonly passphrase: Secret | null },
  random: Random,
): Promise<Uint8Array> {
  using seeds = new Secret(random.bytes(holderSeedBytes))
  using keys = new HolderKeys(seeds.use(bytes => new Secret(bytes.slice())))
  const { publicKey } = keys
  const text = await textOf(seeds, { alias, publicKey, passphrase }, random)
  const isMade = await makeNewFile(path, text).catch(cause => {
    throw notWritten(path, cause)
  })
  if (!isMade) throw notWritten(path)
  return publicKey
}

/**
 * Seals the keys in a file under another passphrase, or under none if it is `null`. The file is replaced as a whole: whatever happens, the old
 * one or the new one is there. Both passphrases stay the caller's.
 *
 * @throws what `readHolderKeyFile` and opening it throw. @throws {HostError} `KEY_FILE_NOT_WRITTEN`.
 */
export async function resealHolderKeyFile(
  path: string,
  { from, to }: { readonly from: Secret | undefined; readonly to: Secret | null },
  random: Random,
): Promise<void> {
  const { content, publicKey } = await contentOf(path)
  using seeds = await ownSeeds(path, content, from)
  const { alias } = content
  const text = await textOf(seeds, { alias, publicKey, passphrase: to }, random)
  await replaceFileSynced(path, text).catch(cause => {
    throw notWritten(path, cause)
  })
}

async function textOf(
  seeds: Secret,
  about: Pick<Sealed, 'alias' | 'publicKey'> & { readonly passphrase: Secret | null },
  random: Random,
): Promise<string> {
  const { alias, publicKey, passphrase } = about
  const kdf = passphrase === null ? null : { ...stretching, salt: toHex(random.bytes(32)) }
  const written =
    passphrase === null || kdf === null
      ? seeds.use(toHex)
      : toHex(await sealSeeds(seeds, { alias, publicKey, kdf }, passphrase))
  const content = { format: common.format.value, alias, publicKey: toHex(publicKey), kdf }
  return `${JSON.stringify({ ...content, seeds: written }, null, 2)}\n`
}

/**
 * Reads a key file without opening it, checked and read through one handle.
 *
 * @throws {HostError} `KEY_FILE_UNREADABLE`. @throws {UsageError} `KEY_FILE_EXPOSED` if others can write it, can read what is not sealed, or a
 * link stands in its place; `BAD_HOLDER_KEY_FILE` for other content, and for one that asks for more memory than honest ones.
 */
export async function readHolderKeyFile(path: string): Promise<StoredHolderKey> {
  const { content, publicKey, mode } = await contentOf(path)
  const open = async (passphrase: Secret | undefined): Promise<HolderKeys> =>
    new HolderKeys(await ownSeeds(path, content, passphrase))
  const isSealed = content.kdf !== null
  const isExposed = (mode & 0o077) !== 0
  return { path, alias: content.alias, publicKey, isSealed, isExposed, open }
}

interface Read {
  readonly content: z.infer<typeof keyFile>
  readonly publicKey: Uint8Array
  readonly mode: number
}

async function contentOf(path: string): Promise<Read> {
  const { text, mode } = await readOwn(path)
  const content = parsed(text)
  if (content === undefined) {
    throw new UsageError('BAD_HOLDER_KEY_FILE', `${path} is not the key file of a holder.`, {
      next: 'Name a file that coterie keys generate has written.',
    })
  }
  const isSealed = content.kdf !== null
  if ((mode & (isSealed ? 0o022 : 0o077)) !== 0) {
    const what = isSealed ? 'can write' : 'can read or write'
    throw new UsageError('KEY_FILE_EXPOSED', `Others than its owner ${what} ${path}.`, {
      next: `Run chmod 600 ${path}, and think about who has had it so far.`,
    })
  }
  return { content, mode, publicKey: publicKeyOf(content) }
}

const publicKeyOf = ({ publicKey }: z.infer<typeof keyFile>): Uint8Array =>
  fromHex(publicKey) ?? new Uint8Array(0)

/** The seeds behind the public key of a file, which are the caller's. */
async function ownSeeds(
  path: string,
  content: z.infer<typeof keyFile>,
  passphrase: Secret | undefined,
): Promise<Secret> {
  const publicKey = publicKeyOf(content)
  const seeds = await seedsOf(content, publicKey, passphrase)
  using keys = new HolderKeys(seeds.use(bytes => new Secret(bytes.slice())))
  if (equalBytes(keys.publicKey, publicKey)) return seeds
  seeds[Symbol.dispose]()
  throw new UsageError('BAD_HOLDER_KEY_FILE', `The keys in ${path} do not belong together.`)
}

async function seedsOf(
  { alias, kdf, seeds }: z.infer<typeof keyFile>,
  publicKey: Uint8Array,
  passphrase: Secret | undefined,
): Promise<Secret> {
  const bytes = fromHex(seeds) ?? new Uint8Array(0)
  if (kdf === null) return new Secret(bytes)
  if (passphrase === undefined) throw wrongPassphrase('The key file takes a passphrase.')
  using key = await stretch(passphrase, kdf)
  const aad = aadOf({ alias, publicKey, kdf })
  const opened = openSealed({ key, nonce: new Uint8Array(nonceBytes), aad }, bytes)
  if (opened === undefined) throw wrongPassphrase('That passphrase does not open the key file.')
  return new Secret(opened)
}

/** All that the passphrase vouches for besides the seeds. */
interface Sealed {
  readonly alias: string
  readonly publicKey: Uint8Array
  readonly kdf: Stretching
}

async function sealSeeds(seeds: Secret, about: Sealed, passphrase: Secret): Promise<Uint8Array> {
  using key = await stretch(passphrase, about.kdf)
  // The salt is fresh, so the key seals once in its life.
  const context = { key, nonce: new Uint8Array(nonceBytes), aad: aadOf(about) }
  return seeds.use(bytes => seal(context, bytes))
}

function aadOf({ alias, publicKey, kdf: { name, N, r, p, salt } }: Sealed): Uint8Array {
  return framed(
    custodyDomains.holderKeyFile,
    utf8(alias),
    publicKey,
    utf8([name, N, r, p, salt].join(' ')),
  )
}

function stretch(passphrase: Secret, { N, r, p, salt }: Stretching): Promise<Secret> {
  // Twice what the algorithm takes: OpenSSL counts what it keeps beside.
  const settings = { N, r, p, maxmem: 2 * 128 * N * r }
  return new Promise((resolve, reject) => {
    passphrase.use(bytes => {
      scrypt(bytes, Buffer.from(salt, 'hex'), 32, settings, (error, key) => {
        if (error === null) resolve(new Secret(new Uint8Array(key.buffer, key.byteOffset, 32)))
        else reject(error)
      })
    })
  })
}

function parsed(text: string | undefined): z.infer<typeof keyFile> | undefined {
  try {
    return keyFile.safeParse(JSON.parse(text ?? '')).data
  } catch {
    // JSON.parse throws SyntaxError, whose message would quote the text of a key.
    return undefined
  }
}

/** `text` is `undefined` for a file that is too large. */
async function readOwn(path: string): Promise<{ text: string | undefined; mode: number }> {
  try {
    // Without waiting: a pipe that nobody writes to would hold the program for ever.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    await using file = await open(path, flags)
    const stats = await file.stat()
    const text = stats.isFile() ? await wholeText(file, bytesMax) : undefined
    return { mode: stats.mode, text }
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    if (cause instanceof Error && 'code' in cause && cause.code === 'ELOOP') {
      throw new UsageError('KEY_FILE_EXPOSED', `${path} is a symbolic link.`, {
        next: 'Name the file itself.',
      })
    }
    throw new HostError('KEY_FILE_UNREADABLE', `The key file ${path} could not be read.`, { cause })
  }
}

function notWritten(path: string, cause?: unknown): HostError {
  return new HostError('KEY_FILE_NOT_WRITTEN', `The key file ${path} could not be written.`, {
    cause,
    next: 'Choose a path that does not exist yet, in a directory that you own.',
  })
}

function wrongPassphrase(sentence: string): UsageError {
  return new UsageError('PASSPHRASE_WRONG', sentence, {
    next: 'Type it again, or name the file that holds it with --passphrase-file. If the file was changed, use your backup.',
  })
}
