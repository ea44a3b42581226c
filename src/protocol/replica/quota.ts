/**
 * How much of everybody's memory one platform instance may fill, whatever number of identities it makes.
 *
 * An entry counts for the instance of the author of its state. When an instance has no room, the cells first in
 * the order of their names stay and the others go: so members that were sent one flood in different orders agree on
 * what is left of it as soon as they have compared notes. Only entries of the instance itself give way, and an
 * honest writer stops before (`hasRoomFor`). docs/decisions/0009 says why.
 */
import type { NodeId } from '../../base/ids.ts'
import { type EntryView, isRemovedTag, signatureBytes } from '../../wire/entry.ts'
import type { InstanceUsage } from '../../wire/sync.ts'
import { type CellOrder, cellOrder } from './cell-order.ts'
import { rowFlag } from './columns.ts'
import type { EntryListener, EntryMap } from './lattice.ts'
import type { QuotaRules, ReplicaMember } from './types.ts'

/** What every cell costs beside its bytes; it also bounds how many cells can weigh as much as one value. */
const cellBytes = 64
/** A writer stops here, so that two that share an instance and write at once still fit. */
const writersPart = 0.9

/** All that the authors on one instance hold. */
interface Holder {
  /** `undefined`: authors whose instance this node never knew. */
  readonly instance: string | undefined
  entries: number
  bytes: number
  /** Rows in the order of their names, while there is no room; else `undefined`. */
  ranked: number[] | undefined
}

interface Account {
  readonly author: NodeId
  holder: Holder
  entries: number
  bytes: number
}

export class Quota implements EntryListener {
  readonly #map: EntryMap
  readonly #order: CellOrder
  #rules: QuotaRules
  readonly #instances = new Map<NodeId, string>()
  readonly #holders = new Map<string | undefined, Holder>()
  /** By number of author. */
  readonly #accounts: (Account | undefined)[] = []
  /** Holders that may have too much. */
  readonly #full = new Set<Holder>()

  constructor(map: EntryMap, rules: QuotaRules) {
    this.#map = map
    this.#order = cellOrder(map)
    this.#rules = rules
  }

