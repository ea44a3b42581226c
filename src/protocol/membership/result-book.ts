/**
 * What others signed about members, and what it comes to: k results of signers that are independent stand for one appraisal.
 *
 * Independent are signers on distinct instances of distinct owners. An owner runs what it likes, so the results of its machines are
 * the word of one. A machine whose owner nobody named may be anybody's: its word counts for nothing, but on a testnet,
 * where each machine counts as an owner.
 */
import { type Finding, isSameMachine } from '../../attestation/delegated.ts'
import type { TrustedVerdict, VerdictBasis } from '../../attestation/verdict.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { toHex } from '../../base/bytes.ts'
import { type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import { type Instant, timestamp } from '../../base/time.ts'
import type { DelegatedResult, SignedResults } from '../../wire/delegated-result.ts'

/** Results kept on one subject: twice as many as a manifest can ask for. */
const perSubjectMax = 16
/** Subjects that results are kept on: some 3 KiB each. */
const subjectsMax = 4_096

/** Signers that are not believed any more, 100 bytes each. */
const distrustedMax = 1_024

/** A member that this node appraised itself, as the author of results. */
export interface Signer {
  readonly node: NodeId
  readonly instance: Digest
  /** Whose word it is. */
  readonly owner: string
}

/** One result as its signer said it, with all that proves that it did. */
export interface HeldResult {
  readonly signer: Signer
  readonly result: DelegatedResult
  readonly finding: Finding
  readonly basis: VerdictBasis
  /** When it counts no more. */
  readonly until: Instant
  readonly signed: SignedResults
  readonly signature: Uint8Array
  /** Place among the signed hashes, and the bytes behind that one. */
  readonly index: number
  readonly bytes: Uint8Array
}

/** What the results on a record come to. `conflict`: signers contradict each other, so nobody is believed. */
export type Counted =
  | {
      readonly kind: 'enough'
      readonly finding: Finding
      readonly by: readonly NodeId[]
      readonly until: Instant
      readonly isFresh: boolean
    }
  | { readonly kind: 'short' | 'conflict' }

/** Whose word a member's is; `undefined` if nobody can tell. */
export function voiceOf(node: NodeId, verdict: TrustedVerdict): Signer | undefined {
  const owner = verdict.owner ?? (verdict.testnet ? verdict.instance : null)
  return owner === null ? undefined : { node, instance: verdict.instance, owner }
}

/** The finding inside a result. */
export function findingOf(result: DelegatedResult): Finding {
  const { platform, measurement, tcb } = result
  const registers = result.registers.map(({ name, value }) => [name, toHex(value)])
  return {
    ...{ platform, measurement, tcb, instance: digestOf(result.instance) },
    registers: Object.fromEntries(registers),
    expiresAt: timestamp(result.expiresAt),
  }
}

export class ResultBook {
  readonly #held = new Map<NodeId, Map<NodeId, HeldResult>>()
  readonly #distrusted = new BoundedMap<NodeId, true>(distrustedMax)

  /** Keeps what `held.signer` last said of `subject`. */
  put(subject: NodeId, held: HeldResult): void {
    if (this.isDistrusted(held.signer.node)) return
    const known = this.#held.get(subject)
    if (known === undefined && this.#held.size >= subjectsMax) return
    const results = known ?? new Map<NodeId, HeldResult>()
    if (results.size >= perSubjectMax && !results.has(held.signer.node)) return
    this.#held.set(subject, results.set(held.signer.node, held))
  }

  of(subject: NodeId): readonly HeldResult[] {
    return [...(this.#held.get(subject)?.values() ?? [])]
  }

  /** What is said of exactly this record now. */
  count(
    subject: NodeId,
    record: Digest,
    at: { readonly k: number; readonly now: Instant },
  ): Counted {
    const counted = this.of(subject).filter(
      held => at.now < held.until && digestOf(held.result.subject) === record && !isOfItself(held),
    )
    const [first, ...others] = counted
    if (first === undefined) return { kind: 'short' }
    if (others.some(({ finding }) => !agree(first.finding, finding))) return { kind: 'conflict' }
    const byOwner = new Map(counted.map(held => [held.signer.owner, held]))
    const chosen = [...byOwner.values()].slice(0, at.k)
    if (chosen.length < at.k) return { kind: 'short' }
    const expiresAt = timestamp(Math.min(...chosen.map(({ finding }) => finding.expiresAt)))
    return {
      kind: 'enough',
      finding: { ...first.finding, expiresAt },
      by: chosen.map(({ signer }) => signer.node),
      until: Math.min(...chosen.map(({ until }) => until)) as Instant,
      isFresh: chosen.every(({ result }) => result.isFresh),
    }
  }

  /** This signer said what was found to be false: it never counts here again. */
  distrust(signer: NodeId): void {
    this.#distrusted.set(signer, true)
  }

  isDistrusted(signer: NodeId): boolean {
    return this.#distrusted.peek(signer) === true
  }

  forget(subject: NodeId): void {
    this.#held.delete(subject)
  }

  /** Nothing that this signer said counts any more. */
  withdraw(signer: NodeId): void {
    for (const [subject, results] of this.#held) {
      if (results.delete(signer) && results.size === 0) this.#held.delete(subject)
    }
  }

  clear(): void {
    this.#held.clear()
  }

  fold(now: Instant): void {
    for (const [subject, results] of this.#held) {
      for (const [signer, { until }] of results) if (now >= until) results.delete(signer)
      if (results.size === 0) this.#held.delete(subject)
    }
  }
}

/** A machine does not vouch for what runs on itself. */
function isOfItself({ signer, finding }: HeldResult): boolean {
  return signer.instance === finding.instance
}

/** Honest signers may have appraised at other times and with other endorsements; of the machine and its software they say the same. */
function agree(left: Finding, right: Finding): boolean {
  return isSameMachine(left, right) && left.measurement === right.measurement
}
