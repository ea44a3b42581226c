/**
 * What a holder's tool finds out before its owner is asked: whether a quorum key is what it claims, and whether this key may approve it.
 * Offline; nothing here is believed because a node said so.
 */
import { type CustodyEnvelope, isApproved } from '../attestation/custody/approvals.ts'
import {
  type AppraisalBasis,
  type BelievedNode,
  believeBoot,
  believeGenesis,
} from '../attestation/custody/attested-node.ts'
import { charterFlaw } from '../attestation/custody/charter.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
  type Holder,
  successionFlaw,
} from '../attestation/custody/custody-manifest.ts'
import { genesisOutputHash } from '../attestation/custody/genesis-output.ts'
import type { HolderKeys } from '../attestation/custody/holder-keys.ts'
import { policyOf } from '../attestation/policy.ts'
import { isRefusal, type Refusal } from '../attestation/verdict.ts'
import { toHex } from '../base/bytes.ts'
import { PeerFault, UsageError } from '../base/errors.ts'
import { timestamp } from '../base/time.ts'
import {
  ApprovalRecord,
  type Decision,
  differenceOf,
  type JournalEntry,
} from '../host/approval-record.ts'
import { readEndorsementFiles } from '../host/endorsements/files.ts'
import { readHolderKeyFile, type StoredHolderKey } from '../host/holder-key-file.ts'
import { type ReadGenesis, readBootAttestation } from './genesis-file.ts'
import { holdToList, readHolderList } from './holder-list.ts'
import { faultOf } from './holder-refusals.ts'
import { type OpenedManifest, openApprovedManifest } from './manifest-file.ts'
import { printWarning } from './output.ts'
import { passphraseOf } from './passphrase.ts'
import { readPolicyBytes } from './policy-file.ts'

/** As people write them. */
export interface CeremonyFlags {
  readonly key: string
  readonly manifest: string
  readonly members?: string
  readonly endorsements: readonly string[]
  readonly passphraseFile?: string
  readonly yes: boolean
  readonly out?: string
}

/** A holder at the desk: the key, not opened yet, what it approved before, and the network that it believes in. */
export interface Ceremony {
  readonly flags: CeremonyFlags
  readonly key: StoredHolderKey
  readonly record: ApprovalRecord
  readonly network: OpenedManifest
  readonly basis: AppraisalBasis
}

/** A genesis that holds. `node` is `null` if it was believed before and its evidence was not looked at again. */
export interface BelievedGenesis extends ReadGenesis {
  readonly hash: string
  readonly node: BelievedNode | null
  readonly before: Decision | undefined
}

/** Reads all that a holder brings along. @throws what the readers of its files throw. */
export async function openCeremony(flags: CeremonyFlags): Promise<Ceremony> {
  const key = await readHolderKeyFile(flags.key)
  if (key.isExposed) {
    printWarning(
      `Others can read ${key.path}: its passphrase is all that protects it. Run chmod 600.`,
    )
  }
  const network = openApprovedManifest(await readPolicyBytes(flags.manifest), flags.manifest)
  const { endorsements } = await readEndorsementFiles(flags.endorsements)
  const now = timestamp(Date.now())
  const policy = policyOf(network.manifest)
  const basis = { network: network.network, policy, endorsements, now }
  return { flags, key, record: await ApprovalRecord.open(key.path), network, basis }
}

/**
 * Judges a genesis: charter, list of holders, what was approved before, evidence.
 *
 * @throws {PeerFault} with the code of the first thing wrong; a second key for one name and nonce is written into the journal.
 */
export async function believe(ceremony: Ceremony, genesis: ReadGenesis): Promise<BelievedGenesis> {
  const { manifest } = genesis.output
  await admit(ceremony, manifest)
  const before = await refuseSecond(ceremony, manifest)
  const last = await ceremony.record.latest(manifest.namespace.name)
  const isBehind = (last?.manifest.namespace.nonce ?? 0) > manifest.namespace.nonce
  if (before === undefined && isBehind) throw faultOf({ code: 'LOW_NONCE', facts: {} })
  const hash = genesisOutputHash(genesis.output)
  if (before?.output === hash) return { ...genesis, hash, node: null, before }
  const node = await believedMaker(ceremony, genesis)
  return { ...genesis, hash, node, before }
}

/** The node that made the key, as its evidence is worth now. @throws {PeerFault}. */
export async function believedMaker(
  { basis }: Ceremony,
  { output, attestation }: ReadGenesis,
): Promise<BelievedNode> {
  return orFault(believeGenesis(output, attestation, basis), 'The node that made the key: ')
}

/** The node of a boot attestation in a file, under this manifest. @throws {PeerFault}. */
export async function believedTarget(
  { basis }: Ceremony,
  path: string,
  manifest: CustodyManifest,
): Promise<BelievedNode> {
  const attestation = await readBootAttestation(path)
  const found = believeBoot(custodyManifestHash(manifest), attestation, basis)
  return orFault(found, 'The node that the share would go to: ')
}

