/**
 * The audit record of this node: what happened, in a chain that the node signs.
 *
 * It watches the host, and the host keeps it: whoever has the files can take them away or set them back, and cannot change what is in them
 * unseen. docs/spec/audit-record.md says what a record proves.
 */
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts'
import { HostError, ifReadable } from '../base/errors.ts'
import type { NetworkId } from '../base/ids.ts'
import { type Duration, seconds } from '../base/time.ts'
import type { AuditStore, Host, OldestFile } from '../host/port.ts'
import { AuditChain, type Facts, type SigningReason } from '../protocol/audit/chain.ts'
import { auditCauseOf, ownKinds } from '../protocol/audit/kinds.ts'
import {
  auditEntryCodec,
  auditFrame,
  auditFrames,
  auditHash,
  auditMagic,
} from '../wire/audit-entry.ts'
import type { AuditApi } from './audit-api.ts'
import { AuditBudget } from './audit-budget.ts'
import { AuditMemory } from './audit-memory.ts'
import type { StatusView } from './handle.ts'
import type { Identity } from './identity.ts'

/** How large one file and all of them become, in bytes: some 4,000 entries to the file, and 60,000 in all. */
const onDisk = { fileBytesMax: 1024 * 1024, bytesMax: 16 * 1024 * 1024 } as const
/** What a node without a disk remembers: some 4,000 entries. */
const inMemory = { fileBytesMax: 256 * 1024, bytesMax: 1024 * 1024 } as const
/** How long an entry may be without a signature over it. */
const signEvery: Duration = seconds(60)
/** Frames that wait for a disk that does not take them; beyond, the oldest are lost, and the gap shows. */
const pendingMax = 4_096
/** What happens before the record is open: a handful. */
const earlyMax = 256

export interface AuditRecordPorts {
  readonly host: Pick<Host, 'clock' | 'timers' | 'log' | 'audit'>
  readonly identity: Identity
  readonly network: NetworkId
  /** The members' clock, in milliseconds; `null` while this node does not know it. */
  readonly groupClock: () => number | null
  /** For tests; see `onDisk` and `inMemory`. */
  readonly sizes?: { readonly fileBytesMax: number; readonly bytesMax: number }
}

export class AuditRecord implements AuditApi {
  readonly #ports: AuditRecordPorts
  readonly #store: AuditStore
  readonly #sizes: { readonly fileBytesMax: number; readonly bytesMax: number }
  readonly #chain: AuditChain
  readonly #budget: AuditBudget
  /** What members were let in by, for those who read from the middle on. */
  readonly #members = new Map<string, Facts>()
  #life: 'new' | 'open' | 'closed' = 'new'
  #early: (() => void)[] = []
  #pending: Uint8Array[] = []
  #trouble: HostError | undefined
  #isTurning = false
  #carriedBytes = 0
  #cancelSigning: (() => void) | undefined

