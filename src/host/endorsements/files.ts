/** Endorsements from files: single ones, or a folder of them as Intel's and AMD's services hand them out. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { endorsementsIn } from '../../attestation/endorsement-documents.ts'
import {
  type Endorsement,
  type Endorsements,
  endorsementLimits,
} from '../../attestation/endorsements.ts'
import { UsageError } from '../../base/errors.ts'
import { readAtMost } from '../bounded-read.ts'

/** What was read, and the files of folders that are no endorsement. */
export interface EndorsementFiles {
  readonly endorsements: Endorsements
  readonly passedOver: readonly string[]
}

/** Files of a folder that are looked at. */
const filesMax = 256

/**
 * Reads files and folders (not the folders inside of them) in their order.
 *
 * @throws {UsageError} `FILE_UNREADABLE`, `ENDORSEMENT_TOO_LARGE`, `ENDORSEMENTS_TOO_MANY`, and `ENDORSEMENT_NOT_RECOGNISED` for a
 * file that was named itself.
 */
export async function readEndorsementFiles(paths: readonly string[]): Promise<EndorsementFiles> {
  const items: Endorsement[] = []
  const passedOver: string[] = []
  for (const path of paths) {
    const inside = await filesInside(path)
    for (const file of inside ?? [path]) {
      const bytes = await readAtMost(file, endorsementLimits.bytesMax)
      const found = endorsementsIn(file, bytes)
      if (found.length > 0 && bytes.length > endorsementLimits.bytesMax) throw tooLarge(file)
      if (found.length > 0) items.push(...found)
      else if (inside !== undefined) passedOver.push(file)
      else throw notRecognised(file)
    }
  }
  if (items.length > endorsementLimits.itemsMax) throw tooMany(items.length)
  return { endorsements: { items }, passedOver }
}

/** The files of a folder in the order of their names; `undefined` for a file. */
async function filesInside(path: string): Promise<readonly string[] | undefined> {
  try {
    if (path === '-' || !(await stat(path)).isDirectory()) return undefined
    const entries = await readdir(path, { withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).map(({ name }) => join(path, name))
    return files.sort().slice(0, filesMax)
  } catch (cause) {
    throw new UsageError('FILE_UNREADABLE', `${path} cannot be read.`, {
      cause,
      next: 'Name an existing file or folder that you may read.',
    })
  }
}

function tooLarge(path: string): UsageError {
  const { bytesMax } = endorsementLimits
  return new UsageError('ENDORSEMENT_TOO_LARGE', `${path} has more than ${bytesMax} bytes.`, {
    next: 'Give it as the vendor hands it out; no document of theirs is that long.',
  })
}

function notRecognised(path: string): UsageError {
  return new UsageError(
    'ENDORSEMENT_NOT_RECOGNISED',
    `${path} is no certificate, list of revoked certificates, TCB info or QE identity.`,
    { next: 'Leave it out, or give it as the vendor hands it out: DER, PEM, or JSON unchanged.' },
  )
}

function tooMany(count: number): UsageError {
  const { itemsMax } = endorsementLimits
  return new UsageError(
    'ENDORSEMENTS_TOO_MANY',
    `${count} endorsements were given; at most ${itemsMax} are looked at.`,
    { next: 'Give only those of the machine that made the evidence.' },
  )
}
