/** What the parts of one replica share: the map and all that must change with it. */
import { utf8 } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import { after, type Duration, type Instant, milliseconds, seconds } from '../../base/time.ts'
import type { EntryView } from '../../wire/entry.ts'
import type { InstanceUsage } from '../../wire/sync.ts'
import { ClockAdoption } from './clock-adoption.ts'
import { rowFlag } from './columns.ts'
import { Commitment } from './commitment.ts'
import { isSignedByOwner } from './entry-hash.ts'
import { GroupClock, HybridClock, maxDriftDefault } from './group-clock.ts'
import { Hold } from './hold.ts'
import { EntryMap } from './lattice.ts'
import { Marks } from './marks.ts'
import { Outbox } from './outbox.ts'
import { Past } from './past.ts'
import { eraseAhead, eraseBreaches, pruneBelow } from './prune.ts'
import { Quota } from './quota.ts'
import type { ByteRun } from './slab.ts'
import { ToldShares } from './told-shares.ts'
import type {
  ReplicaChange,
  ReplicaMember,
  ReplicaOptions,
  ReplicaPorts,
  StateRules,
} from './types.ts'
import { WatchLog } from './watch-log.ts'
import { Witnesses } from './witnesses.ts'
import { WriteRules } from './write-rules.ts'

/** `ReplicaOptions` with every default in place. */
export type Settings = Required<ReplicaOptions>

export function settingsOf(options: ReplicaOptions): Settings {
  return {
    maxDrift: maxDriftDefault,
    ackTimeout: seconds(10),
    readyTimeout: seconds(10),
    syncInterval: seconds(30),
    outboxEntriesMax: 8192,
    waitingWritesMax: 1024,
    watchEventsMax: 16_384,
    ...options,
  }
}

export class Core {
  readonly settings: Settings
  readonly ports: ReplicaPorts
  readonly self: NodeId
  readonly map: EntryMap
  readonly commitment: Commitment
  readonly clock = new GroupClock()
  readonly hybrid = new HybridClock()
  readonly adoption = new ClockAdoption()
  readonly marks = new Marks()
  readonly witnesses = new Witnesses()
  readonly hold = new Hold()
  readonly outbox: Outbox
  readonly watch: WatchLog
  readonly quota: Quota
  readonly past: Past
  readonly shares = new ToldShares()
  rules: WriteRules
  #publicPrefixes: readonly Uint8Array[]
  #maxDrift: Duration
  #prunedTo = 0
  /** Who departed unseen has no mark of its own for what is refused: nothing is told of any of them then. */
  #hasRefusedDeparted = false
  #dropped: number[] = []
  /** The active members but this node, and where they run. */
  #active: ReadonlyMap<NodeId, string> = new Map()
  /** The instances they run on. */
  activeInstances: ReadonlySet<string> = new Set()