  constructor(ports: AuditRecordPorts) {
    const { host, identity, network } = ports
    this.#ports = ports
    this.#store = host.audit ?? new AuditMemory()
    this.#sizes = ports.sizes ?? (host.audit === undefined ? inMemory : onDisk)
    this.#budget = new AuditBudget(host.clock)
    this.#chain = new AuditChain({ network, node: identity.node }, message =>
      identity.signing.sign(message),
    )
  }

  /** Why what happens does not reach the disk; `undefined` while it does. */
  get trouble(): StatusView['warnings'][number] | undefined {
    return this.#trouble && { code: this.#trouble.code, text: this.#trouble.message }
  }

  /** Begins the chain of this node, behind what earlier nodes left here. */
  open(): void {
    if (this.#life !== 'new') return
    this.#life = 'open'
    const found = this.#found()
    const { identity, network } = this.#ports
    this.#append(ownKinds.opened, { node: identity.node, network, ...found })
    // Boots that end early fill no file, and each leaves one.
    this.#turning(() => this.#dropBeyond())
    const early = this.#early
    this.#early = []
    for (const note of early) note()
  }

  /** Takes what belongs into the record out of all that happens. */
  note(kind: string, facts: Facts): void {
    const cause = auditCauseOf(kind)
    if (cause === undefined || this.#life === 'closed') return
    if (this.#life === 'new') {
      if (this.#early.length < earlyMax) this.#early.push(() => this.note(kind, facts))
      return
    }
    this.#remember(kind, facts)
    if (!this.#budget.spend(cause)) return this.#signSoon()
    this.#append(kind, facts)
  }

  async export(): Promise<Uint8Array> {
    const end = this.#life === 'open' ? this.#signHead('export') : undefined
    const waiting = this.#pending.slice()
    const read = (await this.#store.files()).flatMap(file => auditFrames(file)?.entries ?? [])
    const kept = read.map(auditFrame)
    // What waited may have reached the disk before it was read.
    const [first] = waiting
    const again = first === undefined ? -1 : kept.findIndex(frame => equalBytes(frame, first))
    const all = [...(again < 0 ? kept : kept.slice(0, again)), ...waiting]
    if (end === undefined) return concatBytes(auditMagic, ...all)
    const last = all.findLastIndex(frame => equalBytes(frame, end))
    // What came while the disk was read is for the next one who asks. A disk that does not give back what was written lacks more than the end.
    const before = last < 0 ? all : all.slice(0, last)
    return concatBytes(auditMagic, ...before, end)
  }

  /** Signs the end of the chain and closes the file. Idempotent. */
  stop(): void {
    this.#cancelSigning?.()
    try {
      if (this.#life === 'open') this.#signHead('stop')
    } finally {
      this.#life = 'closed'
      this.#store.close()
    }
  }

  /** What an earlier node wrote last, as it lies there: this node cannot know whether that was all. */
  #found(): Facts {
    try {
      const { lastFile, tornBytes } = this.#store.open()
      const last = auditFrames(lastFile)?.entries.at(-1)
      if (last === undefined) return { foundHash: '', tornBytes }
      const entry = ifReadable(() => auditEntryCodec.decode(last))
      const foundHash = toHex(auditHash(last))
      const foundSequence = entry?.sequence ?? null
      return { found: 'unproven', foundHash, foundSequence, tornBytes }
    } catch (error) {
      this.#failed(error)
      return { foundHash: '', tornBytes: 0 }
    }
  }

  #append(kind: string, facts: Facts): void {
    this.#write(this.#chain.append({ ...this.#when(), kind, facts }))
    this.#signSoon()
  }

  #signHead(reason: SigningReason): Uint8Array {
    this.#tellWithheld()
    const entry = this.#chain.signHead(this.#when(), reason)
    this.#write(entry)
    return auditFrame(entry)
  }

  #signSoon(): void {
    this.#cancelSigning ??= this.#ports.host.timers.after(signEvery, () => {
      this.#cancelSigning = undefined
      if (this.#life !== 'open') return
      this.#tellWithheld()
      if (this.#chain.isUnsigned) this.#signHead('interval')
      else this.#flush()
      // The disk is asked again, also while nothing happens.
      if (this.#pending.length > 0) this.#signSoon()
    })
  }

  #when(): { readonly at: number; readonly groupClock: number | null } {
    return { at: this.#ports.host.clock.wall(), groupClock: this.#ports.groupClock() }
  }

  #remember(kind: string, facts: Facts): void {
    const node = String(facts['node'] ?? '')
    if (kind === 'member-gone') this.#members.delete(node)
    if (kind === 'member-admitted' || kind === 'member-renewed') this.#members.set(node, facts)
  }

  #tellWithheld(): void {
    for (const { cause, count, since } of this.#budget.takeWithheld()) {
      this.#append(ownKinds.withheld, { cause, count, since: new Date(since).toISOString() })
      // Who came and went meanwhile is in none of the entries.
      if (cause === 'member') this.#carry()
    }
  }

  #carry(): void {
    this.#append(ownKinds.carried, { count: this.#members.size })
    for (const facts of this.#members.values()) this.#append(ownKinds.member, facts)
  }

  #write(entry: Uint8Array): void {
    this.#pending.push(auditFrame(entry))
    if (this.#pending.length > pendingMax) this.#pending.shift()
    this.#flush()
  }

  #flush(): void {
    try {
      for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
        this.#store.append(next)
        this.#pending.shift()
      }
      this.#trouble = undefined
      const { fileBytesMax } = this.#sizes
      if (this.#store.fileBytes - this.#carriedBytes >= fileBytesMax) this.#turn()
    } catch (error) {
      this.#failed(error)
    }
  }

  #turn(): void {
    this.#turning(() => {
      this.#store.nextFile()
      this.#dropBeyond()
      this.#carry()
      // Of a large network, this alone may be longer than a file should be.
      this.#carriedBytes = this.#store.fileBytes
    })
  }

  /** What is written meanwhile begins no further file. */
  #turning(turn: () => void): void {
    if (this.#isTurning) return
    this.#isTurning = true
    try {
      turn()
    } finally {
      this.#isTurning = false
    }
  }

  /** As many of the oldest files fewer as it takes: said first, so that no crash takes them away without a word. */
  #dropBeyond(): void {
    while (this.#store.bytes > this.#sizes.bytesMax) {
      const oldest = this.#store.oldest()
      if (oldest === undefined) break
      this.#append(ownKinds.dropped, droppedFacts(oldest))
      if (this.#pending.length > 0) break
      try {
        this.#store.dropOldest()
      } catch (error) {
        // It counts no more, and the next one goes at the next turn.
        this.#failed(error)
      }
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof HostError)) throw error
    if (this.#trouble === undefined) {
      this.#ports.host.log.error('the audit record is not written', { code: error.code })
    }
    this.#trouble = error
  }
}

/** A file that is not one of a record as a whole is named, for whoever wonders what lay there. */
function droppedFacts({ name, bytes, content }: OldestFile): Facts {
  const frames = auditFrames(content)
  const entries = frames?.entries ?? []
  const isWhole = frames?.rest === 'nothing' && content.length === bytes
  const common = { entries: entries.length, bytes, ...(isWhole ? {} : { file: name }) }
  const last = entries.at(-1)
  if (last === undefined) return common
  const entry = ifReadable(() => auditEntryCodec.decode(last))
  return { ...common, hash: toHex(auditHash(last)), through: entry?.sequence ?? null }
}
