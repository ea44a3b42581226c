/**
 * What a holder's key has approved, in a folder beside its file. For one name and nonce a holder approves one quorum key in a lifetime: who
 * came with a second one made two, and only the holders can tell.
 *
 * One file for each name and nonce, made once and never replaced: whichever of two programs comes first decides, and what is decided is on
 * the disk before any approval leaves the program. Beside them a journal of what was approved and refused, which nothing reads but people.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CustodyManifest,
  custodyBytesMax,
  custodyManifestHash,
  custodyManifestShape,
} from '../attestation/custody/custody-manifest.ts'
import {
  hex,
  matching,
  nullable,
  object,
  orRefusal,
  readJson,
  time,
} from '../attestation/manifest-reader.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import { HostError, UsageError } from '../base/errors.ts'
import { readAtMost } from './bounded-read.ts'
import { makeNewFile, syncFolder } from './new-file.ts'

/** What a holder decided about one name and nonce. */
export interface Decision {
  readonly format: 'coterie-approved/1'
  readonly manifest: CustodyManifest
  /** `genesisOutputHash` of the output whose evidence was believed; `null` for a manifest that came without. */
  readonly output: string | null
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
}

/** A line of the journal. */
export interface JournalEntry {
  readonly at: string
  readonly what: 'approved' | 'refused'
  readonly code?: string
  readonly manifest: string
  readonly quorumKey: string
  readonly roles: readonly ('manifest' | 'share')[]
  /** The node that a share went to. */
  readonly node?: string
}

/** A journal that somebody fills on purpose is moved away by its owner, and nothing is approved meanwhile. */
const journalBytesMax = 16 * 1024 * 1024

const decisionShape = object<Decision>({
  format: (value, path) =>
    matching(/^coterie-approved\/1$/, 'coterie-approved/1')(value, path) as Decision['format'],
  manifest: custodyManifestShape,
  output: nullable(hex(32)),
  at: time,
})

/** The folder of a key file. */
export const recordOf = (keyFile: string): string => `${keyFile}.approved`

/** Makes the record of a key that is new, or keeps what is there. @throws {HostError} `RECORD_NOT_WRITTEN`. */
export async function makeApprovalRecord(keyFile: string): Promise<void> {
  await mkdir(recordOf(keyFile), { recursive: true, mode: 0o700 }).catch(cause => {
    throw notWritten(recordOf(keyFile), cause)
  })
}

/** What one key has decided so far. */
export class ApprovalRecord {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * The record beside a key file.
   *
   * @throws {UsageError} `RECORD_MISSING`: a key without its record would approve everything a second time. `RECORD_EXPOSED` if others can
   * write it.
   */
  static async open(keyFile: string): Promise<ApprovalRecord> {
    const folder = recordOf(keyFile)
    const found = await stat(folder).catch(() => undefined)
    if (found?.isDirectory() !== true) {
      throw new UsageError('RECORD_MISSING', `What this key approved is not known: no ${folder}.`, {
        next: `Copy that folder from where the key was used. Only for a key that never approved anything: mkdir -m 700 ${folder}`,
      })
    }
    if ((found.mode & 0o022) === 0) return new ApprovalRecord(folder)
    throw new UsageError('RECORD_EXPOSED', `Others than its owner can write into ${folder}.`, {
      next: `Run chmod 700 ${folder}, and compare what is in it with your backup.`,
    })
  }

  /** What was decided about this name and nonce. @throws {UsageError} `RECORD_BROKEN`. */
  async decided({ name, nonce }: CustodyManifest['namespace']): Promise<Decision | undefined> {
    const path = this.#pathOf({ name, nonce })
    const isThere = await stat(path).then(
      () => true,
      () => false,
    )
    return isThere ? await readDecision(path) : undefined
  }

