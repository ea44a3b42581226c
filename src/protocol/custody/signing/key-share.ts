/**
 * One share of a group's key, and what its owner promised with it.
 *
 * It belongs to the identity that made it, lives in memory and dies with it: nothing here is ever written. A restart
 * is another identity, without a share; resharing gives it one of a later epoch.
 */

import { equalBytes } from '../../../base/bytes.ts'
import { assert } from '../../../base/errors.ts'
import type { Secret } from '../../../base/secret.ts'
import { holdsShare } from '../../../crypto/frost-dealing.ts'
import { groupId, type SigningGroup } from '../../../wire/signing-group.ts'
import { LockTable } from './lock-table.ts'

export class KeyShare {
  readonly group: SigningGroup
  /** Group id, 32 bytes. */
  readonly id: Uint8Array
  /** This signer's place, from 1 on. */
  readonly index: number
  readonly locks: LockTable
  readonly #share: Secret
  #successor: Uint8Array | undefined

  /** Takes ownership of `share`, which belongs to `identity`. */
  constructor(
    own: { readonly group: SigningGroup; readonly identity: Uint8Array; readonly share: Secret },
    locks: LockTable = new LockTable(),
  ) {
    const { group, identity, share } = own
    this.group = group
    this.id = groupId(group)
    this.index = indexOf(group, identity)
    this.locks = locks
    this.#share = share
    const point = group.verificationShares[this.index - 1]
    assert(
      point !== undefined && holdsShare(group.suite, share, point),
      'a share belongs to the identity that made it',
    )
  }

  /** Group id of the successor that this epoch was given up for. */
  get successor(): Uint8Array | undefined {
    return this.#successor
  }

  /** Whether this signer may still vote and sign. */
  get isLive(): boolean {
    return this.#successor === undefined
  }

  /** Lends the share; never after this epoch was given up. */
  use<T>(action: (share: Secret) => T): T {
    assert(this.isLive, 'a share of an epoch that was given up is never used')
    return action(this.#share)
  }

  /**
   * Gives this epoch up for one successor: from now on nothing is voted or signed with it, and the locks never
   * change again. Returns whether it is given up for this one: a second successor gets nothing, and none does if the
   * locks cannot be handed over, because a key without its locks would be lost.
   */
  giveUpFor(successor: Uint8Array): boolean {
    if (this.#successor !== undefined) return equalBytes(this.#successor, successor)
    if (!this.locks.isPortable) return false
    this.#successor = successor
    this.#share[Symbol.dispose]()
    return true
  }

  [Symbol.dispose](): void {
    this.#share[Symbol.dispose]()
  }
}

/** The place of an identity in a group, from 1 on; 0 if it is not in it. */
export function indexOf(
  group: { readonly participants: readonly { readonly identity: Uint8Array }[] },
  identity: Uint8Array,
): number {
  return group.participants.findIndex(each => equalBytes(each.identity, identity)) + 1
}
