/**
 * Which keys come to this node's ring, and who hears of it: made because none is usable, pulled from a member, or back from a disk.
 */
import { type Digest, digestOf, nodeIdOfKey } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { type EpochKeyKind, epochKeyId, epochKeyKinds } from '../../wire/epoch-key.ts'
import type { Core } from './core.ts'
import type { IncomingKey } from './epoch-keys.ts'
import type { Greetings } from './greetings.ts'
import { verifyAnnouncement } from './key-grant.ts'
import { KeyMaking, makeEpochKey } from './key-making.ts'
import type { KeyName, MembershipInput } from './types.ts'

type KeptKey = Extract<MembershipInput, { kind: 'recovered' }>['keys'][number]

export class KeyHolding {
  readonly #core: Core
  readonly #greetings: () => Greetings
  readonly #isPulling: (kind: EpochKeyKind) => boolean
  readonly #making = new KeyMaking()
  #added: KeyName[] = []

  constructor(
    core: Core,
    ports: {
      readonly greetings: () => Greetings
      readonly isPulling: (kind: EpochKeyKind) => boolean
    },
  ) {
    this.#core = core
    this.#greetings = ports.greetings
    this.#isPulling = ports.isPulling
  }

  wakeAt(): Instant | null {
    return this.#making.wakeAt()
  }

  /** Makes what is missing, if it is this node's turn. */
  drive(now: Instant): void {
    const { keys, conditions, phase, roster } = this.#core
    if (phase() !== 'active') return this.#making.rest()
    const need = {
      isUsable: (kind: EpochKeyKind) => keys.sealing(kind, conditions(), now) !== undefined,
      isPulling: this.#isPulling,
      rank: roster.rank(now),
    }
    for (const kind of this.#making.due(need, now)) this.#make(kind, now)
  }

  /** One of each kind: a network begins, or goes on where nobody lives. */
  makeAll(now: Instant): void {
    for (const kind of epochKeyKinds) this.#make(kind, now)
  }

  /** Takes a commit key of a network of which nobody lives; wiped if it is none, or not what its creator announced. */
  takeKept({ announcement, key }: KeptKey, now: Instant): void {
    const { network, keys, conditions } = this.#core
    const { kind } = announcement
    const id = digestOf(announcement.id)
    const isGenuine =
      kind === 'commit' &&
      epochKeyId(kind, key) === id &&
      verifyAnnouncement(network, announcement) &&
      keys.hasRoom(kind)
    if (!isGenuine) return key[Symbol.dispose]()
    const countedFor = nodeIdOfKey(announcement.creator)
    const incoming = { announcement, key, since: now, lifeLeft: null, countedFor }
    if (keys.hold(incoming, conditions(), now)) this.held({ kind, id }, now)
  }

  /** A key is in the ring. A joining node says nothing of its keys: nobody could pull them from it. */
  held(name: KeyName, now: Instant): void {
    this.#added.push(name)
    const { phase, keys, conditions } = this.#core
    if (phase() !== 'active') return
    const usable = keys.announcements(conditions(), now)
    const announcements = usable.filter(({ id }) => digestOf(id) === name.id)
    if (announcements.length > 0) this.#greetings().broadcast({ announcements }, null)
  }

  /** Somebody waits for a key that is held already. */
  heldAlready(kind: EpochKeyKind, id: Digest): void {
    this.#added.push({ kind, id })
  }

  /** Wipes what has ended, and tells what came and went. */
  fold(now: Instant): void {
    const { keys, outbox, phase, conditions } = this.#core
    const dropped = phase() === 'removed' ? keys.wipeAll() : keys.fold(conditions(), now)
    const added = this.#added.filter(({ id }) => keys.has(id))
    this.#added = []
    if (added.length + dropped.length > 0) outbox.emit({ kind: 'keysChanged', added, dropped })
  }

  #make(kind: EpochKeyKind, now: Instant): void {
    const incoming: IncomingKey = makeEpochKey(this.#core, kind, now)
    const name = { kind, id: digestOf(incoming.announcement.id) }
    if (this.#core.keys.hold(incoming, this.#core.conditions(), now)) this.held(name, now)
  }
}