  /** The decision about the highest nonce of this name. @throws {UsageError} `RECORD_BROKEN`. */
  async latest(name: string): Promise<Decision | undefined> {
    const nonces = (await readdir(this.#folder))
      .filter(file => file.startsWith(`${name}.`))
      .map(file => /^(\d{1,16})\.json$/.exec(file.slice(name.length + 1))?.[1])
      .filter(digits => digits !== undefined)
      .map(Number)
    if (nonces.length === 0) return undefined
    return await readDecision(this.#pathOf({ name, nonce: Math.max(...nonces) }))
  }

  /**
   * Decides for this manifest, unless another one was decided for before: `SECOND_QUORUM_KEY`, `SECOND_MANIFEST`. When it returns, the
   * decision and the journal are on the disk.
   *
   * @throws {HostError} `RECORD_NOT_WRITTEN`. @throws {UsageError} `RECORD_BROKEN`.
   */
  async decide(decision: Decision, entry: JournalEntry): Promise<Refusal | undefined> {
    const { namespace } = decision.manifest
    const path = this.#pathOf(namespace)
    const isFirst = await makeNewFile(path, `${JSON.stringify(decision)}\n`).catch(cause => {
      throw notWritten(this.#folder, cause)
    })
    const before = isFirst ? undefined : await readDecision(path)
    const flaw = before === undefined ? undefined : differenceOf(before, decision)
    await this.note(flaw === undefined ? entry : { ...entry, what: 'refused', code: flaw.code })
    return flaw
  }

  /** Writes a line into the journal. @throws {HostError} `RECORD_NOT_WRITTEN`. */
  async note(entry: JournalEntry): Promise<void> {
    const path = join(this.#folder, 'journal.jsonl')
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants
    try {
      await using file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
      const { size } = await file.stat()
      if (size > journalBytesMax) throw new Error(`${path} is full: move it away`)
      // Half a line that a crash left ends here.
      const last = await file.read(new Uint8Array(1), 0, 1, Math.max(0, size - 1))
      const isTorn = last.bytesRead > 0 && last.buffer[0] !== 0x0a
      await file.appendFile(`${isTorn ? '\n' : ''}${JSON.stringify(entry)}\n`)
      await file.sync()
    } catch (cause) {
      throw notWritten(this.#folder, cause)
    }
    await syncFolder(this.#folder)
  }

  #pathOf({ name, nonce }: Pick<CustodyManifest['namespace'], 'name' | 'nonce'>): string {
    // A nonce is digits only, so that no two names and nonces share a file.
    return join(this.#folder, `${name}.${nonce}.json`)
  }
}

/** In what a later decision contradicts one about the same name and nonce. */
export function differenceOf(
  before: Decision,
  { manifest }: Pick<Decision, 'manifest'>,
): Refusal | undefined {
  const [known, found] = [before.manifest.namespace.quorumKey, manifest.namespace.quorumKey]
  if (known !== found) {
    return { code: 'SECOND_QUORUM_KEY', facts: { known, found, at: before.at } }
  }
  const [knownHash, foundHash] = [before.manifest, manifest].map(custodyManifestHash)
  if (knownHash === foundHash || knownHash === undefined || foundHash === undefined)
    return undefined
  return { code: 'SECOND_MANIFEST', facts: { known: knownHash, found: foundHash, at: before.at } }
}

async function readDecision(path: string): Promise<Decision> {
  const bytesMax = custodyBytesMax + 1024
  const bytes = await readAtMost(path, bytesMax)
  const read = orRefusal(() => decisionShape(readJson(bytes, bytesMax), 'decision'))
  if (!isRefusal(read)) return read
  throw new UsageError('RECORD_BROKEN', `${path} does not say what was approved (${read.code}).`, {
    next: 'Put it back from your backup. Nothing is approved under this name and nonce meanwhile.',
  })
}

function notWritten(folder: string, cause: unknown): HostError {
  return new HostError('RECORD_NOT_WRITTEN', `What is approved could not be noted in ${folder}.`, {
    cause,
    next: 'Nothing was approved. Free or mend the disk; it must be a file system with hard links.',
  })
}
