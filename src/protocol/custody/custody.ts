/**
 * Custody: how one key that no person and no machine holds alone comes to live in a node.
 *
 * It is made once, in an enclave that forgets it (genesis); holders bring it to a node share by share (standard boot), and from there
 * nodes hand it on to each other (forwarding). Nothing of it is ever written: with the last node that holds it, it is with the holders
 * alone again. The phase table says what may happen when; this file routes what happens to the parts that know how.
 */
import {
  type CustodyEnvelope,
  encodeCustodyEnvelope,
  parseCustodyEnvelope,
} from '../../attestation/custody/approvals.ts'
import { custodyManifestHash } from '../../attestation/custody/custody-manifest.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { equalBytes } from '../../base/bytes.ts'
import { CoterieError, ifReadable, unreachable } from '../../base/errors.ts'
import { bytesOfDigest, type Digest } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import type { QuorumKeys } from '../../crypto/quorum-keys.ts'
import {
  custodyManifestAnswerCodec,
  custodyManifestRequestCodec,
  streamEnvelopeBytesMax,
} from '../../wire/custody.ts'
import type { Machine } from '../machine.ts'
import { Asking } from './asking.ts'
import { BootQuotes } from './boot-quotes.ts'
import { Core } from './core.ts'
import { Exports } from './forward.ts'
import { Genesis } from './genesis.ts'
import type { CustodyPhase } from './phase.ts'
import { PivotWatch } from './pivot.ts'
import { receivedKeys } from './reception.ts'
import { type CustodyRefusal, refusal, unreadable } from './refusals.ts'
import { Shares } from './shares.ts'
import { Standing } from './standing.ts'
import type {
  CustodyEffect,
  CustodyInput,
  CustodyOptions,
  CustodyPorts,
  CustodyRequest,
  Progress,
} from './types.ts'

type Asked = Extract<CustodyInput, { kind: 'asked' }>
type Request<K extends CustodyRequest['kind']> = Extract<CustodyRequest, { kind: K }>

/** Where custody stands, for people. */
export interface CustodyView {
  readonly phase: CustodyPhase
  readonly manifest: Digest | null
  readonly namespace: { readonly name: string; readonly nonce: number } | null
  /** 130 bytes in hexadecimal. */
  readonly quorumKey: string | null
  /** Of the manifest set. */
  readonly approvals: Progress | null
  /** Shares at hand, while they are waited for. */
  readonly shares: Progress | null
}

export class Custody implements Machine<CustodyInput, CustodyEffect> {
  readonly #core: Core
  readonly #genesis: Genesis
  readonly #quotes: BootQuotes
  readonly #shares: Shares
  readonly #exports: Exports
  readonly #pivot: PivotWatch
  readonly #asking: Asking
  #keys: QuorumKeys | null = null

  constructor(ports: CustodyPorts, options: CustodyOptions) {
    const onKey = (keys: QuorumKeys): void => this.#hold(keys)
    this.#core = new Core(ports, options)
    this.#genesis = new Genesis(this.#core)
    this.#quotes = new BootQuotes(this.#core)
    this.#shares = new Shares(this.#core, onKey)
    this.#exports = new Exports(this.#core, () => this.#keys)
    this.#pivot = new PivotWatch(this.#core)
    this.#asking = new Asking(this.#core, { quotes: this.#quotes, onKey })
  }

