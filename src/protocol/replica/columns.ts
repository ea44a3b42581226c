/** The fields of all rows, one typed array per field: 69 bytes a row and no object. */

const firstCapacity = 32

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
  ms = new Float64Array(firstCapacity)
  counter = new Uint32Array(firstCapacity)
  author = new Uint32Array(firstCapacity)
  commitKey = new Uint32Array(firstCapacity)
  /** The batch of the stamp's author that brought the state; 0 while it waits for one here. */
  sequence = new Uint32Array(firstCapacity)
  /** Slab address and length of the key (key row) or the element (set cell). */
  nameAt = new Uint32Array(firstCapacity)
  nameLength = new Uint16Array(firstCapacity)
  /** Slab address and length of the value, or of the stamp of a removed tag; a signature included. */
  valueAt = new Uint32Array(firstCapacity)
  valueLength = new Uint32Array(firstCapacity)
  /** Next row of the same hash bucket. */
  bucketNext = new Int32Array(firstCapacity)
  /** Key row of a cell; -1 in a key row. */
  owner = new Int32Array(firstCapacity)
  /** First cell of a key row; next cell of the same key. */
  sibling = new Int32Array(firstCapacity)
  /** Live cells of a key row; tag author of a cell. */
  extra = new Uint32Array(firstCapacity)
  /** The change log: neighbours and number. */
  logBefore = new Int32Array(firstCapacity)
  logAfter = new Int32Array(firstCapacity)
  logNumber = new Float64Array(firstCapacity)

  grow(): void {
    const capacity = this.capacity + (this.capacity >> 1)
    this.capacity = capacity
    this.flags = enlarged(this.flags, new Uint8Array(capacity))
    this.ms = enlarged(this.ms, new Float64Array(capacity))
    this.counter = enlarged(this.counter, new Uint32Array(capacity))
    this.author = enlarged(this.author, new Uint32Array(capacity))
    this.commitKey = enlarged(this.commitKey, new Uint32Array(capacity))
    this.sequence = enlarged(this.sequence, new Uint32Array(capacity))
    this.nameAt = enlarged(this.nameAt, new Uint32Array(capacity))
    this.nameLength = enlarged(this.nameLength, new Uint16Array(capacity))
    this.valueAt = enlarged(this.valueAt, new Uint32Array(capacity))
    this.valueLength = enlarged(this.valueLength, new Uint32Array(capacity))
    this.bucketNext = enlarged(this.bucketNext, new Int32Array(capacity))
    this.owner = enlarged(this.owner, new Int32Array(capacity))
    this.sibling = enlarged(this.sibling, new Int32Array(capacity))
    this.extra = enlarged(this.extra, new Uint32Array(capacity))
    this.logBefore = enlarged(this.logBefore, new Int32Array(capacity))
    this.logAfter = enlarged(this.logAfter, new Int32Array(capacity))
    this.logNumber = enlarged(this.logNumber, new Float64Array(capacity))
  }
}

function enlarged<T extends { set(source: T): void }>(old: T, fresh: T): T {
  fresh.set(old)
  return fresh
}
