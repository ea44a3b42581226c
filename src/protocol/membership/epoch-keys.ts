/**
 * The epoch keys that this node holds, of three kinds, and which of them it seals under.
 *
 *     made or pulled ──> usable ──────────> opens only ──────> wiped
 *                        │ first half of life  │ second half     │ life ends (commit: nobody names it)
 *                        └ the removal set grew ┘                 └ or 16 younger ones of its kind
 *
 * Nobody agrees on a key: everybody who holds the same usable keys seals under the smallest id, and opens
 * under all. No clock of another machine is read: life runs down in the holder's monotonic time, and a pull
 * hands on what is left, counted from before it was asked for.
 */
import { assert } from '../../base/errors.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Secret } from '../../base/secret.ts'
import { after, between, type Duration, type Instant, minutes } from '../../base/time.ts'
import {
  type EpochKeyKind,
  epochKeyKinds,
  epochKeyLife,
  type SignedAnnouncement,
} from '../../wire/epoch-key.ts'
import type { HeldKey, KeyName } from './types.ts'

/** Usable keys of one creator (or of one server, for creators unknown here): one, and one more for a heal. */
export const usablePerCreator = 2
/** Keys of a kind that only open. Two rotations need one or two; the rest are heals and founders. */
export const openOnlyMax = 16
/** Commit keys in all: one per growth of the removal set while entries last. Beyond it none is pulled. */
const commitKeysMax = 256
/** How long a commit key may wait for the first entry that names it: a sync in progress. */
const namingPatience = minutes(10)

/** What makes a key usable besides itself. */
export interface KeyConditions {
  readonly removalDigest: Digest
  readonly isRemoved: (node: NodeId) => boolean
}

/** A key on its way in. The ring owns `key` from here on. */
export interface IncomingKey {
  readonly announcement: SignedAnnouncement
  readonly key: Secret
  /** From when on what is left runs: the making, or the moment before it was asked for. */
  readonly since: Instant
  readonly lifeLeft: number | null
  /** Who answers for it: the creator if it is known here, else the server. */
  readonly countedFor: NodeId
}

interface Entry extends HeldKey {
  readonly announcement: SignedAnnouncement
  readonly creator: NodeId
  readonly removalDigest: Digest
  readonly countedFor: NodeId
  /** Whether it may ever be sealed under: its creator is within its limit. */
  readonly isCounted: boolean
  readonly heldSince: Instant
  readonly sealUntil: Instant | null
  readonly openUntil: Instant | null
}

export class EpochKeys {
  readonly #entries = new Map<Digest, Entry>()
  #named: ReadonlySet<Digest> = new Set()

