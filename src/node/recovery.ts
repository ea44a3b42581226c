/**
 * The way back when no node of the network lives any more.
 *
 *     while it lives   cache flushed ─> record (key of the pages, names of the pages, commit keys, removals) ─> sealed to the quorum, beside them
 *     afterwards       fresh node ─ shares of the holders ─> quorum key ─> record ─> pages ─> root as written down ─> active, alone
 *
 * Nobody but the quorum opens a record, nothing in it can be mixed with anything else, and nobody can say that there is no later one:
 * so what came back is called recovered, with its time, until the manifest set has approved a new manifest. Why by hand, and why alone:
 * docs/decisions/0050-recovery.md.
 */
import { equalBytes, toHex } from '../base/bytes.ts'
import { ifReadable, UsageError } from '../base/errors.ts'
import { bytesOfDigest, digestOf } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { sha256 } from '../crypto/hash.ts'
import type { QuorumKeys } from '../crypto/quorum-keys.ts'
import type { Host } from '../host/port.ts'
import { openForQuorum, sealForQuorum } from '../protocol/custody/own-seal.ts'
import type { CustodyRefusal } from '../protocol/custody/refusals.ts'
import type { MembershipInput, MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaInput, ReplicaQueries } from '../protocol/replica/types.ts'
import {
  decodeNamedPages,
  encodeNamedPages,
  type RecoveryRecord,
  recoveryKeysMax,
  recoveryPagesMax,
  recoveryRecordCodec,
  removalsThatFit,
} from '../wire/recovery-record.ts'
import type { RecoveredState } from './checkpoints.ts'
import type { Recovered, RecoveryOffer } from './custody-api.ts'
import { custodyError } from './custody-errors.ts'
import type { CacheTrouble, DiskCache, SealedPages } from './disk-cache.ts'
import type { EventLog } from './event-log.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

export interface RecoveryPorts {
  readonly host: Pick<Host, 'clock' | 'random'>
  readonly manifests: Pick<ManifestKeeper, 'network' | 'current'>
  readonly events: EventLog
  readonly membership: MembershipQueries
  readonly replica: ReplicaQueries
  readonly cache: DiskCache | null
  /** The quorum key, for what is the node's own. */
  readonly keys: () => QuorumKeys | CustodyRefusal
  readonly toMembership: (input: MembershipInput) => void
  readonly toReplica: (input: ReplicaInput) => void
  /** From now on this node's checkpoints say so. */
  readonly recovered: (state: RecoveredState) => void
}

export class Recovery {
  readonly #ports: RecoveryPorts
  #isRunning = false
  #isDone = false
  /** Digest of the record whose pages are in the replica, of a try that failed. */
  #merged: string | undefined
  #trouble: CacheTrouble | undefined

  constructor(ports: RecoveryPorts) {
    this.#ports = ports
  }

  /** Whether the state here is one that came back. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Why nothing that is written now would come back. */
  get trouble(): CacheTrouble | undefined {
    return this.#trouble
  }

  /** What is sealed for the day on which nobody lives; `undefined` without a quorum key. */
  record(sealed: SealedPages): Uint8Array | undefined {
    const { host, manifests } = this.#ports
    const keys = this.#ports.keys()
    if ('code' in keys) return undefined
    const record = this.#contents(sealed)
    if (record === undefined) return undefined
    const plaintext = recoveryRecordCodec.encode(record)
    try {
      return sealForQuorum(keys, { network: manifests.network, plaintext, random: host.random })
    } finally {
      plaintext.fill(0)
      wipe(record)
    }
  }

  /** As `CustodyApi.recoverable`. */
  async offer(): Promise<RecoveryOffer> {
    const { record } = await this.#open()
    wipe(record)
    const { cut, root, entries, manifest, nonce, removalsLeftOut } = record
    const facts = { cut, entries, nonce, removalsLeftOut }
    return { ...facts, root: root && toHex(root), manifest: digestOf(manifest) }
  }

  /** As `CustodyApi.recover`. */
  async recover(wanted: { readonly root: string | null }): Promise<Recovered> {
    if (this.#isRunning) {
      throw new UsageError('BUSY', 'A recovery is under way.', { next: 'Wait for its answer.' })
    }
    this.#isRunning = true
    try {
      this.#assertAlone()
      const { record, digest } = await this.#open()
      try {
        this.#assertFits(record, digest)
        return await this.#bringBack(record, { digest, root: wanted.root })
      } finally {
        wipe(record)
      }
    } finally {
      this.#isRunning = false
    }
  }

