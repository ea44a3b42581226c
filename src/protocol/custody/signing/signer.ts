/**
 * A signer: it keeps nonces for whoever asks, gives a lock to the first message that comes for it, and signs.
 *
 * Two promises, kept by order alone. A pair of nonces leaves the store before it is used, so it is used once, whatever
 * happens after. And no signature share leaves before the lock is kept here and at enough others for it to outlive
 * this epoch: so of two messages under one lock, one at most is ever signed.
 */
import { type NodeId, nodeIdOfKey } from '../../../base/ids.ts'
import type { Random } from '../../../base/random.ts'
import type { Instant } from '../../../base/time.ts'
import { drawNonces, signShare } from '../../../crypto/frost.ts'
import type { Codec } from '../../../wire/schema.ts'
import {
  readable,
  requestDigest,
  type SigningStatement,
  type StatementKind,
} from '../../../wire/signing-statement.ts'
import {
  lockId,
  lockRequestCodec,
  lockVoteCodec,
  messageHash,
  nonceOfferCodec,
  nonceRequestCodec,
  type SigningRefusalCode,
  type SignRequestBody,
  signatureShareCodec,
  signingRefusalCodec,
  signRequestCodec,
} from '../../../wire/threshold-signing.ts'
import type { Machine } from '../../machine.ts'
import type { KeyShare } from './key-share.ts'
import { NonceStore } from './nonce-store.ts'
import { hear, type Send, say, sendTo } from './statements.ts'
import { isLockKept } from './votes.ts'

/** Give every statement about this group; it speaks for whoever signed it, and the answer goes to them. */
export type SignerInput = { readonly kind: 'heard'; readonly bytes: Uint8Array }

export type SignerEffect =
  | Send
  /** A lock is given to a message, for ever; so many are given now. */
  | { readonly kind: 'locked'; readonly given: number }
  /** A share of a signature left for who asked; for the record. */
  | { readonly kind: 'contributed'; readonly asker: NodeId; readonly request: Uint8Array }
  | { readonly kind: 'refused'; readonly asker: NodeId; readonly code: SigningRefusalCode }

/** What somebody wants to have signed. */
export interface SigningAsked {
  readonly asker: NodeId
  readonly message: Uint8Array
  /** `null` in a group without locks. */
  readonly lockKey: Uint8Array | null
}

export interface SignerPorts {
  readonly random: Random
  /** Ed25519 by the identity key that the share belongs to. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** Whether policy lets this be signed: asked before a lock is given and again before a share leaves. */
  readonly permits: (asked: SigningAsked) => boolean
}

export class Signer implements Machine<SignerInput, SignerEffect> {
  readonly #ports: SignerPorts
  readonly #share: KeyShare
  readonly #identity: Uint8Array
  readonly #nonces = new NonceStore()

  /** Signs with `share`, which a ceremony may take away from it by giving its epoch up. */
  constructor(ports: SignerPorts, share: KeyShare) {
    this.#ports = ports
    this.#share = share
    this.#identity = share.group.participants[share.index - 1]?.identity ?? new Uint8Array(32)
  }