  /** Other limits hold from now on; `overdue` tells what no longer has room. */
  change(rules: QuotaRules): void {
    this.#rules = rules
    for (const holder of this.#holders.values()) this.#full.add(holder)
  }

  /** Who runs where. Instances of the departed are remembered while entries name them. */
  membersChanged(members: readonly ReplicaMember[]): void {
    const roster = new Set(members.map(({ node }) => node))
    for (const author of this.#instances.keys()) {
      if (!roster.has(author) && this.#map.authors.find(author) < 0) this.#instances.delete(author)
    }
    for (const { node, instance } of members) {
      if (this.#instances.get(node) === instance) continue
      this.#instances.set(node, instance)
      const account = this.#accounts[this.#map.authors.find(node)]
      if (account?.author === node) this.#move(account)
    }
    this.#forgetEmpty()
  }

  /** Whether the instance of `author` is known here. */
  knows(author: NodeId): boolean {
    return this.#instances.has(author)
  }

  /** Whether `overdue` may have something. */
  get isOverdue(): boolean {
    return this.#full.size > 0
  }

  /** Whether `entry` would stay. Asked before it is merged: what would not stay must not take the place of what does. */
  admits(entry: EntryView): boolean {
    const { holder } = this.#accountOf(entry.author)
    const limit = this.#limitOf(holder)
    const bytes = sizeOf(entry)
    if (holder.entries < limit.entries && holder.bytes + bytes <= limit.bytes) return true
    const row = this.#map.rowOf(entry)
    const isOwn = row >= 0 && this.#isHeldBy(row, holder)
    let entries = holder.entries + (isOwn ? 0 : 1)
    let total = holder.bytes + bytes - (isOwn ? this.#sizeOfRow(row) : 0)
    const ranked = this.#rank(holder)
    for (let i = ranked.length - 1; entries > limit.entries || total > limit.bytes; i--) {
      const last = ranked[i]
      if (last === undefined || this.#order.compare(last, entry) <= 0) return false
      entries--
      total -= this.#sizeOfRow(last)
    }
    return true
  }

  /**
   * Whether an author here, about to write `entry`, leaves room for others on its instance. `told`: what others count
   * for it beyond what is known here; that can be no more than what is held here of authors who departed unseen.
   */
  hasRoomFor(entry: EntryView, told: InstanceUsage): boolean {
    const { holder } = this.#accountOf(entry.author)
    const limit = this.#limitOf(holder)
    const size = sizeOf(entry)
    // What removes makes room in a day.
    const part = entry.isRemoved ? 1 : writersPart
    const unseen = this.#holders.get(undefined)
    const entries = holder.entries + Math.min(told.entries, unseen?.entries ?? 0)
    const bytes = holder.bytes + Math.min(told.bytes, unseen?.bytes ?? 0)
    if (entries < part * limit.entries && bytes + size <= part * limit.bytes) return true
    // What takes no more room than what it replaces.
    const row = this.#map.rowOf(entry)
    return row >= 0 && this.#isHeldBy(row, holder) && size <= this.#sizeOfRow(row)
  }

  /** The rows that have to go, last names first; each is to be erased before the next is asked for. */
  *overdue(): Generator<number> {
    for (const holder of this.#full) {
      this.#full.delete(holder)
      const limit = this.#limitOf(holder)
      while (holder.entries > limit.entries || holder.bytes > limit.bytes) {
        const last = this.#rank(holder).at(-1)
        if (last === undefined) break
        yield last
      }
    }
  }

  /** What an instance holds now. */
  usageOf(instance: string | undefined): InstanceUsage {
    const { entries, bytes } = this.#holders.get(instance) ?? { entries: 0, bytes: 0 }
    return { entries, bytes }
  }

  /** What the other authors on the instance of `author` hold. */
  usageBeside(author: NodeId): InstanceUsage {
    const instance = this.#instances.get(author)
    if (instance === undefined) return { entries: 0, bytes: 0 }
    const { entries, bytes } = this.usageOf(instance)
    const account = this.#accounts[this.#map.authors.find(author)]
    if (account?.author !== author) return { entries, bytes }
    return { entries: entries - account.entries, bytes: bytes - account.bytes }
  }

  changed(row: number): void {
    this.#charge(row, 1)
  }

  replacing(row: number): void {
    this.#charge(row, -1)
  }

  erasing(row: number): void {
    this.#charge(row, -1)
  }

  #charge(row: number, sign: 1 | -1): void {
    const account = this.#accountOf(this.#map.cells.columns.author.at(row))
    const { holder } = account
    const bytes = sign * this.#sizeOfRow(row)
    account.entries += sign
    account.bytes += bytes
    holder.entries += sign
    holder.bytes += bytes
    const limit = this.#limitOf(holder)
    if (holder.ranked !== undefined) {
      const at = this.#order.position(holder.ranked, row)
      if (sign === 1) holder.ranked.splice(at, 0, row)
      else if (holder.ranked[at] === row) holder.ranked.splice(at, 1)
      // Ranked again when there is no room again.
      if (holder.entries < limit.entries / 2 && holder.bytes < limit.bytes / 2) {
        holder.ranked = undefined
      }
    }
    if (holder.entries > limit.entries || holder.bytes > limit.bytes) this.#full.add(holder)
  }

  #rank(holder: Holder): number[] {
    if (holder.ranked !== undefined) return holder.ranked
    const rows: number[] = []
    for (let row = 0; row < this.#map.cells.rowCount; row++) {
      if (this.#isHeldBy(row, holder)) rows.push(row)
    }
    holder.ranked = this.#order.sorted(rows)
    return holder.ranked
  }

  #isHeldBy(row: number, holder: Holder): boolean {
    const { cells } = this.#map
    if (!cells.has(row, rowFlag.isEntry)) return false
    return this.#accountOf(cells.columns.author.at(row)).holder === holder
  }

  #accountOf(index: number): Account {
    const author = this.#map.author(index)
    const known = this.#accounts[index]
    // A number may have come to another author; then its account was empty.
    if (known !== undefined && known.author === author) return known
    const account = { author, holder: this.#holderOf(author), entries: 0, bytes: 0 }
    this.#accounts[index] = account
    return account
  }

  #holderOf(author: NodeId): Holder {
    const instance = this.#instances.get(author)
    const known = this.#holders.get(instance)
    if (known !== undefined) return known
    const holder: Holder = { instance, entries: 0, bytes: 0, ranked: undefined }
    this.#holders.set(instance, holder)
    return holder
  }

  #move(account: Account): void {
    const [from, to] = [account.holder, this.#holderOf(account.author)]
    if (from === to) return
    from.entries -= account.entries
    from.bytes -= account.bytes
    to.entries += account.entries
    to.bytes += account.bytes
    account.holder = to
    from.ranked = to.ranked = undefined
    this.#full.add(to)
  }

  /** Who holds nothing costs nothing. */
  #forgetEmpty(): void {
    for (const [index, account] of this.#accounts.entries()) {
      if (account?.entries === 0) this.#accounts[index] = undefined
    }
    for (const [instance, holder] of this.#holders) {
      if (holder.entries === 0) this.#holders.delete(instance)
    }
  }

  #limitOf({ instance }: Holder): QuotaRules['instance'] {
    return instance === undefined ? this.#rules.departed : this.#rules.instance
  }

  #sizeOfRow(row: number): number {
    const { cells } = this.#map
    const { nameLength, valueLength } = cells.columns
    const keyRow = cells.keyRowOf(row)
    const element = row === keyRow ? 0 : (nameLength[row] ?? 0)
    return cellBytes + (nameLength[keyRow] ?? 0) + element + valueLength.at(row)
  }
}

/** As `#sizeOfRow` once `entry` is merged: of a removed tag its stamp is kept. */
function sizeOf(entry: EntryView): number {
  const key = entry.keyEnd - entry.keyStart
  const element = entry.elementEnd - entry.elementStart
  const value = isRemovedTag(entry) ? 12 : entry.valueEnd - entry.valueStart
  const signature = entry.signatureStart < 0 ? 0 : signatureBytes
  return cellBytes + key + element + value + signature
}
