/** Local operations become entries: small states, stamped later than all this node has seen. */
import type { Digest } from '../../base/ids.ts'
import {
  blankEntry,
  type EntryKind,
  type EntryView,
  entryKind,
  mustBeSigned,
  slotBytes,
} from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import { slotOf, slotValue } from '../../wire/slot.ts'
import type { Core } from './core.ts'
import { entrySigningBytes, ownerInKey } from './entry-hash.ts'
import type { Merge } from './merge.ts'
import { OwnLeases } from './own-leases.ts'
import type { ByteRun } from './slab.ts'
import type { Operation, WriteRefusal } from './types.ts'

const keyEncoder = new TextEncoder()
const noElement: ByteRun = { bytes: new Uint8Array(0), start: 0, end: 0 }

export class Writer {
  readonly #core: Core
  readonly #merge: Merge
  readonly #entry = blankEntry()
  readonly #observed = blankEntry()
  readonly #leases: OwnLeases
  readonly #key = new Uint8Array(limits.stateKeyBytesMax)
  #commitKey: Digest | undefined

  constructor(core: Core, merge: Merge) {
    this.#core = core
    this.#merge = merge
    this.#leases = new OwnLeases(core.map)
  }

  /** The commit key that new entries name; `undefined` before the first. */
  get commitKey(): Digest | undefined {
    return this.#commitKey
  }

  chooseCommitKey(id: Digest): void {
    this.#commitKey = id
  }

