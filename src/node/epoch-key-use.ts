/** What becomes of the epoch keys that membership holds: who seals with them, salts with them and waits for them. */
import type { Digest, NodeId } from '../base/ids.ts'
import { minutes } from '../base/time.ts'
import type { Host } from '../host/port.ts'
import type { Membership } from '../protocol/membership/membership.ts'
import type { Replica } from '../protocol/replica/replica.ts'
import type { CommitSalts } from './commit-salts.ts'
import type { MembershipDriver } from './drivers/membership.ts'
import type { ReplicaDriver } from './drivers/replica.ts'
import type { Inbox } from './inbox.ts'
import type { Traffic } from './traffic.ts'

/** How often membership hears which commit keys entries still name; an unused one costs 32 bytes meanwhile. */
const commitKeySweep = minutes(1)

export interface EpochKeyUsers {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly membership: Membership
  readonly replica: Replica
  readonly salts: CommitSalts
  readonly traffic: Traffic
  readonly inbox: Inbox
  readonly membershipDriver: () => MembershipDriver
  readonly replicaDriver: () => ReplicaDriver
}

export class EpochKeyUse {
  readonly #users: EpochKeyUsers
  #commitKey: Digest | undefined
  #cancelSweep: () => void = () => undefined

  constructor(users: EpochKeyUsers) {
    this.#users = users
  }

  /** Begins to tell membership which commit keys must stay. */
  start(): void {
    const { host, membership, replica, membershipDriver } = this.#users
    if (membership.phase === 'active') {
      membershipDriver().feed({ kind: 'commitKeysNamed', ids: replica.commitKeysNamed() })
    }
    this.#cancelSweep = host.timers.after(commitKeySweep, () => this.start())
  }

  stop(): void {
    this.#cancelSweep()
  }

  changed(added: readonly Digest[], dropped: readonly Digest[]): void {
    const { host, membership, salts, traffic, inbox, replicaDriver } = this.#users
    traffic.keysChanged(dropped)
    for (const id of dropped) salts.forget(id)
    for (const id of added) {
      replicaDriver().feed({ kind: 'commitKeyLearned', id })
      inbox.release({ kind: 'key', id })
    }
    const chosen = membership.sealingKey('commit', host.clock.monotonic())?.id
    if (chosen === undefined || chosen === this.#commitKey) return
    this.#commitKey = chosen
    replicaDriver().feed({ kind: 'commitKeyChosen', id: chosen })
  }

  get hasTrafficKey(): boolean {
    const { host, membership } = this.#users
    return membership.sealingKey('traffic', host.clock.monotonic()) !== undefined
  }

  /** Asks `from` for a key that is not held here, if there is anybody to ask. */
  unknown(id: Digest, from: NodeId | undefined): void {
    if (from === undefined) return
    this.#users.membershipDriver().feed({ kind: 'unknownKey', id, from })
  }
}