  #contents({ storageKey, pages }: SealedPages): RecoveryRecord | undefined {
    const { host, manifests, membership, replica } = this.#ports
    const now = host.clock.monotonic()
    const cut = replica.groupClock(now)
    if (cut === undefined) return undefined
    const { hash, nonce } = manifests.current.mark
    const published = replica.published()
    const all = membership.removalItems()
    const removals = removalsThatFit(all)
    const commitKeys = replica.commitKeysNamed().flatMap(id => {
      const kept = membership.keptKey(id, now)
      return kept === undefined
        ? []
        : [{ announcement: kept.announcement, key: kept.key.use(bytes => bytes.slice()) }]
    })
    const isTooLong = pages.length > recoveryPagesMax || commitKeys.length > recoveryKeysMax
    this.#trouble = isTooLong ? tooLong : undefined
    if (isTooLong) {
      for (const { key } of commitKeys) key.fill(0)
      return undefined
    }
    return {
      network: bytesOfDigest(manifests.network),
      ...{ manifest: bytesOfDigest(hash), nonce, cut },
      root: published.root ?? null,
      entries: published.entriesMin,
      storageKey: storageKey.use(bytes => bytes.slice()),
      pages: encodeNamedPages(pages),
      commitKeys,
      removals,
      removalsLeftOut: all.length - removals.length,
    }
  }

  /** The record on disk, with its secrets, which the caller wipes, and the digest of it as it lies there. */
  async #open(): Promise<{ readonly record: RecoveryRecord; readonly digest: string }> {
    const { manifests, cache, membership } = this.#ports
    if (this.#isDone || membership.phase === 'active') throw tooLate()
    const before = this.#ports.keys()
    if ('code' in before) throw custodyError(before)
    const sealed = await cache?.sealedRecord()
    if (sealed === undefined) throw nothingThere()
    // The node may have stopped meanwhile, and its key with it.
    const keys = this.#ports.keys()
    if ('code' in keys) throw custodyError(keys)
    const plaintext = openForQuorum(keys, { network: manifests.network, sealed })
    const record = plaintext && ifReadable(() => recoveryRecordCodec.decode(plaintext))
    plaintext?.fill(0)
    if (record === undefined) throw notOpened()
    return { record, digest: toHex(sha256(sealed)) }
  }

  /** A host that could set the manifest back would bring back whom a later one bars; and one that swaps records between two tries, a mixture. */
  #assertFits({ nonce, manifest }: RecoveryRecord, digest: string): void {
    const { mark } = this.#ports.manifests.current
    const isOlder = mark.nonce < nonce
    const isOther = mark.nonce === nonce && mark.hash !== digestOf(manifest)
    if (isOlder || isOther) throw manifestOlder({ ...mark, nonceThen: nonce })
    if (this.#merged !== undefined && this.#merged !== digest) throw mergedOther()
  }

  async #bringBack(
    record: RecoveryRecord,
    { digest, root: wanted }: { readonly digest: string; readonly root: string | null },
  ): Promise<Recovered> {
    const pages = await this.#pagesOf(record)
    // Whoever came while the disk was read lives, and has what this node would bring back or more.
    this.#assertAlone()
    const root = this.#merge(record, { pages, digest })
    const { manifests, membership, replica, toMembership } = this.#ports
    const isSameManifest = equalBytes(record.manifest, bytesOfDigest(manifests.current.mark.hash))
    // Other rules may refuse what was allowed: then the root is another, and a person says whether that is meant.
    const expected = wanted ?? (record.root && toHex(record.root))
    if (expected !== null && expected !== root) {
      throw rootMismatch({ expected, found: root, isSameManifest })
    }
    // Without a root to compare with, how many keys there were is at least no fragment's.
    if (expected === null && replica.entryCount < record.entries) {
      const counts = {
        expected: `at least ${record.entries} keys`,
        found: `${root}, with ${replica.entryCount}`,
      }
      throw rootMismatch({ ...counts, isSameManifest })
    }
    this.#isDone = true
    this.#ports.cache?.recovered()
    const state = { cut: record.cut, root, nonce: manifests.current.mark.nonce }
    this.#ports.recovered(state)
    toMembership({ kind: 'recovered', keys: [], isWhole: true })
    const { entryCount: entries } = this.#ports.replica
    const { cut, removalsLeftOut } = record
    const at = new Date(cut).toISOString()
    const facts = { cut: at, root, entries, pages: pages.length, removalsLeftOut }
    this.#ports.events.note('recovered', 'the state came back from the disk of this node', facts)
    if (membership.phase !== 'active') throw notAlone(membership.phase)
    return { cut, root }
  }

  async #pagesOf(record: RecoveryRecord): Promise<readonly Uint8Array[]> {
    const named = ifReadable(() => decodeNamedPages(record.pages))
    if (named === undefined) throw notOpened()
    using storageKey = new Secret(record.storageKey.slice())
    const pages = (await this.#ports.cache?.namedPages(named, storageKey)) ?? []
    if (pages.length === named.size) return pages
    throw new UsageError(
      'PAGES_MISSING',
      `Of ${named.size} pages that were there at the cut, ${pages.length} are here unchanged.`,
      {
        next: 'Bring the whole data directory of one node as it was, or try that of another node.',
      },
    )
  }

  /** The root of what is held then, in hexadecimal. */
  #merge(
    record: RecoveryRecord,
    { pages, digest }: { readonly pages: readonly Uint8Array[]; readonly digest: string },
  ): string {
    const { membership, replica, toMembership, toReplica } = this.#ports
    if (this.#merged === undefined) {
      this.#merged = digest
      // Removals first: under another set, keys of it would count for more than they are.
      toMembership({ kind: 'removalItems', items: record.removals })
      // They may name this very machine, and then it holds no key that opens anything.
      if (membership.phase !== 'alone') throw notAlone(membership.phase)
      const keys = record.commitKeys.map(({ announcement, key }) => {
        return { announcement, key: new Secret(key.slice()) }
      })
      toMembership({ kind: 'recovered', keys, isWhole: false })
      toReplica({ kind: 'recovered', pages, groupClock: record.cut })
    }
    const roots = replica.roots()
    if (roots !== undefined) return toHex(roots.root)
    throw new UsageError('KEYS_MISSING', 'A key that salts entries is not in the record.', {
      next: 'Try the data directory of another node.',
    })
  }

  #assertAlone(): void {
    const { membership } = this.#ports
    if (this.#isDone || membership.phase === 'active') throw tooLate()
    if (membership.phase !== 'alone') throw notAlone(membership.phase)
    if (this.#merged === undefined && this.#hasState()) throw tooLate()
  }

  #hasState(): boolean {
    const { host, replica } = this.#ports
    return replica.groupClock(host.clock.monotonic()) !== undefined
  }
}

