/** Local operations become entries: small states, stamped later than all this node has seen. */
import { utf8 } from '../../base/bytes.ts'
import { bytesOfDigest, type Digest } from '../../base/ids.ts'
import { blankEntry, type EntryView, entryKind, isOwnKey } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import type { Core } from './core.ts'
import { entrySigningBytes, ownerInKey } from './entry-hash.ts'
import type { Merge } from './merge.ts'
import type { Operation, WriteRefusal } from './types.ts'

export class Writer {
  readonly #core: Core
  readonly #merge: Merge
  readonly #entry = blankEntry()
  readonly #observed = blankEntry()
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

  /** Why an operation can never be applied here, or `undefined`. */
  refusal(operation: Operation): WriteRefusal | undefined {
    const { key } = operation
    if (key === '' || !key.isWellFormed()) return 'BAD_KEY'
    if (utf8(key).length > limits.stateKeyBytesMax) return 'KEY_TOO_LONG'
    const owner = ownerInKey(key)
    if (owner !== undefined && owner !== this.#core.self) return 'NOT_YOURS'
    switch (operation.kind) {
      case 'set':
        if (operation.value.length > limits.stateValueBytesMax) return 'VALUE_TOO_LARGE'
        return this.#shows(key) === 'set' ? 'WRONG_KIND' : undefined
      case 'delete':
        return undefined
      case 'add':
      case 'remove':
        if (operation.element.length > limits.stateElementBytesMax) return 'VALUE_TOO_LARGE'
        return this.#shows(key) === 'register' ? 'WRONG_KIND' : undefined
    }
  }

  /** Applies an operation that is not refused, at group time `groupMs`. Answers the rows it changed. */
  apply(operation: Operation, groupMs: number): number[] {
    const key = utf8(operation.key)
    const keyRow = this.#core.map.cells.findKey({ bytes: key, start: 0, end: key.length })
    switch (operation.kind) {
      case 'set':
        return [this.#put(key, { value: operation.value }, groupMs)]
      case 'delete':
        return this.#deleteAll(key, keyRow, groupMs)
      case 'add': {
        // Our tag first: then the tags it replaces, so that one live tag is left whoever added before.
        const seen = this.#tagsOf(keyRow, operation.element)
        const added = this.#put(key, { element: operation.element }, groupMs)
        const others = seen.filter(row => row !== added)
        return [added, ...others.map(row => this.#removeTag(key, row, groupMs))]
      }
      case 'remove':
        return this.#tagsOf(keyRow, operation.element).map(row =>
          this.#removeTag(key, row, groupMs),
        )
    }
  }

  /** The 32 bytes that a batch names its commit key by. */
  commitKeyBytes(index: number): Uint8Array {
    return bytesOfDigest(this.#core.map.commitKey(index))
  }

  #shows(key: string): 'register' | 'set' | undefined {
    const { map } = this.#core
    const row = map.find(key)
    if (row < 0) return undefined
    if (map.cells.isLive(row)) return 'register'
    return map.isHeld(row) ? 'set' : undefined
  }

  #deleteAll(key: Uint8Array, keyRow: number, groupMs: number): number[] {
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
    key: Uint8Array,
    what: { readonly value?: Uint8Array; readonly element?: Uint8Array },
    groupMs: number,
  ): number {
    const entry = this.#stamped(key, groupMs)
    const { value, element } = what
    entry.kind = element === undefined ? entryKind.register : entryKind.set
    entry.isRemoved = value === undefined && element === undefined
    entry.value = value ?? key
    entry.valueStart = 0
    entry.valueEnd = value?.length ?? 0
    entry.element = element ?? key
    entry.elementStart = 0
    entry.elementEnd = element?.length ?? 0
    entry.tagMs = entry.ms
    entry.tagCounter = entry.counter
    entry.tagAuthor = entry.author
    return this.#join(entry)
  }

  #removeTag(key: Uint8Array, row: number, groupMs: number): number {
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

  #stamped(key: Uint8Array, groupMs: number): EntryView {
    const { map, hybrid, self } = this.#core
    const entry = this.#entry
    const { ms, counter } = hybrid.next(groupMs)
    entry.ms = ms
    entry.counter = counter
    entry.author = map.authors.indexOf(self)
    entry.commitKey = this.#commitKey === undefined ? 0 : map.commitKeys.indexOf(this.#commitKey)
    entry.sequence = 0
    entry.key = key
    entry.keyStart = 0
    entry.keyEnd = key.length
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
