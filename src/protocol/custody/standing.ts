/** The custody manifest in hand, and who of the manifest set approved it. */
import {
  approvalMessage,
  type CustodyApproval,
  type CustodyEnvelope,
  isApproval,
} from '../../attestation/custody/approvals.ts'
import {
  type CustodyManifest,
  custodyManifestHash,
} from '../../attestation/custody/custody-manifest.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import type { Digest } from '../../base/ids.ts'
import type { CarriedApproval } from '../../wire/custody.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'
import type { Progress } from './types.ts'

export class Standing {
  readonly manifest: CustodyManifest
  readonly hash: Digest
  readonly #approvals = new Map<string, CustodyApproval>()

  /** Of the approvals of the envelope those that hold count, and the others are left out. */
  constructor({ manifest, approvals }: CustodyEnvelope) {
    this.manifest = manifest
    this.hash = custodyManifestHash(manifest)
    this.takeApprovals(approvals)
  }

  /** Takes those that hold. */
  takeApprovals(approvals: readonly CustodyApproval[]): void {
    for (const { role, alias, signature } of approvals) {
      if (role === 'manifest') this.approve(alias, signature)
    }
  }

  /** Takes the word of a holder of the manifest set; whether it holds. */
  approve(alias: string, signature: string): boolean {
    const approval: CustodyApproval = { role: 'manifest', alias, signature }
    if (this.#approvals.get(alias)?.signature === signature) return true
    const { manifestSet } = this.manifest
    if (!isApproval(approval, manifestSet, approvalMessage('manifest', this.hash))) return false
    // One holder counts once, however often and in whichever spelling it signed.
    if (!this.#approvals.has(alias)) this.#approvals.set(alias, approval)
    return true
  }

  get approvals(): Progress {
    const { threshold: need } = this.manifest.manifestSet
    return { have: this.#approvals.size, need, by: [...this.#approvals.keys()] }
  }

  /** What is said while too few approved. */
  notApproved(): CustodyRefusal {
    const { have, need } = this.approvals
    return refusal('NOT_APPROVED', { have, need })
  }

  get isApproved(): boolean {
    const { have, need } = this.approvals
    return have >= need
  }

  get envelope(): CustodyEnvelope {
    return { manifest: this.manifest, approvals: [...this.#approvals.values()] }
  }

  /** The approvals as they travel beside the key. */
  carried(): readonly CarriedApproval[] {
    return [...this.#approvals.values()].map(({ alias, signature }) => ({
      alias,
      signature: fromHex(signature) ?? new Uint8Array(0),
    }))
  }

  /** The same for approvals that travelled; aliases of those that do not hold. */
  takeCarried(approvals: readonly CarriedApproval[]): readonly string[] {
    return approvals
      .filter(({ alias, signature }) => !this.approve(alias, toHex(signature)))
      .map(({ alias }) => alias)
  }
}
