/** Local operations become entries: small states, stamped later than all this node has seen. */
import { bytesOfDigest, type Digest } from '../../base/ids.ts'
import { blankEntry, type EntryView, entryKind, isOwnKey } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import type { ByteRun } from './cells.ts'
import type { Core } from './core.ts'
import { entrySigningBytes, ownerInKey } from './entry-hash.ts'
import type { Merge } from './merge.ts'
import type { Operation, WriteRefusal } from './types.ts'

const keyEncoder = new TextEncoder()

export class Writer {
  readonly #core: Core
  readonly #merge: Merge
  readonly #entry = blankEntry()
  readonly #observed = blankEntry()
  readonly #key = new Uint8Array(limits.stateKeyBytesMax)
  #commitKey: Digest | undefined

  constructor(core: Core, merge: Merge) {
    this.#core = core
    this.#merge = merge
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
    const { read, written } = keyEncoder.encodeInto(text, this.#key)
    if (read < text.length) return 'KEY_TOO_LONG'
    const owner = ownerInKey(text)
    if (owner !== undefined && owner !== this.#core.self) return 'NOT_YOURS'
    const key = { bytes: this.#key, start: 0, end: written }
    const keyRow = this.#core.map.cells.findKey(key)
    switch (operation.kind) {
      case 'set':
        if (operation.value.length > limits.stateValueBytesMax) return 'VALUE_TOO_LARGE'
        if (this.#shows(keyRow) === 'set') return 'WRONG_KIND'
        return [this.#put(key, { value: operation.value }, groupMs)]
      case 'delete':
        return this.#deleteAll(key, keyRow, groupMs)
      case 'add':
      case 'remove':
        if (operation.element.length > limits.stateElementBytesMax) return 'VALUE_TOO_LARGE'
        if (this.#shows(keyRow) === 'register') return 'WRONG_KIND'
        return this.#changeElement(key, keyRow, operation, groupMs)
    }
  }

  /** The 32 bytes that a batch names its commit key by. */
  commitKeyBytes(index: number): Uint8Array {
    return bytesOfDigest(this.#core.map.commitKey(index))
  }

  #shows(keyRow: number): 'register' | 'set' | undefined {
    const { map } = this.#core
    if (keyRow < 0) return undefined
    if (map.cells.isLive(keyRow)) return 'register'
    return map.isHeld(keyRow) ? 'set' : undefined
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
    const added = this.#put(key, { element }, groupMs)
    const others = seen.filter(row => row !== added)
    return [added, ...others.map(row => this.#removeTag(key, row, groupMs))]
  }

  #deleteAll(key: ByteRun, keyRow: number, groupMs: number): number[] {
    if (keyRow < 0) return []
    const { cells } = this.#core.map
    const doomed: number[] = []
    for (let row = cells.siblingOf(keyRow); row >= 0; row = cells.siblingOf(row)) {
      if (cells.isLive(row)) doomed.push(row)
    }
    const rows = doomed.map(row => this.#removeTag(key, row, groupMs))
    if (cells.isLive(keyRow)) rows.push(this.#put(key, {}, groupMs))
    return rows
  }

  /** The rows of the live tags of an element. */
  #tagsOf(keyRow: number, element: Uint8Array): number[] {
    if (keyRow < 0) return []
    const { cells, authors } = this.#core.map
    const rows: number[] = []
    const run = { bytes: element, start: 0, end: element.length }
    // Few authors, many elements: asking the index for each author beats walking the elements.
    for (const author of authors.indexes()) {
      const row = cells.findCell(keyRow, author, run)
      if (row >= 0 && cells.isLive(row)) rows.push(row)
    }
    return rows
  }

  /** A register's value, its deletion (`{}`), or a tag of an element. */
  #put(
    key: ByteRun,
    what: { readonly value?: Uint8Array; readonly element?: Uint8Array },
    groupMs: number,
  ): number {
    const entry = this.#stamped(key, groupMs)
    const { value, element } = what
    entry.kind = element === undefined ? entryKind.register : entryKind.set
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
    return this.#join(entry)
  }

  #removeTag(key: ByteRun, row: number, groupMs: number): number {
    const { cells } = this.#core.map
    const observed = this.#observed
    cells.read(row, observed)
    const entry = this.#stamped(key, groupMs)
    entry.kind = entryKind.set
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

  #join(entry: EntryView): number {
    const { map, ports, settings, outbox } = this.#core
    if (isOwnKey(entry)) {
      entry.signature = ports.sign(entrySigningBytes(settings.network, entry, map))
      entry.signatureStart = 0
    }
    const row = this.#merge.join(entry)
    outbox.put(row)
    return row
  }
}
