/** A disk in memory, and the host that owns it. */
import { HostError } from '../../src/base/errors.ts'
import type { PageStore, StoredPage } from '../../src/host/store/port.ts'

/** What lies on one machine's disk; outlives every store that is opened on it. */
export class FakeDisk {
  readonly pages = new Map<number, Uint8Array>()
  record: Uint8Array | undefined
  beganAnew = false
  /** What the next calls of `put` and `pages` fail with. */
  failPut: HostError | undefined
  failRead: HostError | undefined
  failOpen: HostError | undefined
  /** What is read waits for this. */
  gate: Promise<void> | undefined
  puts = 0
  clears = 0

  /** A copy of what lies here now: the host puts it back later. */
  photograph(): ReadonlyMap<number, Uint8Array> {
    return new Map(this.pages)
  }

  rollBack(photograph: ReadonlyMap<number, Uint8Array>): void {
    this.pages.clear()
    for (const [number, bytes] of photograph) this.pages.set(number, bytes)
  }

  readonly open = async (): Promise<PageStore> => {
    if (this.failOpen !== undefined) throw this.failOpen
    return new FakePageStore(this)
  }
}

class FakePageStore implements PageStore {
  readonly beganAnew: boolean
  readonly #disk: FakeDisk
  #isClosed = false

  constructor(disk: FakeDisk) {
    this.#disk = disk
    this.beganAnew = disk.beganAnew
  }

  async *pages(): AsyncGenerator<StoredPage> {
    await this.#disk.gate
    this.#open()
    for (const [number, bytes] of [...this.#disk.pages].sort(([a], [b]) => a - b)) {
      if (this.#disk.failRead !== undefined) throw this.#disk.failRead
      yield { number, bytes: bytes.slice() }
    }
  }

  async put(number: number, bytes: Uint8Array): Promise<void> {
    this.#open()
    if (this.#disk.failPut !== undefined) throw this.#disk.failPut
    this.#disk.puts++
    this.#disk.pages.set(number, bytes.slice())
  }

  async dropThrough(last: number, above = 0): Promise<void> {
    this.#open()
    for (const number of this.#disk.pages.keys())
      if (number <= last && number > above) this.#disk.pages.delete(number)
  }

  async record(): Promise<Uint8Array | undefined> {
    await this.#disk.gate
    this.#open()
    return this.#disk.record?.slice()
  }

  async putRecord(bytes: Uint8Array): Promise<void> {
    this.#open()
    if (this.#disk.failPut !== undefined) throw this.#disk.failPut
    this.#disk.record = bytes.slice()
  }

  async clear(): Promise<void> {
    this.#open()
    this.#disk.record = undefined
    this.#disk.clears++
    this.#disk.failRead = undefined
    this.#disk.pages.clear()
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #open(): void {
    if (this.#isClosed) throw new HostError('STORE_FAILED', 'the store is closed')
  }
}
