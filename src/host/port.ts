import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Secret } from '../base/secret.ts'
import type { Clock, Duration } from '../base/time.ts'
import type { EndorsementShelf } from './endorsements/port.ts'
import type { Admission, Net, NetHandlers } from './net/port.ts'
import type { PageStore } from './store/port.ts'
import type { Attester } from './tee/port.ts'

/** Alarms of the shell; the simulator's run on virtual time. */
export interface Timers {
  /** Runs `action` once after `span`; the returned function cancels and is idempotent. */
  after(span: Duration, action: () => void): () => void
}

/**
 * A small text that may survive a restart. The host reads, changes, drops and rolls back what is in it: it is a
 * hint, whose reader must lose nothing to any content.
 */
export interface HintStore {
  /** The text as far as there is one; bounded by the reader. */
  read(): string | undefined
  /** Replaces the text soon; a failure costs the hint and nothing else. */
  write(text: string): void
}

/** What a record begins on: the last file that was there, and what of it a crash had left half written. */
export interface FoundRecord {
  /** Of the last file, whole entries only; empty if there was none. */
  readonly lastFile: Uint8Array
  /** Bytes of an entry that was not whole: cut off. */
  readonly tornBytes: number
}

/** A file of the record that is the next to go. */
export interface OldestFile {
  readonly name: string
  readonly bytes: number
  /** Less of it if it is larger than any that is written here, and nothing if it cannot be read. */
  readonly content: Uint8Array
}

/**
 * Files that only grow, in order, one of them open at its end. The host can read, change and take away all of them: that is seen by whoever
 * verifies them, and by nobody here. Synchronous, so that what happened is with the system before anything comes of it.
 */
export interface AuditStore {
  /** Begins a new file behind those that are there. Called once, first. @throws {HostError} `AUDIT_NOT_WRITTEN`. */
  open(): FoundRecord
  /** Bytes of the open file. */
  readonly fileBytes: number
  /** Bytes of all files. */
  readonly bytes: number
  /** All bytes or none, and soon on the disk. @throws {HostError} `AUDIT_NOT_WRITTEN`. */
  append(bytes: Uint8Array): void
  /** Ends the open file and begins another. @throws {HostError} `AUDIT_NOT_WRITTEN`. */
  nextFile(): void
  /** The oldest file that is not open; `undefined` if there is none. */
  oldest(): OldestFile | undefined
  /** Takes that file away for good; it counts no more even if it stays. @throws {HostError} `AUDIT_NOT_WRITTEN`. */
  dropOldest(): void
  /** All files in order, each as it is, but not beyond the size of any that is written here. @throws {HostError} `AUDIT_UNREADABLE`. */
  files(): Promise<readonly Uint8Array[]>
  /** Everything is on the disk, and nothing is written any more. Idempotent. */
  close(): void
}

/** Everything outside that a node touches. */
export interface Host {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
  readonly attester: Attester
  /** What vendors say of hardware, as far as it is at hand; absent, nothing is. */
  readonly endorsements?: EndorsementShelf
  /**
   * Opens the pages on this host's disk; called once. `null`: the node keeps no cache.
   *
   * Rejects with a `HostError` of the store's port; the node then goes on without.
   */
  readonly openCache: (() => Promise<PageStore>) | null
  /** Where bans are kept over a restart; absent, they end with the process. */
  readonly hints?: HintStore
  /** Where the audit record is kept; absent, the node remembers the latest entries until it ends. */
  readonly audit?: AuditStore
  /** Opens the network for these keys; called once, before `start`. */
  openNet(options: {
    readonly admission: Admission
    readonly handlers: NetHandlers
    /** The identity seed and the Noise static private key, lent for the life of the net. */
    readonly identitySeed: Secret
    readonly noiseSecret: Secret
  }): Promise<Net>
  /** Ends what the host runs beside the net; called last by the node that stops. Idempotent. */
  release?(): void
}
