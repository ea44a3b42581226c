/**
 * Runs the custody machine: effects become work of the TEE, of members and of the application, and their answers become inputs.
 *
 * Decides nothing. Secrets are lent by the machine and go back to it; none stays here.
 */
import type { Verdict } from '../../attestation/verdict.ts'
import { CoterieError, HostError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { combineShares, shareSecret } from '../../crypto/secret-shares.ts'
import type { Net } from '../../host/net/port.ts'
import type { Host } from '../../host/port.ts'
import type { Custody } from '../../protocol/custody/custody.ts'
import type {
  CustodyAnswer,
  CustodyEffect,
  CustodyInput,
  CustodyProtocol,
  CustodyRequest,
} from '../../protocol/custody/types.ts'
import type { Evidence } from '../../wire/evidence.ts'
import type { PivotHandler } from '../custody-api.ts'
import { custodyError } from '../custody-errors.ts'
import { Drive } from '../drive.ts'
import type { EventLog } from '../event-log.ts'

type EffectOf<Kind extends CustodyEffect['kind']> = Extract<CustodyEffect, { kind: Kind }>
type Job = Extract<CustodyEffect, { readonly job: number }>

/** What the driver has things done by. */
export interface CustodyDriverPorts {
  readonly host: Pick<Host, 'clock' | 'timers' | 'attester'>
  readonly machine: Custody
  readonly net: () => Pick<Net, 'ask' | 'stepUp'>
  readonly events: EventLog
  /** Evidence of a member under the policy in force, for these 64 bytes of report data. */
  readonly appraise: (node: NodeId, evidence: Evidence, reportData: Uint8Array) => Verdict
}

export class CustodyDriver {
  readonly #ports: CustodyDriverPorts
  readonly #drive: Drive<CustodyInput, CustodyEffect>
  readonly #callers = new Map<number, PromiseWithResolvers<CustodyAnswer>>()
  readonly #askers = new Map<number, PromiseWithResolvers<Uint8Array>>()
  readonly #stopping = new AbortController()
  #lastRequest = 0
  /** Of the application, once it has said how it is asked. */
  handler: PivotHandler | null = null

  constructor(ports: CustodyDriverPorts) {
    this.#ports = ports
    this.#drive = new Drive<CustodyInput, CustodyEffect>(ports.machine, ports.host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(effect),
    })
  }

  /** Also when membership has changed: whoever may be asked for the key now is asked at the next tick at the latest. */
  tick(): void {
    this.#drive.feed({ kind: 'tick' })
  }

  /** Resolves with what the machine answers. @throws {CoterieError} its refusal, with the next step; `STOPPING`. */
  call(requestOf: (request: number) => CustodyRequest): Promise<CustodyAnswer> {
    return this.#await(this.#callers, requestOf)
  }

  /** The answer to a member. @throws {CoterieError} as `call`. */
  asked(protocol: CustodyProtocol, bytes: Uint8Array, from: NodeId): Promise<Uint8Array> {
    return this.#await(this.#askers, request => {
      return { kind: 'asked', request, from, protocol, bytes }
    })
  }

  /** No step happens any more, and whoever waits is told. What the node keeps for itself may still use the key, until `wipe`. Idempotent. */
  stop(): void {
    this.#drive.stop()
    const reason = new HostError('STOPPING', 'the node stops')
    this.#stopping.abort(reason)
    for (const waiting of [...this.#callers.values(), ...this.#askers.values()]) {
      waiting.reject(reason)
    }
  }

  /** After `stop`: every secret is wiped. Idempotent. */
  wipe(): void {
    this.#ports.machine[Symbol.dispose]()
  }

  #await<T>(
    waiting: Map<number, PromiseWithResolvers<T>>,
    inputOf: (request: number) => CustodyInput,
  ): Promise<T> {
    if (this.#stopping.signal.aborted) return Promise.reject(this.#stopping.signal.reason)
    const request = ++this.#lastRequest
    const answered = Promise.withResolvers<T>()
    waiting.set(request, answered)
    this.#drive.feed(inputOf(request))
    return answered.promise.finally(() => waiting.delete(request))
  }

  #apply(effect: CustodyEffect): void {
    switch (effect.kind) {
      case 'reply':
        return this.#callers.get(effect.request)?.resolve(effect.answer)
      case 'answer':
        return this.#askers.get(effect.request)?.resolve(effect.bytes)
      case 'refuse': {
        const error = custodyError(effect.refusal)
        this.#callers.get(effect.request)?.reject(error)
        return this.#askers.get(effect.request)?.reject(error)
      }
      case 'phaseChanged':
        return this.#ports.events.note('custody-phase', 'the quorum key is nearer or gone', {
          phase: effect.phase,
        })
      case 'event': {
        const kind = `custody-${effect.code.toLowerCase().replaceAll('_', '-')}`
        return this.#ports.events.note(kind, effect.code, effect.facts)
      }
      default:
        return void this.#carryOut(effect)
    }
  }

  /** One input for each job; what comes after the stop is wiped. */
  async #carryOut(effect: Job): Promise<void> {
    const input = await this.#done(effect).catch((error: unknown): CustodyInput => {
      const code = error instanceof CoterieError ? error.code : 'FAILED'
      return { kind: 'failed', job: effect.job, code }
    })
    if (!this.#stopping.signal.aborted) return this.#drive.feed(input)
    if (input.kind === 'divided') for (const share of input.shares) share[Symbol.dispose]()
    if (input.kind === 'combined') input.secret?.[Symbol.dispose]()
  }

  async #done(effect: Job): Promise<CustodyInput> {
    const { signal } = this.#stopping
    const { net, host, appraise } = this.#ports
    const { kind, job } = effect
    switch (kind) {
      case 'split':
        return { kind: 'divided', job, shares: await shareSecret(effect.secret, effect) }
      case 'combine':
        return { kind: 'combined', job, secret: (await combineShares(effect.shares)) ?? null }
      case 'quote': {
        const evidence = await host.attester.quote(effect.reportData, signal)
        return { kind: 'quoted', job, evidence }
      }
      case 'appraise': {
        const verdict = appraise(effect.node, effect.evidence, effect.reportData)
        return { kind: 'appraised', job, verdict }
      }
      case 'stepUp':
        return await this.#stepUp(effect)
      case 'ask': {
        const bytes = await net().ask(effect.node, effect.protocol, effect.bytes, signal)
        return { kind: 'answered', job, bytes }
      }
      case 'checkHandler': {
        if (this.handler === null) {
          throw new HostError('NO_HANDLER', 'No application has said how it is asked.')
        }
        return { kind: 'handlerAnswered', job, hash: await this.handler(signal) }
      }
    }
  }

  async #stepUp({ node, job }: EffectOf<'stepUp'>): Promise<CustodyInput> {
    const verdict = await this.#ports.net().stepUp(node, 'release', this.#stopping.signal)
    if (verdict.kind === 'trusted') return { kind: 'steppedUp', job }
    const code = verdict.kind === 'refused' ? verdict.code : 'UNDETERMINED'
    return { kind: 'failed', job, code }
  }
}