  constructor(ports: ReplicaPorts, settings: Settings) {
    this.ports = ports
    this.settings = settings
    this.#maxDrift = settings.maxDrift
    this.self = settings.self
    this.outbox = new Outbox(settings.outboxEntriesMax)
    this.watch = new WatchLog(settings.watchEventsMax)
    const { write, publicPrefixes, quota } = settings.rules
    this.rules = new WriteRules(write)
    this.#publicPrefixes = publicPrefixes.map(utf8)
    let commitment: Commitment | undefined
    let accounts: Quota | undefined
    let past: Past | undefined
    const pastPorts = {
      salt: ports.commitSalt,
      leafOf: (row: number) => this.commitment.leafOf(row),
      isUnpublished: (row: number) => this.outbox.has(row),
      isGenuine: (entry: EntryView) => isSignedByOwner(settings.network, entry, this.map),
    }
    this.map = new EntryMap({
      self: settings.self,
      seed: ports.random.bytes(8),
      isPublic: key => this.#publicPrefixes.some(prefix => startsWith(key, prefix)),
      listeners: map => {
        commitment = new Commitment(map, ports.commitSalt)
        const outbox = { changed() {}, erasing: (row: number) => this.#drop(row) }
        accounts = new Quota(map, quota)
        past = new Past(map, pastPorts)
        // The past asks the outbox, so it comes before the row leaves it.
        return [past, commitment, outbox, accounts]
      },
    })
    this.commitment = commitment ?? new Commitment(this.map, ports.commitSalt)
    this.past = past ?? new Past(this.map, pastPorts)
    this.quota = accounts ?? new Quota(this.map, quota)
  }

  /** Another manifest is in force: what is held is judged anew. */
  changeRules({ write, publicPrefixes, quota, maxDrift }: StateRules): void {
    this.#maxDrift = maxDrift ?? this.#maxDrift
    this.rules = new WriteRules(write)
    this.#publicPrefixes = publicPrefixes.map(utf8)
    this.quota.change(quota)
    this.commitment.reclassify()
    this.past.lose()
    eraseBreaches(this.map, this.rules)
    this.makeRoom()
    // What is gone has no change to show, and rows may come back as other keys.
    this.watch.restart()
  }

  /** The roster changed: who left it is forgotten, as far as no entry names it. */
  membersChanged(members: readonly ReplicaMember[]): void {
    this.marks.keep(new Set(members.map(({ node }) => node)))
    this.clock.keep(new Set(members.map(({ instance }) => instance)))
    this.quota.membersChanged(members)
    this.makeRoom()
    this.#active = new Map(
      members
        .filter(({ node, phase }) => node !== this.self && phase === 'active')
        .map(({ node, instance }) => [node, instance]),
    )
    this.shares.keep(this.#active)
    this.activeInstances = new Set(this.#active.values())
    this.marks.needVoices(this.activeInstances.size < 2 ? 1 : 2)
  }

  /** Whether `node` is another active member. */
  isActive(node: NodeId): boolean {
    return this.#active.has(node)
  }

  /** Where another active member runs. */
  instanceOf(node: NodeId): string | undefined {
    return this.#active.get(node)
  }

  /** Whether what third members claim to have merged counts as seen here: not while a first liar may be all that was met. */
  get isConfirmed(): boolean {
    return this.witnesses.isConfirmed(this.activeInstances)
  }

  /** Whether a pull makes sense: without a time nothing could be merged, unless its answerer is the one to tell it. */
  get mayPull(): boolean {
    return this.clock.isSet || this.activeInstances.size === 1
  }

  /** An active member says what the time is: a joiner's clock starts by it, or is set right. */
  timeTold(node: NodeId, value: number, now: Instant): void {
    const instance = this.#active.get(node)
    if (instance === undefined || this.adoption.isSettled) return
    this.adoption.heard(instance, value, now)
    const active = this.activeInstances
    const agreed = this.adoption.agreed(active, this.#maxDrift, now)
    if (agreed === undefined) return
    this.clock.start(agreed, now)
    if (active.size < 2) return
    this.adoption.settle()
    if (Math.abs((this.clock.read(now) ?? 0) - agreed) <= this.#maxDrift) return
    this.clock.correct(agreed, now)
    // What was stamped by the wrong time is in nobody's root: no member that is right has merged it.
    this.hybrid.restart(agreed)
    this.watch.forget(eraseAhead(this.map, this.mergeableMs(now)))
    this.past.restart()
    this.pruneAgain()
  }

  /** `node`, all of whose state is merged here, counts so much for this node's instance, this node aside. */
  usageTold(node: NodeId, told: InstanceUsage | undefined): void {
    if (told === undefined) return
    const own = this.quota.usageBeside(this.self)
    this.shares.told(node, { told, own }, this.#active)
  }

  /** Erases what its author's instance has no room for any more. */
  makeRoom(): void {
    if (!this.quota.isOverdue) return
    const gone = new Set<number>()
    for (const row of this.quota.overdue()) {
      const keyRow = this.map.cells.keyRowOf(row)
      const { author, sequence } = this.map.cells.columns
      this.refused(author.at(row), sequence[row] ?? 0)
      this.map.erase(row)
      if (!this.map.cells.has(keyRow, rowFlag.isTaken)) gone.add(keyRow)
    }
    if (gone.size > 0) this.watch.forget(gone)
  }

  /** An entry of that author, by its number, had no room or gave way. */
  refused(author: number, sequence: number): void {
    const node = this.map.author(author)
    if (node === this.self) return
    if (this.quota.knows(node)) this.marks.refused(node, sequence)
    else this.#hasRefusedDeparted = true
  }

  /** Whether this node may say what it has seen of `author`: not if it may have refused some of it. */
  canTellOf(author: NodeId): boolean {
    return !this.#hasRefusedDeparted || this.quota.knows(author)
  }

  /** Takes out the rows of own writes that were erased before they were published: nobody else will ever hold them. */
  takeDropped(): readonly number[] {
    if (this.#dropped.length === 0) return this.#dropped
    const dropped = this.#dropped
    this.#dropped = []
    return dropped
  }

  #drop(row: number): void {
    if (!this.outbox.has(row)) return
    this.outbox.forget(row)
    this.#dropped.push(row)
  }

  /** The latest time a stamp may carry to be merged now: the one rule of gossip and sync. */
  mergeableMs(now: Instant): number {
    return (this.clock.read(now) ?? 0) + this.#maxDrift
  }

  /** As `ReplicaQueries.changesAfter`. */
  changesAfter(query: {
    readonly cursor: number
    readonly prefix: string
    readonly limit: number
  }): { readonly changes: readonly ReplicaChange[]; readonly cursor: number } | undefined {
    const { watch, map } = this
    if (!watch.holds(query.cursor)) return undefined
    const changes: ReplicaChange[] = []
    let { cursor } = query
    while (cursor < watch.head && changes.length < query.limit) {
      const keyRow = watch.keyRowOf(++cursor)
      const key = map.cells.keyText(keyRow)
      if (!key.startsWith(query.prefix)) continue
      changes.push({ cursor, key, entry: map.show(keyRow) ?? null })
    }
    return { changes, cursor }
  }

  /** Names of authors and keys that came with entries that did not stay: asked for before more come. */
  sweepNames(): void {
    this.map.authors.sweepIfIdle()
    this.map.commitKeys.sweepIfIdle()
  }

  /** Prunes when the floor has moved. */
  prune(now: Instant): void {
    const floor = this.clock.floor(now) ?? 0
    if (floor <= this.#prunedTo) return
    this.#prunedTo = floor
    this.watch.forget(pruneBelow(this.map, floor))
  }

  /** No member's floor is above this, unless its clock is out of bounds. */
  latestFloor(now: Instant): number {
    return this.clock.floor(after(now, this.#maxDrift)) ?? 0
  }

  /** The next `prune` looks again, though the floor has not moved. */
  pruneAgain(): void {
    this.#prunedTo = -1
  }

  /** When stamps `ms` become mergeable, at the latest: the group clock runs at least 1 % slow. */
  instantOf(ms: number, now: Instant): Instant {
    const missing = Math.max(0, ms - this.mergeableMs(now))
    return after(now, milliseconds(missing * 1.02 + 1))
  }
}

function startsWith(key: ByteRun, prefix: Uint8Array): boolean {
  if (key.end - key.start < prefix.length) return false
  return prefix.every((byte, i) => key.bytes[key.start + i] === byte)
}