  step(input: SignerInput, _now: Instant): readonly SignerEffect[] {
    const { network, epoch } = this.#share.group
    const about = { network, epoch, subject: this.#share.id }
    const said = hear(input.bytes, about, () => true)
    if (said === undefined) return []
    if (said.kind === 'nonce-request') return this.#offer(said)
    if (said.kind === 'lock-request') return this.#vote(said)
    return said.kind === 'sign-request' ? this.#sign(said) : []
  }

  /** A signer only answers. */
  wakeAt(): null {
    return null
  }

  /** Wipes the share and all nonces. Nothing may be fed after. */
  [Symbol.dispose](): void {
    this.#nonces.clear()
    this.#share[Symbol.dispose]()
  }

  #offer(said: SigningStatement): readonly SignerEffect[] {
    const body = readable(nonceRequestCodec, said.body)
    if (body === undefined) return this.#refuse(said, 'REQUEST_MALFORMED')
    if (!this.#isLive()) return this.#refuse(said, 'EPOCH_ENDED')
    const commitments = Array.from({ length: body.count }, () => {
      const { suite } = this.#share.group
      const nonces = this.#share.use(share => drawNonces(suite, share, this.#ports.random))
      this.#nonces.keep(said.sender, nonces)
      return nonces.commitment
    })
    return [this.#answer(said, 'nonce-offer', nonceOfferCodec, { commitments })]
  }

  #vote(said: SigningStatement): readonly SignerEffect[] {
    const { group } = this.#share
    const body = readable(lockRequestCodec, said.body)
    if (body === undefined || !group.locks) return this.#refuse(said, 'REQUEST_MALFORMED')
    if (!this.#isLive()) return this.#refuse(said, 'EPOCH_ENDED')
    if (!this.#isPermitted(said, body)) return this.#refuse(said, 'NOT_PERMITTED')
    const kept = { lock: lockId(group, body.lockKey), message: messageHash(body.message) }
    const taken = this.#take(kept)
    if (typeof taken === 'string') return this.#refuse(said, taken)
    return [...taken, this.#answer(said, 'lock-vote', lockVoteCodec, kept)]
  }

  /** Gives the lock to the message, or says why it cannot have it. */
  #take(kept: { readonly lock: Uint8Array; readonly message: Uint8Array }) {
    const { locks } = this.#share
    const before = locks.size
    const taken = locks.take(kept.lock, kept.message)
    if (taken === 'full') return 'LOCKS_FULL' as const
    if (taken === 'held-by-another') return 'LOCKED_OTHERWISE' as const
    return locks.size > before ? [{ kind: 'locked' as const, given: locks.size }] : []
  }

  #sign(said: SigningStatement): readonly SignerEffect[] {
    const body = readable(signRequestCodec, said.body)
    const own = body?.commitments.find(({ index }) => index === this.#share.index)
    if (body === undefined || own === undefined || !this.#isWellFormed(body)) {
      return this.#refuse(said, 'REQUEST_MALFORMED')
    }
    if (!this.#isLive()) return this.#refuse(said, 'EPOCH_ENDED')
    if (!this.#nonces.has(said.sender, own)) return this.#refuse(said, 'NONCE_UNKNOWN')
    if (!this.#isPermitted(said, body)) return this.#refuse(said, 'NOT_PERMITTED')
    const locked = this.#lockFor(body)
    if (typeof locked === 'string') return this.#refuse(said, locked)
    const nonces = this.#nonces.take(said.sender, own)
    if (nonces === undefined) return this.#refuse(said, 'NONCE_UNKNOWN')
    const { group, index } = this.#share
    const made = this.#share.use(share => signShare(group, { index, share, nonces }, body))
    if (made === undefined) return this.#refuse(said, 'REQUEST_MALFORMED')
    const request = requestDigest(said.body)
    const answer = this.#answer(said, 'signature-share', signatureShareCodec, {
      request,
      share: made,
    })
    const asker = nodeIdOfKey(said.sender)
    return [...locked, { kind: 'contributed', asker, request }, answer]
  }

  /** The lock is kept by enough others, and from now on here; or why not. */
  #lockFor(body: SignRequestBody) {
    const { group } = this.#share
    if (!group.locks) return []
    if (body.lockKey === null) return 'LOCK_WANTED' as const
    const kept = { lock: lockId(group, body.lockKey), message: messageHash(body.message) }
    if (!isLockKept(this.#share, kept, body.votes)) return 'LOCK_UNPROVEN' as const
    return this.#take(kept)
  }

  /** Enough signers of the group, each once and in order. */
  #isWellFormed({ commitments }: SignRequestBody): boolean {
    const { threshold, participants } = this.#share.group
    if (commitments.length < threshold) return false
    return commitments.every(
      (commitment, i) =>
        commitment.index > (commitments[i - 1]?.index ?? 0) &&
        commitment.index <= participants.length,
    )
  }

  /** Whether the epoch goes on; if not, what is left of it here is forgotten. */
  #isLive(): boolean {
    if (!this.#share.isLive) this.#nonces.clear()
    return this.#share.isLive
  }

  #isPermitted(said: SigningStatement, asked: Omit<SigningAsked, 'asker'>): boolean {
    const { message, lockKey } = asked
    return this.#ports.permits({ asker: nodeIdOfKey(said.sender), message, lockKey })
  }

  #answer<T extends object>(
    said: SigningStatement,
    kind: StatementKind,
    codec: Codec<T>,
    body: T,
  ): Send {
    const { network, epoch } = this.#share.group
    const about = { network, epoch, subject: this.#share.id, session: said.session }
    const speaker = { identity: this.#identity, sign: this.#ports.sign }
    return sendTo(said.sender, say(speaker, about, { kind, body: codec.encode(body) }))
  }

  #refuse(said: SigningStatement, code: SigningRefusalCode): readonly SignerEffect[] {
    const request = requestDigest(said.body)
    return [
      { kind: 'refused', asker: nodeIdOfKey(said.sender), code },
      this.#answer(said, 'signing-refusal', signingRefusalCodec, { request, code }),
    ]
  }
}
