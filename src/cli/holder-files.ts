/** What a holder's key leaves on a disk: the key file, its record of approvals, and the public part that others are given. */
import { z } from 'zod'
import { byteList } from '../api/custody-shapes.ts'
import { type Holder, keyOfHolder } from '../attestation/custody/custody-manifest.ts'
import { holderFingerprint, readHolderKey } from '../attestation/custody/holder-key.ts'
import { toHex } from '../base/bytes.ts'
import { HostError, UsageError } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'
import { makeApprovalRecord } from '../host/approval-record.ts'
import { makeHolderKeyFile } from '../host/holder-key-file.ts'
import { systemRandom } from '../host/random.ts'
import { replaceFile } from '../host/replace-file.ts'
import { jsonIn } from './genesis-file.ts'

/** A key that was just made. */
export interface MadeKey {
  readonly holder: Holder
  readonly publicFile: string
  readonly fingerprint: string
}

/**
 * Makes a key file, its record and its public part.
 *
 * @throws {UsageError} `BAD_ALIAS`. @throws {HostError} `KEY_FILE_NOT_WRITTEN`, `RECORD_NOT_WRITTEN`, `FILE_NOT_WRITTEN`.
 */
export async function makeKey(
  path: string,
  { alias, passphrase }: { readonly alias: string; readonly passphrase: Secret | null },
): Promise<MadeKey> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(alias)) {
    throw new UsageError('BAD_ALIAS', 'An alias has 1 to 64 letters, digits and . _ @ -', {
      next: 'Take a name that the other holders know you by.',
    })
  }
  const publicKey = await makeHolderKeyFile(path, { alias, passphrase }, systemRandom)
  await makeApprovalRecord(path)
  const publicFile = `${path.replace(/\.json$/, '')}.public.json`
  const content = `${JSON.stringify({ alias, pub_key: [...publicKey] })}\n`
  await replaceFile(publicFile, content).catch(cause => {
    throw new HostError('FILE_NOT_WRITTEN', `${publicFile} could not be written.`, { cause })
  })
  const holder = { alias, key: toHex(publicKey) }
  return { holder, publicFile, fingerprint: holderFingerprint(keyOfHolder(holder)) }
}

const publicPart = z.strictObject({ alias: z.string().min(1).max(64), pub_key: byteList(65, 1248) })

/** Reads a public part. @throws {UsageError} `FILE_UNREADABLE`, `BAD_PUBLIC_PART`. */
export async function readPublicPart(path: string): Promise<Holder> {
  const { data } = publicPart.safeParse(await jsonIn(path, 64 * 1024))
  if (data !== undefined && readHolderKey(data.pub_key) !== undefined) {
    return { alias: data.alias, key: toHex(data.pub_key) }
  }
  throw new UsageError('BAD_PUBLIC_PART', `${path} is no public part of a holder's key.`, {
    next: 'Name a file that coterie keys generate has written beside a key file: it ends with .public.json',
  })
}

/** Digits in groups of eight, as people read them to each other. */
export const inGroups = (digits: string): string => digits.replace(/(.{8})(?=.)/g, '$1 ')
