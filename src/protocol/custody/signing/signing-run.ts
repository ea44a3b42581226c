/** One request on its way to a signature: votes, sets of signers one after the other, and what kept whom. */
import { toHex } from '../../../base/bytes.ts'
import type { Instant } from '../../../base/time.ts'
import { aggregateShares, verifyGroupSignature } from '../../../crypto/frost.ts'
import type { SigningGroup } from '../../../wire/signing-group.ts'
import type { SigningStatement } from '../../../wire/signing-statement.ts'
import {
  type LockVoteBody,
  lockId,
  messageHash,
  type SigningRefusalCode,
  type SignRequestBody,
} from '../../../wire/threshold-signing.ts'
import type { NotSignedCode } from './coordinator-types.ts'

/** One set of signers, asked for their shares. */
export interface Attempt {
  readonly asked: SigningStatement
  readonly body: SignRequestBody
  /** Of the body, in hexadecimal. */
  readonly digest: string
  readonly until: Instant
  /** Shares by index, as they came: whether each holds is asked only if their sum does not. */
  readonly answers: Map<number, { readonly said: SigningStatement; readonly share: Uint8Array }>
}

export class SigningRun {
  readonly request: number
  readonly message: Uint8Array
  readonly lockKey: Uint8Array | null
  readonly session: Uint8Array
  readonly deadline: Instant
  /** What a vote for this run says; `undefined` in a group without locks. */
  readonly kept: LockVoteBody | undefined
  /** By index: statements that keep the lock. */
  readonly votes = new Map<number, Uint8Array>()
  attempt: Attempt | undefined
  askAgainAt: Instant
  readonly #group: SigningGroup
  /** By index: why a signer is out of it. */
  readonly #out = new Map<number, SigningRefusalCode>()
  /** By index: how often a signer let a set wait in vain since its last good share; of all runs of a group. */
  readonly #late: Map<number, number>

  constructor(
    group: SigningGroup,
    wanted: Pick<
      SigningRun,
      'request' | 'message' | 'lockKey' | 'session' | 'deadline' | 'askAgainAt'
    >,
    late: Map<number, number>,
  ) {
    this.#group = group
    this.#late = late
    this.request = wanted.request
    this.message = wanted.message
    this.lockKey = wanted.lockKey
    this.session = wanted.session
    this.deadline = wanted.deadline
    this.askAgainAt = wanted.askAgainAt
    if (wanted.lockKey !== null) {
      this.kept = { lock: lockId(group, wanted.lockKey), message: messageHash(wanted.message) }
    }
  }

  /** A signer is out of this request. */
  exclude(index: number, code: SigningRefusalCode): void {
    this.#out.set(index, code)
    this.endAttemptOf(index)
  }

  /** Ends the set that a signer is in: the others' nonces are spent with it. */
  endAttemptOf(index: number): void {
    if (this.attempt?.body.commitments.some(each => each.index === index)) this.attempt = undefined
  }

  /** Ends a set that waited too long, and remembers for whom. */
  giveUpAttempt(): void {
    for (const { index } of this.attempt?.body.commitments ?? []) {
      if (this.attempt?.answers.has(index) === true) continue
      this.#late.set(index, (this.#late.get(index) ?? 0) + 1)
    }
    this.attempt = undefined
  }

  /** Signers who may still take part, those who are not late first. */
  candidates(all: readonly number[]): readonly number[] {
    const lateness = (index: number): number => this.#late.get(index) ?? 0
    return all
      .filter(index => !this.#out.has(index))
      .toSorted((left, right) => lateness(left) - lateness(right) || left - right)
  }

  /**
   * The signature, once every signer of the set gave its share; `'flawed'` if they make none that holds: a share is false, or the record
   * of the group is not one of a key, and whoever handed it out made it up.
   */
  signature(): Uint8Array | 'flawed' | undefined {
    const { attempt } = this
    if (attempt === undefined) return undefined
    const shares = attempt.body.commitments.flatMap(
      ({ index }) => attempt.answers.get(index)?.share ?? [],
    )
    if (shares.length < attempt.body.commitments.length) return undefined
    const signature = aggregateShares(this.#group, attempt.body, shares)
    // As strictly as whoever it is for: the equation of RFC 9591 forgives more than Solana does.
    const holds =
      signature !== undefined && verifyGroupSignature(this.#group, this.message, signature)
    return holds ? signature : 'flawed'
  }

  /** What kept too many from signing, the hardest first. */
  get hindrance(): NotSignedCode {
    const codes = [...this.#out.values()]
    const found = hardest.find(code => codes.includes(code))
    return found ?? 'NOT_ENOUGH_SIGNERS'
  }

  get refusals(): number {
    return this.#out.size
  }

  isVoteFor(body: LockVoteBody): boolean {
    const { kept } = this
    if (kept === undefined) return false
    return toHex(kept.lock) === toHex(body.lock) && toHex(kept.message) === toHex(body.message)
  }
}

const hardest = [
  'EPOCH_ENDED',
  'LOCKED_OTHERWISE',
  'LOCKS_FULL',
  'NOT_PERMITTED',
  'LOCK_WANTED',
  'LOCK_UNPROVEN',
  'REQUEST_MALFORMED',
] as const
