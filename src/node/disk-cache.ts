/**
 * The replica's cache on the host's disk: pages of entries, sealed under the `storage` key in force. Losing
 * it costs time. A host that rolls it back achieves nothing: what is restored counts as never synced, so
 * what the members removed meanwhile is dropped again (docs/spec/replica.md).
 */
import { concatBytes, uint64Bytes } from '../base/bytes.ts'
import { HostError } from '../base/errors.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import { type Duration, seconds } from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { PageStore } from '../host/store/port.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import { CachePageOpener, CachePageSealer } from '../wire/cache-page.ts'
import { isNamedPage, type NamedPage, pageDigest } from '../wire/recovery-record.ts'
import type { EventLog } from './event-log.ts'

/** How long changes wait for company before they are written: a crash costs at most as much syncing. */
const flushInterval = seconds(5)
/** A disk so slow that reading it takes longer than syncing. */
const loadPatience = seconds(10)
/** After a failure of the disk. */
const failureRest = seconds(60)
/** What may lie on disk beyond twice the state before it is written anew, in bytes. */
const slackBytes = 4 * 1024 * 1024
/** In front of a record: the number of the last page that it names. */
const numberBytes = 8
/** Pages beyond twice those of the state: their names are written anew with each flush. */
const slackPages = 1024

export interface DiskCacheParts {
  readonly host: Pick<Host, 'clock' | 'timers' | 'random'>
  readonly network: NetworkId
  readonly open: () => Promise<PageStore>
  readonly keys: Pick<MembershipQueries, 'sealingKey' | 'openingKey'>
  readonly replica: Pick<ReplicaQueries, 'cachePage'>
  readonly events: EventLog
  /** What is sealed to the quorum about these pages, which hold all that the replica holds; `undefined` without a quorum key. */
  readonly record: (pages: SealedPages) => Uint8Array | undefined
  /** Hands a page that opened to the replica. */
  readonly restore: (page: Uint8Array) => void
  /** All that could be restored is: the first sync may begin. */
  readonly loaded: () => void
}

/** Pages on disk that hold all of the state, and the key that they are sealed under, which is lent. */
export interface SealedPages {
  readonly storageKey: Secret
  readonly pages: readonly NamedPage[]
}

/** Why the node runs without its cache, for people. */
export interface CacheTrouble {
  readonly code: string
  readonly text: string
}

export class DiskCache {
  readonly #parts: DiskCacheParts
  readonly #opener: CachePageOpener
  readonly #store: Promise<PageStore | undefined>
  #life: 'closed' | 'loading' | 'loaded' | 'writing' | 'stopped' = 'closed'
  #trouble: CacheTrouble | undefined
  #sealer: CachePageSealer | undefined
  /** The last page's number, and up to where the replica's changes are in pages of this sealer. */
  #number = 0
  #cursor = 0
  /** Pages up to this one go as soon as all entries are in newer ones. */
  #obsolete = 0
  /** Those of this boot, in order. */
  #pages: NamedPage[] = []
  /** Whether what was sealed to the quorum before this boot lies here, and nobody opened it; `undefined` as long as it could not be read. */
  #hasUnopened: boolean | undefined
  /** This node founded, and so takes the place of nothing of that kind. */
  #keepsUnopened = false
  /** Up to which page the record on disk names what it takes: these stay until another record takes its place. */
  #named = 0
  #writtenBytes = 0
  #wholeBytes = 0
  #wholePages = 0
  #loading: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  #cancelFlush: () => void = () => undefined

  constructor(parts: DiskCacheParts) {
    this.#parts = parts
    this.#opener = new CachePageOpener(parts.network)
    this.#store = parts.open().catch(error => this.#failed(error))
  }

  /** Whether the first sync may begin: it judges what the disk brought. */
  get isLoaded(): boolean {
    return this.#life !== 'closed' && this.#life !== 'loading'
  }

