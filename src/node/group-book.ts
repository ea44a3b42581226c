/**
 * The groups that a node knows, by their ids and by their keys: those that it had a part in making, and those that members told it of.
 *
 * A record proves nothing but its id: whoever made it up gets requests that nobody can answer. So what was told never comes before what
 * this node saw being made, and becomes the newest of its key only by a signature that verified.
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { type Digest, digestOf, nodeIdOfKey } from '../base/ids.ts'
import { flawOfTerms } from '../protocol/custody/signing/group-rules.ts'
import { groupCodec, groupId, type SigningGroup } from '../wire/signing-group.ts'
import { readable } from '../wire/signing-statement.ts'
import type { GroupView } from './signing-api.ts'

/** Most groups of either kind: 2 MiB of records each. */
const groupsMax = 256

interface Known {
  readonly group: SigningGroup
  readonly purpose: string | null
}

export class GroupBook {
  readonly #network: Uint8Array
  readonly #isHeld: (id: Digest) => boolean
  readonly #made = new BoundedMap<Digest, Known>(groupsMax)
  readonly #told = new BoundedMap<Digest, Known>(groupsMax)
  /** By key: the group that signs now, as far as is known for certain. */
  readonly #newest = new Map<string, Digest>()

  /** `isHeld`: whether this node holds a share of this group that can be used. */
  constructor(network: Uint8Array, isHeld: (id: Digest) => boolean) {
    this.#network = network
    this.#isHeld = isHeld
  }

  /** This node saw the group being made. */
  made(group: SigningGroup, purpose: string): Digest {
    const id = digestOf(groupId(group))
    // A share whose group is forgotten signs nothing any more: those that are held are the last to leave, and far fewer.
    for (const each of [...this.#made.keys()]) if (this.#isHeld(each)) this.#made.get(each)
    this.#made.set(id, { group, purpose })
    this.#proved(id, group)
    return id
  }

  /** What a member told, if it is the record of a group of this network; its id. Nothing is thrown for what is none. */
  told(bytes: Uint8Array): { readonly id: Digest; readonly group: SigningGroup } | undefined {
    const group = readable(groupCodec, bytes)
    if (group === undefined || !equalBytes(group.network, this.#network)) return undefined
    if (flawOfTerms(group, group.participants) !== undefined) return undefined
    if (group.verificationShares.length !== group.participants.length) return undefined
    return { id: digestOf(groupId(group)), group }
  }

  /** A group told of is worth keeping: somebody asked for exactly it, or it signed. */
  keep(id: Digest, group: SigningGroup): void {
    if (this.#made.peek(id) === undefined) this.#told.set(id, { group, purpose: null })
  }

  /** A signature of this group verified: it is the one that signs now. */
  signed(id: Digest, group: SigningGroup): void {
    this.keep(id, group)
    this.#proved(id, group)
  }

  group(id: Digest): SigningGroup | undefined {
    return this.#known(id)?.group
  }

  purpose(id: Digest): string | null {
    return this.#known(id)?.purpose ?? null
  }

  /** The group that signs with the key of this one now, or it itself. */
  newest(id: Digest): Digest {
    const known = this.#known(id)
    if (known === undefined) return id
    const newest = this.#newest.get(keyName(known.group))
    const found = newest === undefined ? undefined : this.#known(newest)
    return newest !== undefined && found !== undefined ? newest : id
  }

  /** For a member that asks: this group, and the newest of its key; encoded. */
  records(id: Digest): readonly Uint8Array[] {
    const ids = new Set([id, this.newest(id)])
    return [...ids].flatMap(each => {
      const known = this.#known(each)
      return known === undefined ? [] : [groupCodec.encode(known.group)]
    })
  }

  views(): readonly GroupView[] {
    const ids = [...this.#made.keys(), ...this.#told.keys()]
    const newest = new Set(ids.map(id => this.newest(id)))
    return [...newest].toSorted().flatMap(id => this.view(id) ?? [])
  }

  view(id: Digest): GroupView | undefined {
    const known = this.#known(id)
    return known === undefined
      ? undefined
      : groupView(known.group, { purpose: known.purpose, isSigner: this.#isHeld(id) })
  }

  #known(id: Digest): Known | undefined {
    return this.#made.peek(id) ?? this.#told.peek(id)
  }

  #proved(id: Digest, group: SigningGroup): void {
    const name = keyName(group)
    const newest = this.#newest.get(name)
    const before = newest === undefined ? undefined : this.#known(newest)?.group
    // Members who pass requests on can have a record of their own sign, and write any epoch into it.
    const isSeen = (each: Digest | undefined): boolean =>
      each !== undefined && this.#made.peek(each) !== undefined
    const isBetter = isSeen(id) && !isSeen(newest)
    if (before === undefined || before.epoch <= group.epoch || isBetter) this.#newest.set(name, id)
    // Keys whose groups left the book.
    if (this.#newest.size <= 4 * groupsMax) return
    for (const [key, each] of this.#newest) {
      if (this.#known(each) === undefined) this.#newest.delete(key)
    }
  }
}

/** Names a key, whoever holds its shares. */
export function keyName({ suite, publicKey }: Pick<SigningGroup, 'suite' | 'publicKey'>): string {
  return `${suite} ${toHex(publicKey)}`
}

/** Whether a group holds the key of another in a later epoch. */
export function isSuccessor(group: SigningGroup, of: SigningGroup): boolean {
  const isSameKey = keyName(group) === keyName(of) && group.locks === of.locks
  return isSameKey && group.epoch > of.epoch
}

export function groupView(
  group: SigningGroup,
  about: Pick<GroupView, 'purpose' | 'isSigner'>,
): GroupView {
  const { suite, epoch, threshold, clonesMax, locks, publicKey, participants } = group
  const signers = participants.map(({ identity, instance }) => ({
    node: nodeIdOfKey(identity),
    instance: digestOf(instance),
  }))
  const terms = { suite, epoch, threshold, clonesMax, locks, publicKey }
  return { group: digestOf(groupId(group)), ...terms, signers, ...about }
}
