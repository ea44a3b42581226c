/**
 * The replica's cache on the host's disk: pages of entries, sealed under the `storage` key in force. Losing
 * it costs time. A host that rolls it back achieves nothing: what is restored counts as never synced, so
 * what the members removed meanwhile is dropped again (docs/spec/replica.md).
 */
import { HostError } from '../base/errors.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import { type Duration, seconds } from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { PageStore } from '../host/store/port.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import { CachePageOpener, CachePageSealer } from '../wire/cache-page.ts'
import type { EventLog } from './event-log.ts'

/** How long changes wait for company before they are written: a crash costs at most as much syncing. */
const flushInterval = seconds(5)
/** A disk so slow that reading it takes longer than syncing. */
const loadPatience = seconds(10)
/** After a failure of the disk. */
const failureRest = seconds(60)
/** What may lie on disk beyond twice the state before it is written anew, in bytes. */
const slackBytes = 4 * 1024 * 1024

export interface DiskCacheParts {
  readonly host: Pick<Host, 'clock' | 'timers' | 'random'>
  readonly network: NetworkId
  readonly open: () => Promise<PageStore>
  readonly keys: Pick<MembershipQueries, 'sealingKey' | 'openingKey'>
  readonly replica: Pick<ReplicaQueries, 'cachePage'>
  readonly events: EventLog
  /** Hands a page that opened to the replica. */
  readonly restore: (page: Uint8Array) => void
  /** All that could be restored is: the first sync may begin. */
  readonly loaded: () => void
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
  #writtenBytes = 0
  #wholeBytes = 0
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
    void this.#load().finally(() => {
      cancel()
      this.#endLoading()
    })
  }

  /** The replica holds what the members hold: from now on its changes go to disk. */
  activate(): void {
    if (this.#life !== 'loaded') return
    this.#life = 'writing'
    this.#flushAfter(flushInterval)
  }

  /** Writes what changed, then closes. Waits for the disk; the caller bounds that. */
  async stop(): Promise<void> {
    const wasWriting = this.#life === 'writing'
    this.#life = 'stopped'
    this.#cancelFlush()
    await this.#flushing
    if (wasWriting) await this.#flush()
    this.#sealer?.[Symbol.dispose]()
    this.#opener[Symbol.dispose]()
    const store = await this.#store
    await store?.close().catch(() => undefined)
  }

  async #load(): Promise<void> {
    const store = await this.#store
    if (store === undefined) return
    let [restored, locked, unreadable] = [0, 0, 0]
    try {
      for await (const { number, bytes } of store.pages()) {
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
    try {
      while (await this.#writePage(store)) {
        // One page at a time; the loop turns in between.
      }
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
    await store.put(++this.#number, sealed)
    this.#cursor = page.next
    this.#writtenBytes += sealed.length
    if (!page.isLast) return true
    if (this.#obsolete > 0) {
      await store.dropThrough(this.#obsolete)
      this.#obsolete = 0
      this.#wholeBytes = this.#writtenBytes
    } else if (this.#writtenBytes > 2 * this.#wholeBytes + slackBytes) {
      this.#beginAnew()
      return true
    }
    return false
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
    await store.clear().then(
      () => {
        this.#obsolete = 0
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

/** Keys of a network live in the memory of its members: what all of them left behind on disks nobody opens again. */
function wordsOf({
  locked,
  unreadable,
}: Readonly<Record<'locked' | 'unreadable', number>>): string {
  if (unreadable > 0) return 'part of the cache is unreadable and is synced instead'
  if (locked > 0) return 'part of the cache is sealed under keys that no member holds any more'
  return 'the cache was read'
}
