/** The shares that a node holds, and the signers that answer with them; also those of epochs that ended, which say so. */
import { toHex } from '../../base/bytes.ts'
import { type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import type { Clock } from '../../base/time.ts'
import type { KeyShare } from '../../protocol/custody/signing/key-share.ts'
import {
  Signer,
  type SignerEffect,
  type SignerPorts,
  type SigningAsked,
} from '../../protocol/custody/signing/signer.ts'
import type { EventLog } from '../event-log.ts'

/** Shares held at once, each with its locks; of epochs that ended, as many more. */
const sharesMax = 64

export interface SignersPorts extends Omit<SignerPorts, 'permits'> {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly events: EventLog
  readonly send: (to: NodeId, statement: Uint8Array) => void
  readonly permits: (group: Digest, asked: SigningAsked) => boolean
}

export class Signers {
  readonly #ports: SignersPorts
  readonly #held = new Map<Digest, { readonly share: KeyShare; readonly signer: Signer }>()

  constructor(ports: SignersPorts) {
    this.#ports = ports
  }

  /** Whether so many more shares find room. */
  hasRoom(shares: number): boolean {
    const live = [...this.#held.values()].filter(({ share }) => share.isLive).length
    return live + shares <= sharesMax
  }

  liveShare(group: Digest): KeyShare | undefined {
    const share = this.#held.get(group)?.share
    return share?.isLive === true ? share : undefined
  }

  /** Takes a share over and signs with it from now on. */
  adopt(share: KeyShare): void {
    const id = digestOf(share.id)
    const permits = (asked: SigningAsked): boolean => this.#ports.permits(id, asked)
    this.#held.set(id, { share, signer: new Signer({ ...this.#ports, permits }, share) })
    const ended = [...this.#held].filter(([, held]) => !held.share.isLive)
    for (const [old, { signer }] of ended.slice(0, Math.max(0, ended.length - sharesMax))) {
      signer[Symbol.dispose]()
      this.#held.delete(old)
    }
  }

  has(group: Digest): boolean {
    return this.#held.has(group)
  }

  hear(group: Digest, bytes: Uint8Array): void {
    const held = this.#held.get(group)
    if (held === undefined) return
    const now = this.#ports.clock.monotonic()
    for (const effect of held.signer.step({ kind: 'heard', bytes }, now)) {
      this.#apply(group, held.share, effect)
    }
  }

  stop(): void {
    for (const { signer } of this.#held.values()) signer[Symbol.dispose]()
    this.#held.clear()
  }

  #apply(group: Digest, { group: { suite, epoch } }: KeyShare, effect: SignerEffect): void {
    const { events, send } = this.#ports
    const about = { group, suite, epoch }
    if (effect.kind === 'send') return send(effect.to, effect.bytes)
    // The host reads what is noted: nothing from which it could guess what was signed, or under which lock.
    if (effect.kind === 'locked') {
      const facts = { ...about, given: effect.given }
      return events.noteSome('signing-locked', 'a lock is given to a message, for ever', facts)
    }
    // What is refused is told to who asked; noted, it would let anybody fill the log.
    if (effect.kind === 'refused') return
    const facts = { ...about, request: toHex(effect.request), asker: effect.asker }
    events.noteSome('signing-made', 'a share of a signature left for who asked', facts)
  }
}
