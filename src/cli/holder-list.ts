/** The list that a holder keeps: who the others are, by the fingerprints that they read to each other. */
import { type CustodyManifest, keyOfHolder } from '../attestation/custody/custody-manifest.ts'
import { holderFingerprint } from '../attestation/custody/holder-key.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { PeerFault, UsageError } from '../base/errors.ts'
import { readAtMost } from '../host/bounded-read.ts'
import { printable } from './output.ts'

/** Fingerprints by alias, 64 digits each. */
export type HolderList = ReadonlyMap<string, string>

const bytesMax = 64 * 1024

/**
 * Reads lines of an alias and a fingerprint, which may be written in groups; empty lines and those that begin with # are passed over.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `BAD_MEMBERS_FILE`.
 */
export async function readHolderList(path: string): Promise<HolderList> {
  const bytes = await readAtMost(path, bytesMax)
  const text = bytes.length > bytesMax ? undefined : fromUtf8(bytes)
  if (text === undefined) throw badList(path, 'It is too long, or no text.')
  const list = new Map<string, string>()
  for (const [i, line] of text.split('\n').entries()) {
    const [alias = '', ...groups] = line.trim().split(/[\s:=]+/)
    if (alias === '' || alias.startsWith('#')) continue
    const fingerprint = groups.join('').toLowerCase()
    const isNew = /^[0-9a-f]{64}$/.test(fingerprint) && !list.has(alias)
    if (!isNew) throw badList(path, `Line ${i + 1} is not an alias of its own and 64 digits.`)
    list.set(alias, fingerprint)
  }
  if (list.size === 0) throw badList(path, 'Nobody stands in it.')
  return list
}

/** Holds everybody in both sets of a manifest against the list, both ways. @throws {PeerFault} `HOLDERS_DIFFER`. */
export function holdToList({ manifestSet, shareSet }: CustodyManifest, list: HolderList): void {
  const holders = [...shareSet.members, ...manifestSet.members]
  const strangers = holders
    .filter(holder => list.get(holder.alias) !== holderFingerprint(keyOfHolder(holder)))
    .map(({ alias }) => (list.has(alias) ? `${alias} has another key` : `${alias} is not on it`))
  const present = new Set(holders.map(({ alias }) => alias))
  const absent = [...list.keys()].filter(alias => !present.has(alias))
  const differences = [...new Set(strangers), ...absent.map(alias => `${alias} is left out`)]
  if (differences.length === 0) return
  const told = printable(differences.join('; ').slice(0, 2000))
  throw new PeerFault('HOLDERS_DIFFER', `The holders are not those on your list: ${told}.`, {
    next: 'Approve nothing. Read the fingerprints to each other again, over a channel that the host does not run.',
  })
}

function badList(path: string, why: string): UsageError {
  return new UsageError('BAD_MEMBERS_FILE', `${path} is no list of holders. ${why}`, {
    next: 'Write one line for each holder: alias, a space, the fingerprint that they read to you.',
  })
}
