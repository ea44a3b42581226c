/** What a node holds about one member, and what many of them come to. */
import type { TrustedVerdict } from '../../attestation/verdict.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Instant, Timestamp } from '../../base/time.ts'
import type { MemberPhase } from '../../wire/hello.ts'
import type { AppraisedMember, Liveness, Rests } from './types.ts'

export interface RosterEntry {
  readonly node: NodeId
  keys: AppraisedMember['keys']
  evidence: AppraisedMember['evidence']
  /** When this evidence itself ends, by the latest look at it. */
  evidenceEndsAt: Timestamp
  verdict: TrustedVerdict
  /** The verdict on the key evidence, while `verdict` may be that on a later quote. */
  keyVerdict: TrustedVerdict
  /** `null`: this node appraised it itself. */
  rests: Rests | null
  possession: Uint8Array | null
  phase: MemberPhase
  liveness: Liveness
  isConnected: boolean
  readonly addedAt: Instant
  /** When the verdict lapses, by monotonic time. */
  until: Instant
  freshAt: Instant | null
  /** In doubt: counts as stale, and goes unless it steps up in time. */
  isSuspected: boolean
}

/** Dead, cut off, and not the last that is known of its instance: that one stays until its verdict lapses. */
export function hasDeparted(
  entry: RosterEntry,
  all: Iterable<RosterEntry>,
  ownInstance: Digest,
): boolean {
  if (entry.liveness !== 'dead' || entry.isConnected) return false
  if (entry.verdict.instance === ownInstance) return true
  for (const other of all) {
    const isLater = other.liveness !== 'dead' || other.addedAt > entry.addedAt
    const isSuccessor = isLater || (other.addedAt === entry.addedAt && other.node > entry.node)
    if (other !== entry && other.verdict.instance === entry.verdict.instance && isSuccessor) {
      return true
    }
  }
  return false
}

/** How many of them live on this instance. */
export function livingOn(instance: Digest, all: Iterable<RosterEntry>): number {
  let living = 0
  for (const { verdict, liveness } of all) {
    if (verdict.instance === instance && liveness !== 'dead') living++
  }
  return living
}

/** Those that rest on results of others. */
export function restingOf(
  all: Iterable<RosterEntry>,
): readonly (AppraisedMember & { readonly rests: Rests })[] {
  return [...all].flatMap(entry => (entry.rests === null ? [] : [{ ...entry, rests: entry.rests }]))
}

/** Identities whose verdict lapsed and that must step up when they come back; the oldest are forgotten. */
const lapsedMax = 4096

export class Lapsed {
  /** With the machine that each was attested on, if it was known. */
  readonly #instances = new Map<NodeId, Digest | undefined>()

  has(node: NodeId): boolean {
    return this.#instances.has(node)
  }

  instanceOf(node: NodeId): Digest | undefined {
    return this.#instances.get(node)
  }

  note(node: NodeId, instance: Digest | undefined): void {
    this.#instances.set(node, instance ?? this.#instances.get(node))
    const oldest = this.#instances.keys().next().value
    if (this.#instances.size > lapsedMax && oldest !== undefined) this.#instances.delete(oldest)
  }

  delete(node: NodeId): void {
    this.#instances.delete(node)
  }
}