  /** `tick` comes first, once. Never throws: what is thrown inside is a fault of ours, and ends in `UnrecoverableError` with every secret wiped. */
  step(input: CustodyInput, now: Instant): readonly CustodyEffect[] {
    try {
      this.#take(input, now)
      if (this.#core.phase !== 'UnrecoverableError') this.#fold(now)
    } catch (error) {
      // Whatever it was, a key is never held by code that does not know what it does. The code says where to look.
      this.#break(error)
    }
    return this.#core.drain()
  }

  wakeAt(): Instant | null {
    const parts = [
      this.#genesis,
      this.#quotes,
      this.#shares,
      this.#exports,
      this.#pivot,
      this.#asking,
    ]
    const times = parts.map(part => part.wakeAt()).filter(time => time !== null)
    return times.length === 0 ? null : (Math.min(...times) as Instant)
  }

  /** The keys, lent for one use, or why not now. `use-key` is of callers, `open-own` of the node itself. */
  lend(message: 'use-key' | 'open-own'): QuorumKeys | CustodyRefusal {
    const no = this.#core.wrongPhase(message)
    if (no !== undefined || this.#keys === null) return no ?? refusal('UNRECOVERABLE')
    return this.#keys
  }

  /** The manifest in hand and the approvals that hold. */
  get envelope(): CustodyEnvelope | null {
    return this.#core.standing?.envelope ?? null
  }

  view(): CustodyView {
    const { phase, standing } = this.#core
    const namespace = standing?.manifest.namespace ?? null
    return {
      phase,
      manifest: standing?.hash ?? null,
      namespace: namespace && { name: namespace.name, nonce: namespace.nonce },
      quorumKey: namespace?.quorumKey ?? null,
      approvals: standing?.approvals ?? null,
      shares: phase === 'WaitingForQuorumShards' ? this.#shares.count() : null,
    }
  }

  /** The node stops: every secret is wiped. */
  [Symbol.dispose](): void {
    this.#wipe()
  }

  #take(input: CustodyInput, now: Instant): void {
    switch (input.kind) {
      case 'tick':
        return
      case 'divided':
        return this.#genesis.divided(input.job, input.shares, now)
      case 'combined':
        return this.#shares.combined(input.job, input.secret)
      case 'quoted':
        this.#genesis.quoted(input.job, input.evidence)
        return this.#quotes.quoted(input.job, input.evidence, now)
      case 'appraised':
        return this.#exports.appraised(input.job, input.verdict, now)
      case 'steppedUp':
        return this.#exports.steppedUp(input.job, now)
      case 'handlerAnswered':
        return this.#pivot.handlerAnswered(input.job, input.hash, now)
      case 'answered':
        return this.#asking.answered(input.job, input.bytes, now)
      case 'failed':
        return this.#failed(input.job, input.code, now)
      default:
        return this.#takeRequest(input, now)
    }
  }

  #takeRequest(input: CustodyRequest | Asked, now: Instant): void {
    const { request } = input
    switch (input.kind) {
      case 'genesisBoot':
        if (this.#core.accept(request, 'genesis-boot')) {
          this.#genesis.boot(request, input.terms, now)
        }
        return
      case 'genesisOutput':
        if (this.#core.accept(request, 'genesis-output')) this.#genesis.output(request)
        return
      case 'bootStandard':
        if (this.#core.accept(request, 'boot-standard')) this.#bootStandard(input)
        return
      case 'shareManifest':
        if (this.#core.accept(request, 'share-manifest')) this.#shareManifest(input)
        return
      case 'attestBoot':
        if (this.#core.accept(request, 'attest-boot')) this.#quotes.attest(request, now)
        return
      case 'injectShares':
        if (this.#core.accept(request, 'inject-shares')) this.#shares.inject(input, now)
        return
      case 'injectKey':
        if (this.#core.accept(request, 'inject-key')) this.#injectKey(input)
        return
      case 'exportKey':
        if (this.#core.accept(request, 'export-key')) this.#exports.begin(input, now)
        return
      case 'asked':
        if (!this.#core.accept(request, 'export-key')) return
        if (input.protocol === 'custody-key') this.#exports.asked(input, now)
        else this.#showManifest(input)
        return
      default:
        unreachable(input)
    }
  }

  #failed(job: number, code: string, now: Instant): void {
    this.#genesis.failed(job, code, now)
    this.#quotes.failed(job, code, now)
    this.#shares.failed(job, code)
    this.#exports.failed(job, code)
    this.#pivot.failed(job, code, now)
    this.#asking.failed(job, now)
  }

  /** Gives up on what took too long and begins what is due. */
  #fold(now: Instant): void {
    this.#genesis.fold(now)
    this.#quotes.fold(now)
    this.#shares.fold(now)
    this.#exports.fold(now)
    this.#asking.fold(now)
    this.#pivot.fold(now)
  }

  #bootStandard({ request, envelope }: Request<'bootStandard'>): void {
    const read = this.#read(envelope)
    if ('code' in read) return this.#core.refuse(request, read)
    const standing = new Standing(read)
    if (!standing.isApproved) {
      return this.#core.refuse(request, standing.notApproved())
    }
    this.#core.standing = standing
    this.#core.advance('boot-standard')
    this.#core.reply(request, { kind: 'booted', manifest: standing.hash })
  }

  #shareManifest({ request, envelope }: Request<'shareManifest'>): void {
    const read = this.#read(envelope)
    if ('code' in read) return this.#core.refuse(request, read)
    const { standing } = this.#core
    if (standing === null) {
      this.#core.standing = new Standing(read)
    } else {
      const given = custodyManifestHash(read.manifest)
      if (given !== standing.hash) {
        const facts = { inForce: standing.hash, given }
        return this.#core.refuse(request, refusal('DIFFERENT_MANIFEST', facts))
      }
      standing.takeApprovals(read.approvals)
    }
    this.#core.advance('share-manifest')
    this.#core.reply(request, { kind: 'booted', manifest: custodyManifestHash(read.manifest) })
  }

  /** An envelope that may be in force here; its approvals are not judged yet. */
  #read(bytes: Uint8Array): CustodyEnvelope | CustodyRefusal {
    const read = parseCustodyEnvelope(bytes)
    if (isRefusal(read)) return unreadable(read)
    return this.#flawOf(read) ?? read
  }

  #flawOf({ manifest }: CustodyEnvelope): CustodyRefusal | undefined {
    const { network } = this.#core.options
    if (manifest.network !== network) {
      return refusal('DIFFERENT_NETWORK', { own: network, given: manifest.network })
    }
    return this.#core.ports.charter().manifestFlaw(manifest)
  }

  #injectKey({ request, exported, signature }: Request<'injectKey'>): void {
    const keys = receivedKeys(this.#core, { exported, signature })
    if ('code' in keys) {
      this.#core.event('warn', 'KEY_REFUSED', { cause: keys.code })
      return this.#core.refuse(request, keys)
    }
    const quorumKey = this.#core.standing?.manifest.namespace.quorumKey ?? ''
    this.#core.advance('inject-key')
    this.#core.reply(request, { kind: 'keyInjected', quorumKey })
    this.#hold(keys)
  }

  #showManifest({ request, bytes }: Asked): void {
    const read = ifReadable(() => custodyManifestRequestCodec.decode(bytes))
    const isHere = read && equalBytes(read.network, bytesOfDigest(this.#core.options.network))
    const { standing } = this.#core
    if (!isHere || standing === null) {
      return this.#core.refuse(request, refusal('DIFFERENT_NETWORK'))
    }
    const envelope = encodeCustodyEnvelope(standing.envelope)
    if (envelope.length > streamEnvelopeBytesMax) {
      const facts = { bytes: envelope.length, bytesMax: streamEnvelopeBytesMax }
      return this.#core.refuse(request, refusal('MANIFEST_TOO_LONG', facts))
    }
    this.#core.answer(request, custodyManifestAnswerCodec.encode({ envelope }))
  }

  /** The last write of a ceremony. The same key may come twice: by hand, and because this node asked for it. */
  #hold(keys: QuorumKeys): void {
    if (this.#keys !== null) return keys[Symbol.dispose]()
    this.#core.event('info', 'KEY_PROVISIONED', { manifest: this.#core.standing?.hash ?? '' })
    this.#keys = keys
  }

  #break(error: unknown): void {
    const code = error instanceof CoterieError ? error.code : 'BUG'
    const reason = error instanceof CoterieError ? error.message : ''
    this.#wipe()
    this.#core.event('warn', 'CUSTODY_BROKEN', { cause: code, reason })
    if (this.#core.isWelcome('invariant-broken')) this.#core.advance('invariant-broken')
    this.#core.refuseAll('UNRECOVERABLE')
  }

  #wipe(): void {
    this.#keys?.[Symbol.dispose]()
    this.#keys = null
    this.#genesis.wipe()
    this.#shares.wipe()
    this.#exports.forget()
    this.#quotes.forget()
    this.#pivot.forget()
    this.#asking.forget()
  }
}