  get #hasStopped(): boolean {
    return this.#life === 'stopped'
  }

  /** Why there is no cache at the moment. */
  get trouble(): CacheTrouble | undefined {
    return this.#trouble
  }

  /** Storage keys were learned: the first time, what lies on disk is read. */
  keysLearned(): void {
    const { keys, host } = this.#parts
    if (this.#life !== 'closed') return
    if (keys.sealingKey('storage', host.clock.monotonic()) === undefined) return
    this.#life = 'loading'
    const cancel = host.timers.after(loadPatience, () => this.#endLoading())
    this.#loading = this.#load().finally(() => {
      cancel()
      this.#endLoading()
    })
  }

  /**
   * The replica holds what the members hold: from now on its changes go to disk. `hasState` is false for a node that founded: it takes
   * the place of nothing that only the quorum can open.
   */
  activate({ hasState }: { readonly hasState: boolean }): void {
    if (this.#life !== 'loaded') return
    this.#life = 'writing'
    this.#keepsUnopened = !hasState
    if (this.#hasUnopened !== undefined && this.#staysOut()) return
    this.#flushAfter(flushInterval)
  }

  /** Whether this node leaves alone what lies there. */
  #staysOut(): boolean {
    if (!this.#keepsUnopened || this.#hasUnopened === false) return false
    this.#life = 'loaded'
    this.#trouble = stateToRecover
    return true
  }

  /** Writes what changed, then closes. Waits for the disk; the caller bounds that. */
  async stop(): Promise<void> {
    const wasWriting = this.#life === 'writing'
    this.#life = 'stopped'
    this.#cancelFlush()
    await this.#loading
    await this.#flushing
    if (wasWriting) await this.#flush()
    this.#sealer?.[Symbol.dispose]()
    this.#opener[Symbol.dispose]()
    const store = await this.#store
    await store?.close().catch(() => undefined)
  }

  /**
   * What lies sealed to the quorum beside the pages; `undefined` if there is nothing, or the cache is in use already.
   *
   * @throws {HostError} `STORE_…`: what lies there is not known.
   */
  async sealedRecord(): Promise<Uint8Array | undefined> {
    const store = await this.#store
    if (store === undefined && this.#trouble !== undefined) {
      throw new HostError(this.#trouble.code, this.#trouble.text, { next: readAgain })
    }
    if (store?.beganAnew === true) {
      const text = 'The cache on disk could not be read, and was put aside.'
      throw new HostError('STORE_DAMAGED', text, { next: readAgain })
    }
    if (store === undefined || this.#life !== 'closed') return undefined
    return (await this.#readRecord(store))?.subarray(numberBytes)
  }

  /** The pages that a record names, opened, in order; those that are missing, changed or sealed under another key are left out. */
  async namedPages(
    named: ReadonlyMap<number, Uint8Array>,
    storageKey: Secret,
  ): Promise<readonly Uint8Array[]> {
    const store = await this.#store
    const opened: Uint8Array[] = []
    for await (const stored of store?.pages() ?? []) {
      this.#number = Math.max(this.#number, stored.number)
      if (!isNamedPage(named, stored)) continue
      const page = this.#opener.open(stored.bytes, () => storageKey)
      if (page !== undefined) opened.push(page)
    }
    return opened
  }

  /** What lay here is in the replica: it is written anew before anything is dropped. */
  recovered(): void {
    if (this.#life !== 'closed') return
    this.#life = 'loaded'
    this.#obsolete = this.#number
  }

  async #readRecord(store: PageStore): Promise<Uint8Array | undefined> {
    const record = await store.record()
    if (record === undefined || record.length < numberBytes) return undefined
    const named = new DataView(record.buffer, record.byteOffset).getBigUint64(0)
    // Whoever changes it keeps pages that nobody needs, or loses what it could have deleted.
    this.#named = named < 2n ** 48n ? Number(named) : 0
    this.#number = Math.max(this.#number, this.#named)
    return record
  }

  async #load(): Promise<void> {
    const store = await this.#store
    if (store === undefined) return
    let [restored, locked, unreadable] = [0, 0, 0]
    try {
      this.#hasUnopened = (await this.#readRecord(store)) !== undefined
      // The node may have stopped meanwhile, and closed the store.
      if (this.#hasStopped) return
      for await (const { number, bytes } of store.pages()) {
        if (this.#hasStopped) return
        this.#number = Math.max(this.#number, number)
        if (this.#life !== 'loading') continue
        let isLocked = false
        const page = this.#opener.open(bytes, id => {
          const key = this.#openingKey(id)
          isLocked = key === undefined
          return key
        })
        if (page === undefined) {
          if (isLocked) locked++
          else unreadable++
          continue
        }
        restored++
        this.#parts.restore(page)
      }
    } catch (error) {
      unreadable++
      await this.#recover(store, error)
    }
    if (store.beganAnew) unreadable++
    this.#obsolete = this.#number
    if (unreadable === 0 && locked === 0 && restored === 0) return
    this.#parts.events.note('cache', wordsOf({ locked, unreadable }), {
      restored,
      locked,
      unreadable,
    })
  }

  #openingKey(id: Digest): Secret | undefined {
    return this.#parts.keys.openingKey(id, this.#parts.host.clock.monotonic())?.key
  }

  #endLoading(): void {
    if (this.#life !== 'loading') return
    this.#life = 'loaded'
    this.#parts.loaded()
  }

  #flushAfter(rest: Duration): void {
    this.#cancelFlush()
    this.#cancelFlush = this.#parts.host.timers.after(rest, () => {
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined
        if (this.#life !== 'writing') return
        this.#flushAfter(this.#trouble === undefined ? flushInterval : failureRest)
      })
    })
  }

  async #flush(): Promise<void> {
    const store = await this.#store
    if (store === undefined) return
    // The node may have gone on without waiting for all that lies there: numbers of pages are known only then.
    await this.#loading
    if (this.#staysOut()) return
    try {
      while (await this.#writePage(store)) {
        // One page at a time; the loop turns in between.
      }
      // The quorum key may have come when nothing changed.
      if (this.#named < this.#number) await this.#keepRecord(store, this.#record())
      this.#trouble = undefined
    } catch (error) {
      await this.#recover(store, error)
    }
  }

  /** Answers whether there is more to write. */
  async #writePage(store: PageStore): Promise<boolean> {
    const { keys, host, replica, network } = this.#parts
    const held = keys.sealingKey('storage', host.clock.monotonic())
    if (held === undefined) return false
    if (this.#sealer?.keyId !== held.id) {
      this.#sealer?.[Symbol.dispose]()
      const { random } = host
      this.#sealer = new CachePageSealer(network, { keyId: held.id, epochKey: held.key, random })
      this.#beginAnew()
    }
    const page = replica.cachePage(this.#cursor)
    if (page === undefined) return false
    const sealed = this.#sealer.seal(page.bytes)
    this.#pages.push({ number: ++this.#number, digest: pageDigest(sealed) })
    this.#cursor = page.next
    this.#writtenBytes += sealed.length
    // Made in the same turn as the page: what it says is what the pages hold.
    const record = page.isLast ? this.#record() : undefined
    await store.put(this.#number, sealed)
    if (!page.isLast) return true
    await this.#keepRecord(store, record)
    if (this.#obsolete > 0) {
      // Without the quorum key nothing takes the place of what only it opens.
      const above = this.#named > this.#obsolete ? 0 : this.#named
      await store.dropThrough(this.#obsolete, above)
      this.#pages = this.#pages.filter(({ number }) => number > this.#obsolete)
      this.#obsolete = 0
      this.#wholePages = this.#pages.length
      this.#wholeBytes = this.#writtenBytes
    } else if (this.#isOvergrown) {
      this.#beginAnew()
      return true
    }
    return false
  }

  get #isOvergrown(): boolean {
    if (this.#writtenBytes > 2 * this.#wholeBytes + slackBytes) return true
    return this.#pages.length > 2 * this.#wholePages + slackPages
  }

  /** `undefined` while the pages do not hold all yet, without a quorum key, and for more of them than a record names. */
  #record(): Uint8Array | undefined {
    const { keys, host, replica } = this.#parts
    const pages = this.#pages.filter(({ number }) => number > this.#obsolete)
    const held = keys.sealingKey('storage', host.clock.monotonic())
    const isWhole = replica.cachePage(this.#cursor) === undefined
    if (!isWhole || held?.id !== this.#sealer?.keyId || held === undefined) return undefined
    if (pages.length === 0) return undefined
    return this.#parts.record({ storageKey: held.key, pages })
  }

  async #keepRecord(store: PageStore, record: Uint8Array | undefined): Promise<void> {
    if (record === undefined) return
    const named = this.#number
    await store.putRecord(concatBytes(uint64Bytes(named), record))
    this.#named = named
    this.#hasUnopened = false
  }

  /** All entries go into new pages; the old ones stay until that is done. */
  #beginAnew(): void {
    this.#obsolete = this.#number
    this.#cursor = 0
    this.#writtenBytes = 0
  }

  /** A failing disk is a warning, a damaged store is emptied and filled again. */
  async #recover(store: PageStore, error: unknown): Promise<void> {
    this.#failed(error)
    this.#beginAnew()
    if (!(error instanceof HostError) || error.code !== 'STORE_DAMAGED') return
    // Whether this node may take the place of what only the quorum opens is known once it writes.
    if (this.#life === 'loading' && this.#hasUnopened === true) return
    await store.clear().then(
      () => {
        this.#obsolete = 0
        this.#named = 0
        this.#hasUnopened = false
        this.#pages = []
      },
      failure => this.#failed(failure),
    )
  }

  #failed(error: unknown): undefined {
    if (!(error instanceof HostError)) throw error
    this.#trouble = { code: error.code, text: `${error.message} ${error.next}`.trim() }
    this.#parts.events.note('cache', error.message, { code: error.code })
  }
}

const readAgain =
  'Bring the whole data directory of one node as it was, for the user that the node runs as, or try that of another node.'

const stateToRecover: CacheTrouble = {
  code: 'STATE_TO_RECOVER',
  text: 'The data directory holds a state that only the quorum key opens, so this node, which founded a network anew, keeps no cache. To have that state back, start the node without --found and see docs/howto/recover.md; else name another data directory.',
}

/** Keys of a network live in the memory of its members: what all of them left behind on disks nobody opens again. */
function wordsOf({
  locked,
  unreadable,
}: Readonly<Record<'locked' | 'unreadable', number>>): string {
  if (unreadable > 0) return 'part of the cache is unreadable and is synced instead'
  if (locked > 0) return 'part of the cache is sealed under keys that no member holds any more'
  return 'the cache was read'
}