/**
 * Judges a manifest that follows those of this key: by what the holder approved, never by what the file says.
 *
 * @throws {PeerFault} `QUORUM_KEY_UNKNOWN`, the codes of `successionFlaw` and of the charter.
 */
export async function believeSuccessor(
  ceremony: Ceremony,
  next: CustodyManifest,
  from?: CustodyManifest,
): Promise<void> {
  await admit(ceremony, next)
  await refuseSecond(ceremony, next)
  const last = (await ceremony.record.latest(next.namespace.name))?.manifest
  const known = [from, last].filter(manifest => manifest !== undefined)
  for (const manifest of known) {
    const flaw = successionFlaw(manifest, next)
    if (flaw !== undefined) throw faultOf({ code: flaw, facts: {} })
  }
  if (known.length > 0) return
  throw new PeerFault('QUORUM_KEY_UNKNOWN', 'This key has approved no quorum key of that name.', {
    next: 'Give the answer of the genesis in place of the manifest, so that its evidence can be judged.',
  })
}

/** @throws {PeerFault} `NOT_APPROVED` unless enough of the manifest set approved. */
export function holdToApprovals(envelope: CustodyEnvelope): void {
  if (isApproved(envelope)) return
  throw new PeerFault('NOT_APPROVED', 'Too few of the manifest set approved this manifest.', {
    next: 'Have further holders run coterie keys approve, then coterie keys combine.',
  })
}

/** The holder of this key in a set; `undefined` if it is in none. */
export function ownPlace(key: StoredHolderKey, members: readonly Holder[]): Holder | undefined {
  const mine = toHex(key.publicKey)
  return members.find(member => member.key === mine)
}

/** Asks for the passphrase if there is one, and opens the key, which is the caller's. */
export async function openKey({ key, flags }: Ceremony): Promise<HolderKeys> {
  if (!key.isSealed) return await key.open(undefined)
  using passphrase = await passphraseOf(flags.passphraseFile)
  return await key.open(passphrase)
}

/**
 * Puts the decision on the disk. Only after this may an approval leave the program.
 *
 * @throws {PeerFault} `SECOND_QUORUM_KEY`, `SECOND_MANIFEST` if another program was faster.
 */
export async function decide(
  { record }: Ceremony,
  manifest: CustodyManifest,
  given: Pick<JournalEntry, 'roles' | 'node'> & Pick<Decision, 'output'>,
): Promise<void> {
  const at = secondsNow()
  const { output, ...rest } = given
  const entry: JournalEntry = { at, what: 'approved', ...namesOf(manifest), ...rest }
  const flaw = await record.decide({ format: 'coterie-approved/1', manifest, output, at }, entry)
  if (flaw !== undefined) throw faultOf(flaw)
}

async function admit({ network, flags }: Ceremony, manifest: CustodyManifest): Promise<void> {
  if (manifest.network !== network.network) {
    const facts = { found: manifest.network, expected: network.network }
    throw faultOf({ code: 'DIFFERENT_NETWORK', facts })
  }
  // A testnet protects nothing and grants every key: its holders are whoever tries the ceremony.
  const isTrial = network.manifest.founding.testnet
  const flaw = isTrial ? undefined : charterFlaw(network.manifest, manifest)
  if (flaw !== undefined) throw faultOf({ code: flaw, facts: {} })
  if (flags.members === undefined) {
    printWarning('Without --members nobody knows whether the holders are those that you mean.')
  } else holdToList(manifest, await readHolderList(flags.members))
}

/** The decision about this name and nonce, which must not be another one. */
async function refuseSecond(
  { record }: Ceremony,
  manifest: CustodyManifest,
): Promise<Decision | undefined> {
  const before = await record.decided(manifest.namespace)
  const flaw = before === undefined ? undefined : differenceOf(before, { manifest })
  if (flaw === undefined) return before
  const entry = { at: secondsNow(), what: 'refused', code: flaw.code, roles: [] } as const
  await record.note({ ...entry, ...namesOf(manifest) })
  throw faultOf(flaw)
}

const namesOf = (manifest: CustodyManifest) => ({
  manifest: custodyManifestHash(manifest),
  quorumKey: manifest.namespace.quorumKey,
})

const secondsNow = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')

function orFault<T extends object>(found: T | Refusal, about: string): T {
  if (isRefusal(found)) throw faultOf(found, about)
  return found
}

/** @throws {UsageError} `NOT_A_HOLDER` for a key that is in none of the sets asked for. */
export function notAHolder(key: StoredHolderKey, set: string): UsageError {
  const sentence = `The key of ${key.alias} is not in the ${set}.`
  return new UsageError('NOT_A_HOLDER', sentence, {
    next: 'Name the key file whose public part went into the genesis request.',
  })
}
