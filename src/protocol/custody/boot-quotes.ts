/**
 * Evidence of the own TEE that this node runs under the manifest in hand: for holders who are about to trust it with a share, and for nodes
 * that are to hand it the key. Evidence does not date itself, so one quote serves all who ask for a while.
 */
import { bootReportData } from '../../attestation/custody/genesis-output.ts'
import { bytesOfDigest } from '../../base/ids.ts'
import { after, type Instant, minutes, seconds } from '../../base/time.ts'
import { type BootAttestation, bootAttestationCodec } from '../../wire/custody.ts'
import type { Evidence } from '../../wire/evidence.ts'
import type { Core } from './core.ts'
import { refusal } from './refusals.ts'

const patience = seconds(30)
/** After a failure, before the TEE is asked again. */
const rest = seconds(5)
/** Short against the life of what vouches for evidence, and long for a ceremony. */
const lasts = minutes(10)

export class BootQuotes {
  readonly #core: Core
  #made: { readonly attestation: BootAttestation; readonly until: Instant } | null = null
  #awaited: { readonly job: number; readonly until: Instant } | null = null
  #restsUntil: Instant | null = null
  #waiting: number[] = []

  constructor(core: Core) {
    this.#core = core
  }

  /** What this node shows; `undefined` while its TEE is asked. */
  wanted(now: Instant): BootAttestation | undefined {
    if (this.#made !== null && now < this.#made.until) return this.#made.attestation
    const { standing } = this.#core
    const isResting = this.#restsUntil !== null && now < this.#restsUntil
    if (this.#awaited !== null || isResting || standing === null) return undefined
    this.#restsUntil = null
    const { platform } = this.#core.ports.record().evidence
    const reportData = bootReportData(platform, this.#core.options.self, standing.hash)
    const job = this.#core.nextJob()
    this.#awaited = { job, until: after(now, patience) }
    this.#core.emit({ kind: 'quote', job, reportData })
    return undefined
  }

  /** Answers a caller with it, now or when the TEE has. */
  attest(request: number, now: Instant): void {
    const made = this.wanted(now)
    if (made !== undefined) this.#reply(request, made)
    else if (this.#awaited !== null) this.#waiting.push(request)
    else this.#core.refuse(request, refusal('QUOTE_FAILED', { cause: 'RESTING' }))
  }

  quoted(job: number, evidence: Evidence, now: Instant): void {
    const { standing } = this.#core
    if (job !== this.#awaited?.job || standing === null) return
    this.#awaited = null
    const record = this.#core.ports.record()
    const attestation = { record, manifest: bytesOfDigest(standing.hash), evidence }
    this.#made = { attestation, until: after(now, lasts) }
    for (const request of this.#waiting) this.#reply(request, attestation)
    this.#waiting = []
  }

  failed(job: number, code: string, now: Instant): void {
    if (job !== this.#awaited?.job) return
    this.#awaited = null
    this.#restsUntil = after(now, rest)
    for (const request of this.#waiting) {
      this.#core.refuse(request, refusal('QUOTE_FAILED', { cause: code }))
    }
    this.#waiting = []
  }

  fold(now: Instant): void {
    const awaited = this.#awaited
    if (awaited !== null && now >= awaited.until) this.failed(awaited.job, 'TIMEOUT', now)
    if (this.#restsUntil !== null && now >= this.#restsUntil) this.#restsUntil = null
  }

  wakeAt(): Instant | null {
    return this.#awaited?.until ?? this.#restsUntil
  }

  forget(): void {
    this.#awaited = null
    this.#restsUntil = null
    this.#made = null
    this.#waiting = []
  }

  #reply(request: number, made: BootAttestation): void {
    const attestation = bootAttestationCodec.encode(made)
    this.#core.reply(request, { kind: 'attestation', attestation })
  }
}
