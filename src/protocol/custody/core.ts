/** What the parts of the custody machine share: the phase, open requests, jobs, and what one step wants done. */
import type { RefusalFacts } from '../../attestation/verdict.ts'
import { assert } from '../../base/errors.ts'
import { type CustodyMessage, type CustodyPhase, custodyTable, phasesThatWelcome } from './phase.ts'
import { type CustodyCode, type CustodyRefusal, refusal } from './refusals.ts'
import type { Standing } from './standing.ts'
import type { CustodyAnswer, CustodyEffect, CustodyOptions, CustodyPorts } from './types.ts'

/** Requests under way at once. People do ceremonies: more is a flood. */
const requestsMax = 32

export class Core {
  readonly ports: CustodyPorts
  readonly options: CustodyOptions
  /** The manifest in hand; it is never replaced by another one. */
  standing: Standing | null = null
  readonly #open = new Set<number>()
  #phase: CustodyPhase = 'WaitingForBootInstruction'
  #effects: CustodyEffect[] = []
  #lastJob = 0
  #told: { readonly manifest: string; readonly approved: Set<string> } | null = null

  constructor(ports: CustodyPorts, options: CustodyOptions) {
    this.ports = ports
    this.options = options
  }

  get phase(): CustodyPhase {
    return this.#phase
  }

  isWelcome(message: CustodyMessage): boolean {
    return custodyTable[this.#phase][message] !== undefined
  }

  /** Follows the edge of `message`; there must be one. */
  advance(message: CustodyMessage): void {
    const to = custodyTable[this.#phase][message]
    assert(to !== undefined, `${message} leads somewhere from ${this.#phase}`)
    if (to === this.#phase) return
    this.#phase = to
    this.emit({ kind: 'phaseChanged', phase: to })
  }

  /** Takes up a request, or refuses it as not welcome in this phase, or as one too many. */
  accept(request: number, message: CustodyMessage): boolean {
    // Each number is answered once; whoever gives one twice hears of the first.
    if (this.#open.has(request)) return false
    this.#open.add(request)
    const no = this.#flaw(message)
    if (no !== undefined) this.refuse(request, no)
    return no === undefined
  }

  /** Why `message` is not welcome now. */
  wrongPhase(message: CustodyMessage): CustodyRefusal | undefined {
    if (this.isWelcome(message)) return undefined
    if (this.#phase === 'UnrecoverableError')
      return refusal('UNRECOVERABLE', { phase: this.#phase })
    const welcome = phasesThatWelcome(message).join(' ')
    return refusal('WRONG_PHASE', { phase: this.#phase, message, welcome })
  }

  /** Why the manifest in hand may not get its key now: the network may have changed its mind since it was taken. */
  charterFlaw(): CustodyRefusal | undefined {
    return this.standing === null
      ? undefined
      : this.ports.charter().manifestFlaw(this.standing.manifest)
  }

  reply(request: number, answer: CustodyAnswer): void {
    if (this.#open.delete(request)) this.emit({ kind: 'reply', request, answer })
  }

  answer(request: number, bytes: Uint8Array): void {
    if (this.#open.delete(request)) this.emit({ kind: 'answer', request, bytes })
  }

  refuse(request: number, no: CustodyRefusal): void {
    if (this.#open.delete(request)) this.emit({ kind: 'refuse', request, refusal: no })
  }

  /** The same for all that are open. */
  refuseAll(code: CustodyCode): void {
    for (const request of this.#open) this.refuse(request, refusal(code))
  }

  nextJob(): number {
    return ++this.#lastJob
  }

  emit(effect: CustodyEffect): void {
    this.#effects.push(effect)
  }

  event(level: 'warn' | 'info', code: string, facts: RefusalFacts = {}): void {
    this.emit({ kind: 'event', level, code, facts })
  }

  /** All effects since the last call, in order. */
  drain(): readonly CustodyEffect[] {
    this.#tellStanding()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Which manifest is in hand and who approved it, each once: whoever looks into this later asks for nothing else first. */
  #tellStanding(): void {
    const { standing } = this
    if (standing === null) return
    const { hash: manifest, approvals } = standing
    if (this.#told?.manifest !== manifest) {
      this.#told = { manifest, approved: new Set() }
      const { name, nonce } = standing.manifest.namespace
      this.event('info', 'MANIFEST_TAKEN', { manifest, name, nonce })
    }
    for (const alias of approvals.by) {
      if (this.#told.approved.has(alias)) continue
      this.#told.approved.add(alias)
      this.event('info', 'MANIFEST_APPROVED', { manifest, alias })
    }
  }

  #flaw(message: CustodyMessage): CustodyRefusal | undefined {
    const no = this.wrongPhase(message)
    if (no !== undefined) return no
    return this.#open.size > requestsMax ? refusal('BUSY', { requestsMax }) : undefined
  }
}