  /** Takes a key in; `false` if it is held already or no life is left, and then the key is wiped. */
  hold(incoming: IncomingKey, conditions: KeyConditions, now: Instant): boolean {
    const { announcement, key, lifeLeft, countedFor } = incoming
    const { kind } = announcement
    const id = digestOf(announcement.id)
    const openUntil = lifeLeft === null ? null : after(incoming.since, lifeLeft as Duration)
    const isOver = openUntil !== null && openUntil <= now
    if (isOver || this.#entries.has(id)) {
      key[Symbol.dispose]()
      return false
    }
    const life = announcement.life ?? 0
    assert((epochKeyLife[kind] === null) === (lifeLeft === null), 'only commit keys have no end')
    this.#entries.set(id, {
      ...{ kind, id, key, announcement, countedFor, openUntil, heldSince: now },
      creator: nodeIdOfKey(announcement.creator),
      removalDigest: digestOf(announcement.removalDigest),
      isCounted: this.countedFor(kind, countedFor, conditions, now) < usablePerCreator,
      sealUntil: openUntil === null ? null : ((openUntil - life / 2) as Instant),
    })
    return true
  }

  has(id: Digest): boolean {
    return this.#entries.has(id)
  }

  /** Whether another key of this kind may be pulled. Old traffic and storage keys make room, named commit keys do not. */
  hasRoom(kind: EpochKeyKind): boolean {
    return kind !== 'commit' || this.#of('commit').length < commitKeysMax
  }

  /** The key to seal under: the smallest usable id. */
  sealing(kind: EpochKeyKind, conditions: KeyConditions, now: Instant): HeldKey | undefined {
    return this.#usable(kind, conditions, now)[0]
  }

  holdsEveryKind(conditions: KeyConditions, now: Instant): boolean {
    return epochKeyKinds.every(kind => this.sealing(kind, conditions, now) !== undefined)
  }

  /** A held key whose life has not ended. */
  opening(id: Digest, now: Instant): HeldKey | undefined {
    const entry = this.#entries.get(id)
    return entry === undefined || hasEnded(entry, now) ? undefined : entry
  }

  /** What to hand to a member that asks, `undefined` if the key is not held or has ended. Life is rounded down. */
  toGrant(
    id: Digest,
    now: Instant,
  ):
    | { readonly announcement: SignedAnnouncement; readonly key: Secret; lifeLeft: number | null }
    | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || hasEnded(entry, now)) return undefined
    const left = entry.openUntil === null ? null : Math.floor(between(now, entry.openUntil))
    return { announcement: entry.announcement, key: entry.key, lifeLeft: left }
  }

  /** Announcements of the usable keys, smallest ids first within each kind. */
  announcements(conditions: KeyConditions, now: Instant): readonly SignedAnnouncement[] {
    return epochKeyKinds.flatMap(kind =>
      this.#usable(kind, conditions, now)
        .slice(0, openOnlyMax)
        .map(({ announcement }) => announcement),
    )
  }

  /** How many usable keys of a kind stand against one creator. */
  countedFor(kind: EpochKeyKind, creator: NodeId, conditions: KeyConditions, now: Instant): number {
    return this.#usable(kind, conditions, now).filter(entry => entry.countedFor === creator).length
  }

  counts(now: Instant): Readonly<Record<EpochKeyKind, number>> {
    const count = (kind: EpochKeyKind): number =>
      this.#of(kind).filter(entry => !hasEnded(entry, now)).length
    return { traffic: count('traffic'), storage: count('storage'), commit: count('commit') }
  }

  /** Which commit keys live entries name. The others may go. */
  nameCommitKeys(ids: readonly Digest[]): void {
    this.#named = new Set(ids)
  }

  /** Wipes what has ended, what nobody names and what is beyond the limits; tells their names. */
  fold(conditions: KeyConditions, now: Instant): readonly KeyName[] {
    const dropped: KeyName[] = []
    for (const kind of epochKeyKinds) {
      const spare = this.#of(kind)
        .filter(entry => !this.#isNeeded(entry, conditions, now))
        .toSorted((left, right) => left.heldSince - right.heldSince)
      const ended = spare.filter(entry => hasEnded(entry, now) || this.#isUnnamed(entry, now))
      const rest = spare.filter(entry => !ended.includes(entry))
      const excess = rest.slice(0, Math.max(0, rest.length - openOnlyMax))
      for (const entry of [...ended, ...excess]) {
        this.#wipe(entry)
        dropped.push({ kind: entry.kind, id: entry.id })
      }
    }
    return dropped
  }

  /** Wipes every key. */
  wipeAll(): readonly KeyName[] {
    const entries = [...this.#entries.values()]
    for (const entry of entries) this.#wipe(entry)
    return entries.map(({ kind, id }) => ({ kind, id }))
  }

  /** The next end of a sealing or opening span, or of a commit key's patience. */
  wakeAt(now: Instant): Instant | null {
    let first: Instant | null = null
    for (const entry of this.#entries.values()) {
      const patienceEnd = entry.kind === 'commit' ? after(entry.heldSince, namingPatience) : null
      for (const at of [entry.sealUntil, entry.openUntil, patienceEnd]) {
        if (at !== null && at > now && (first === null || at < first)) first = at
      }
    }
    return first
  }

  #usable(kind: EpochKeyKind, conditions: KeyConditions, now: Instant): readonly Entry[] {
    return this.#of(kind)
      .filter(entry => isUsable(entry, conditions, now))
      .toSorted((left, right) => (left.id < right.id ? -1 : 1))
  }

  /** Usable keys stay, and commit keys as long as an entry names them or may still come to. */
  #isNeeded(entry: Entry, conditions: KeyConditions, now: Instant): boolean {
    if (isUsable(entry, conditions, now)) return true
    return entry.kind === 'commit' && !this.#isUnnamed(entry, now)
  }

  #isUnnamed(entry: Entry, now: Instant): boolean {
    const isSettled = between(entry.heldSince, now) >= namingPatience
    return entry.kind === 'commit' && isSettled && !this.#named.has(entry.id)
  }

  #of(kind: EpochKeyKind): readonly Entry[] {
    return [...this.#entries.values()].filter(entry => entry.kind === kind)
  }

  #wipe(entry: Entry): void {
    entry.key[Symbol.dispose]()
    this.#entries.delete(entry.id)
  }
}

function hasEnded(entry: Entry, now: Instant): boolean {
  return entry.openUntil !== null && now >= entry.openUntil
}

function isUsable(entry: Entry, conditions: KeyConditions, now: Instant): boolean {
  return (
    entry.isCounted &&
    entry.removalDigest === conditions.removalDigest &&
    (entry.sealUntil === null || now < entry.sealUntil) &&
    !conditions.isRemoved(entry.creator)
  )
}
