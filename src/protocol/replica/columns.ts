/** The fields of all rows, one typed array per field: 53 bytes a row and no object. */
import { NarrowColumn, WideColumn } from './column.ts'

const firstCapacity = 32
/** Larger tables grow by a sixteenth: half as much again of a million rows would be 60 MB held in vain. */
const largeCapacity = 16_384

/** Rows that a table of `capacity` rows grows to: every array indexed by row grows alike. */
export function grownCapacity(capacity: number): number {
  return capacity + (capacity >> (capacity < largeCapacity ? 1 : 4))
}

/** Flags of a row: the kind in the low three bits. */
export const rowFlag = {
  kind: 0x07,
  isRemoved: 0x08,
  /** Its key has a public prefix. */
  isPublic: 0x10,
  /** It holds an entry: a key row of a key that was never a register does not. */
  isEntry: 0x20,
  /** It is in use. */
  isTaken: 0x40,
  /** The signature of its author, 64 bytes, follows its value. */
  isSigned: 0x80,
} as const

export class Columns {
  capacity = firstCapacity
  /** `rowFlag` bits. */
  flags = new Uint8Array(firstCapacity)
  /** Stamp of the state; `author` and `commitKey` are numbers of interned names. */
  readonly ms = new WideColumn(firstCapacity)
  counter = new Uint32Array(firstCapacity)
  readonly author = new NarrowColumn(firstCapacity)
  readonly commitKey = new NarrowColumn(firstCapacity)
  /** The batch of the stamp's author that brought the state; 0 while it waits for one here. */
  sequence = new Uint32Array(firstCapacity)
  /**
   * Slab address of the record: the key (key row) or the element (set cell), then the value or the stamp of a
   * removed tag, then a signature.
   */
  recordAt = new Uint32Array(firstCapacity)
  nameLength = new Uint16Array(firstCapacity)
  /** Bytes of the record after its name. */
  readonly valueLength = new NarrowColumn(firstCapacity)
  /** Next row of the same hash bucket. */
  bucketNext = new Int32Array(firstCapacity)
  /** Number in `Links` of a cell and of a key row with cells; -1 in a key row without. */
  link = new Int32Array(firstCapacity)
  /** The change log: neighbours and number. */
  logBefore = new Int32Array(firstCapacity)
  logAfter = new Int32Array(firstCapacity)
  readonly logNumber = new WideColumn(firstCapacity)

  grow(): void {
    const capacity = grownCapacity(this.capacity)
    this.capacity = capacity
    this.flags = enlarged(this.flags, new Uint8Array(capacity))
    this.ms.grow(capacity)
    this.counter = enlarged(this.counter, new Uint32Array(capacity))
    this.author.grow(capacity)
    this.commitKey.grow(capacity)
    this.sequence = enlarged(this.sequence, new Uint32Array(capacity))
    this.recordAt = enlarged(this.recordAt, new Uint32Array(capacity))
    this.nameLength = enlarged(this.nameLength, new Uint16Array(capacity))
    this.valueLength.grow(capacity)
    this.bucketNext = enlarged(this.bucketNext, new Int32Array(capacity))
    this.link = enlarged(this.link, new Int32Array(capacity))
    this.logBefore = enlarged(this.logBefore, new Int32Array(capacity))
    this.logAfter = enlarged(this.logAfter, new Int32Array(capacity))
    this.logNumber.grow(capacity)
  }
}

/** `fresh` with the content of `old`, which is no longer. */
export function enlarged<T extends { set(source: T): void }>(old: T, fresh: T): T {
  fresh.set(old)
  return fresh
}