  /** Applies an operation at group time `groupMs`. Answers the rows it changed, or why it changed none. */
  apply(operation: Operation, groupMs: number): WriteRefusal | readonly number[] {
    const text = operation.key
    if (text === '' || !text.isWellFormed()) return 'BAD_KEY'
    const written = encodeKey(text, this.#key)
    if (written === undefined) return 'KEY_TOO_LONG'
    const owner = ownerInKey(text)
    if (owner !== undefined && owner !== this.#core.self) return 'NOT_YOURS'
    const key = { bytes: this.#key, start: 0, end: written }
    const keyRow = this.#core.map.cells.findKey(key)
    const refusal = this.#refusalOf(key, operation)
    if (refusal !== undefined) return refusal
    switch (operation.kind) {
      case 'set':
        if (operation.value.length > limits.stateValueBytesMax) return 'VALUE_TOO_LARGE'
        if (!this.#fits(keyRow, entryKind.register)) return 'WRONG_KIND'
        return [
          this.#put(key, { kind: entryKind.register, value: operation.value, keyRow }, groupMs),
        ]
      case 'assign':
        if (operation.value.length > limits.stateValueBytesMax) return 'VALUE_TOO_LARGE'
        if (!this.#fits(keyRow, entryKind.multi)) return 'WRONG_KIND'
        return this.#assign(key, keyRow, operation.value, groupMs)
      case 'increment':
        if (!this.#fits(keyRow, entryKind.counter)) return 'WRONG_KIND'
        return this.#increment(key, keyRow, operation.by, groupMs)
      case 'delete':
        return this.#deleteAll(key, keyRow, groupMs)
      case 'add':
      case 'remove':
        if (operation.element.length > limits.stateElementBytesMax) return 'VALUE_TOO_LARGE'
        if (!this.#fits(keyRow, entryKind.set)) return 'WRONG_KIND'
        return this.#changeElement(key, keyRow, operation, groupMs)
    }
  }

  /** Says again, under a new stamp, what this node said of itself long ago. */
  renewOwn(groupMs: number): void {
    for (const row of this.#leases.due(groupMs)) {
      if (!this.#core.outbox.hasRoom) return
      this.#renew(row, groupMs)
    }
  }

  /** What the other members would refuse is refused here, before anything is applied. */
  #refusalOf(key: ByteRun, operation: Operation): WriteRefusal | undefined {
    const { map, quota, rules, self, shares } = this.#core
    const entry = this.#entry
    entry.key = key.bytes
    entry.keyStart = key.start
    entry.keyEnd = key.end
    entry.author = entry.tagAuthor = map.authors.indexOf(self)
    entry.signatureStart = -1
    describe(operation, entry)
    return (
      rules.breachOf(entry) ??
      (quota.hasRoomFor(entry, shares.confirmed) ? undefined : 'QUOTA_FULL')
    )
  }

  /** Whether a key holds nothing of another kind. */
  #fits(keyRow: number, kind: EntryKind): boolean {
    const shown = keyRow < 0 ? undefined : this.#core.map.shownKind(keyRow)
    return shown === undefined || shown === kind
  }

  #assign(key: ByteRun, keyRow: number, value: Uint8Array, groupMs: number): number[] {
    const seen = this.#liveCells(keyRow, entryKind.multi)
    const assigned = this.#put(key, { kind: entryKind.multi, value }, groupMs)
    const others = seen.filter(row => row !== assigned)
    return [assigned, ...others.map(row => this.#removeTag(key, row, groupMs))]
  }

  #increment(
    key: ByteRun,
    keyRow: number,
    by: number,
    groupMs: number,
  ): WriteRefusal | readonly number[] {
    if (!Number.isSafeInteger(by)) return 'BAD_AMOUNT'
    if (by === 0) return []
    const value = slotOf(this.#ownSlot(keyRow) + BigInt(by))
    if (value === undefined) return 'COUNTER_FULL'
    return [this.#put(key, { kind: entryKind.counter, value }, groupMs)]
  }

  /** What this node added to a counter so far. */
  #ownSlot(keyRow: number): bigint {
    const { cells, authors } = this.#core.map
    if (keyRow < 0) return 0n
    const author = authors.indexOf(this.#core.self)
    const row = cells.findCell(keyRow, { kind: entryKind.counter, author, element: noElement })
    if (row < 0) return 0n
    const slot = this.#observed
    cells.read(row, slot)
    return slotValue(slot.value.subarray(slot.valueStart, slot.valueEnd))
  }

  #liveCells(keyRow: number, kind: EntryKind): number[] {
    const { cells } = this.#core.map
    const rows: number[] = []
    if (keyRow < 0) return rows
    for (let row = cells.siblingOf(keyRow); row >= 0; row = cells.siblingOf(row)) {
      if (cells.isLive(row) && cells.kindOf(row) === kind) rows.push(row)
    }
    return rows
  }

  #changeElement(
    key: ByteRun,
    keyRow: number,
    { kind, element }: Operation & { readonly kind: 'add' | 'remove' },
    groupMs: number,
  ): number[] {
    const seen = this.#tagsOf(keyRow, element)
    if (kind === 'remove') return seen.map(row => this.#removeTag(key, row, groupMs))
    // Our tag first: then the tags it replaces, so that one live tag is left whoever added before.
    const added = this.#put(key, { kind: entryKind.set, element }, groupMs)
    const others = seen.filter(row => row !== added)
    return [added, ...others.map(row => this.#removeTag(key, row, groupMs))]
  }

  #deleteAll(key: ByteRun, keyRow: number, groupMs: number): WriteRefusal | readonly number[] {
    if (keyRow < 0) return []
    const { cells } = this.#core.map
    const doomed = [entryKind.set, entryKind.multi].flatMap(kind => this.#liveCells(keyRow, kind))
    const rows = doomed.map(row => this.#removeTag(key, row, groupMs))
    if (cells.isLive(keyRow)) rows.push(this.#put(key, { kind: entryKind.register }, groupMs))
    const isCounter = this.#core.map.shownKind(keyRow) === entryKind.counter
    return rows.length === 0 && isCounter ? 'COUNTER_STAYS' : rows
  }

  /** The rows of the live tags of an element. */
  #tagsOf(keyRow: number, element: Uint8Array): number[] {
    if (keyRow < 0) return []
    const { cells, authors } = this.#core.map
    const rows: number[] = []
    const run = { bytes: element, start: 0, end: element.length }
    // Few authors, many elements: asking the index for each author beats walking the elements.
    for (const author of authors.indexes()) {
      const row = cells.findCell(keyRow, { kind: entryKind.set, author, element: run })
      if (row >= 0 && cells.isLive(row)) rows.push(row)
    }
    return rows
  }

  /** A value, a tag of an element, or the deletion of a register, which has neither. */
  #put(
    key: ByteRun,
    what: {
      readonly kind: EntryKind
      readonly value?: Uint8Array
      readonly element?: Uint8Array
      /** The key's, or -1, if it was just looked up. */
      readonly keyRow?: number
    },
    groupMs: number,
  ): number {
    const entry = this.#stamped(key, groupMs)
    const { kind, value, element, keyRow } = what
    entry.kind = kind
    entry.isRemoved = value === undefined && element === undefined
    entry.value = value ?? this.#key
    entry.valueStart = 0
    entry.valueEnd = value?.length ?? 0
    entry.element = element ?? this.#key
    entry.elementStart = 0
    entry.elementEnd = element?.length ?? 0
    entry.tagMs = entry.ms
    entry.tagCounter = entry.counter
    entry.tagAuthor = entry.author
    return this.#join(entry, keyRow)
  }

  #removeTag(key: ByteRun, row: number, groupMs: number): number {
    const { cells } = this.#core.map
    const observed = this.#observed
    cells.read(row, observed)
    const entry = this.#stamped(key, groupMs)
    entry.kind = observed.kind
    entry.isRemoved = true
    entry.valueStart = entry.valueEnd = 0
    // A copy: storing the entry may move what the view points into.
    entry.element = observed.element.slice(observed.elementStart, observed.elementEnd)
    entry.elementStart = 0
    entry.elementEnd = entry.element.length
    entry.tagMs = observed.tagMs
    entry.tagCounter = observed.tagCounter
    entry.tagAuthor = observed.tagAuthor
    return this.#join(entry)
  }

  #renew(row: number, groupMs: number): void {
    const { map } = this.#core
    const observed = this.#observed
    map.cells.read(row, observed)
    const { kind, key, keyStart, keyEnd } = observed
    this.#key.set(key.subarray(keyStart, keyEnd))
    const value = observed.value.slice(observed.valueStart, observed.valueEnd)
    const element = observed.element.slice(observed.elementStart, observed.elementEnd)
    const run = { bytes: this.#key, start: 0, end: keyEnd - keyStart }
    const what = kind === entryKind.set ? { kind, element } : { kind, value }
    this.#put(run, what, groupMs)
  }

  #stamped(key: ByteRun, groupMs: number): EntryView {
    const { map, hybrid, self } = this.#core
    const entry = this.#entry
    const { ms, counter } = hybrid.next(groupMs)
    entry.ms = ms
    entry.counter = counter
    entry.author = map.authors.indexOf(self)
    entry.commitKey = this.#commitKey === undefined ? 0 : map.commitKeys.indexOf(this.#commitKey)
    entry.sequence = 0
    entry.key = key.bytes
    entry.keyStart = key.start
    entry.keyEnd = key.end
    entry.signatureStart = -1
    return entry
  }

  #join(entry: EntryView, keyRow?: number): number {
    const { map, ports, settings, outbox } = this.#core
    if (mustBeSigned(entry)) {
      entry.signature = ports.sign(entrySigningBytes(settings.network, entry, map))
      entry.signatureStart = 0
    }
    const row = this.#merge.join(entry, keyRow)
    outbox.put(row)
    return row
  }
}

/** Writes a well-formed key to `target`; answers its bytes, or `undefined` if they do not fit. */
function encodeKey(text: string, target: Uint8Array): number | undefined {
  // A call to the encoder costs more than the few ASCII letters of a usual key.
  const shortest = Math.min(text.length, target.length)
  let i = 0
  while (i < shortest) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) break
    target[i++] = code
  }
  if (i === text.length) return i
  const { read, written } = keyEncoder.encodeInto(text, target)
  return read < text.length ? undefined : written
}

/** Makes `entry` look like what `operation` will write, but for its stamp: enough to judge it by. */
function describe(operation: Operation, entry: EntryView): void {
  entry.isRemoved = operation.kind === 'delete' || operation.kind === 'remove'
  entry.kind = kindOf[operation.kind]
  entry.value = noElement.bytes
  entry.element = noElement.bytes
  if (operation.kind === 'increment') entry.value = new Uint8Array(slotBytes)
  else if ('value' in operation) entry.value = operation.value
  else if ('element' in operation) entry.element = operation.element
  entry.valueStart = entry.elementStart = 0
  entry.valueEnd = entry.value.length
  entry.elementEnd = entry.element.length
}

const kindOf = {
  set: entryKind.register,
  delete: entryKind.register,
  add: entryKind.set,
  remove: entryKind.set,
  assign: entryKind.multi,
  increment: entryKind.counter,
} as const satisfies Readonly<Record<Operation['kind'], EntryKind>>
