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