/** Secrets of a record are copies: nobody needs them once it is sealed or used. */
function wipe({ storageKey, commitKeys }: RecoveryRecord): void {
  storageKey.fill(0)
  for (const { key } of commitKeys) key.fill(0)
}

const otherFolder =
  'Start a fresh node without --found, with the data directory that is to come back.'

function tooLate(): UsageError {
  const text = 'This node holds a state already: nothing from a disk takes its place.'
  return new UsageError('RECOVERY_TOO_LATE', text, { next: otherFolder })
}

function nothingThere(): UsageError {
  const text = 'Nothing that was sealed to a quorum lies in the data directory of this node.'
  return new UsageError('NOTHING_TO_RECOVER', text, { next: otherFolder })
}

function notOpened(): UsageError {
  const text =
    'What lies in the data directory was sealed to another quorum, in another network, or was changed.'
  return new UsageError('RECORD_NOT_OPENED', text, {
    next: 'Compare the network and the quorum key, or try the data directory of another node.',
  })
}

function manifestOlder(found: {
  readonly nonce: number
  readonly hash: string
  readonly nonceThen: number
}): UsageError {
  const { nonce, hash, nonceThen } = found
  const text = `This node runs under manifest ${nonce} (${hash}), and at the cut ${nonceThen} was in force, by another hash.`
  return new UsageError('MANIFEST_OLDER', text, {
    next: 'Give the node the newest manifest of the network: coterie policy apply.',
  })
}

function mergedOther(): UsageError {
  const text = 'Another record lies there than the one that this node has read already.'
  return new UsageError('RECORD_CHANGED', text, {
    next: 'Start the node anew, with the data directory that is to come back, and let nobody change it.',
  })
}

const tooLong: CacheTrouble = {
  code: 'RECORD_TOO_LONG',
  text: 'The state has more pages or keys than can be sealed to the quorum: what is written now would not come back after a loss of all nodes.',
}

function notAlone(phase: string): UsageError {
  if (phase === 'joining') {
    return new UsageError('NOT_ALONE_YET', 'This node still looks for members that live.', {
      next: 'Ask again in a moment. If it finds one, the state is there, and nothing is recovered.',
    })
  }
  if (phase === 'removed') {
    const text = 'What lies there says that this machine was removed from the network.'
    return new UsageError('REMOVED', text, { next: 'Recover on a machine that was not removed.' })
  }
  return new UsageError('MEMBERS_LIVE', 'A member of the network lives.', {
    next: 'Let this node join it: the state comes from there.',
  })
}

function rootMismatch(found: {
  readonly expected: string
  readonly found: string
  readonly isSameManifest: boolean
}): UsageError {
  const manifest = found.isSameManifest ? '' : ' The manifest in force is another than at the cut.'
  return new UsageError(
    'ROOT_MISMATCH',
    `What lies there has the root ${found.found}, and ${found.expected} is expected.${manifest}`,
    {
      next: 'If this is what is to come back, name its root; else restart the node with another data directory.',
    },
  )
}
