/** This node's checkpoints: when one is due, what it claims, and what comes of those of others. */
import { bytesOfDigest, type NodeId } from '../base/ids.ts'
import type { Duration, Instant } from '../base/time.ts'
import { CheckpointBook, type OwnCheckpoint, type Signatory } from '../protocol/checkpoints/book.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import { evidenceDigest } from '../wire/evidence.ts'
import type { ServedCheckpoint } from '../wire/light-answers.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

/** How far behind the group clock a cut lies: what was written before it has reached everybody, as a rule. */
const cutLagMs = 2000
/** Cuts are whole seconds, so that all members choose the same ones. */
const cutStepMs = 1000

export interface CheckpointPorts {
  readonly identity: Identity
  readonly manifests: Pick<ManifestKeeper, 'network' | 'current'>
  readonly membership: Pick<
    MembershipQueries,
    'phase' | 'removalDigest' | 'sealingKey' | 'member' | 'record'
  >
  readonly replica: Pick<ReplicaQueries, 'groupClock' | 'cuts'>
  /** Where this node runs. */
  readonly instance: () => string
  /** Its interval may change at any time. */
  readonly pace: { readonly interval: Duration }
  /** A member sent what no member sends. */
  readonly faulted: (node: NodeId, code: string) => void
  /** A member signed two checkpoints at one place of its chain. */
  readonly contradicted: (node: NodeId, first: Uint8Array, second: Uint8Array) => void
}

export class Checkpoints {
  readonly #ports: CheckpointPorts
  readonly #book: CheckpointBook

  constructor(ports: CheckpointPorts) {
    this.#ports = ports
    const { signing, node } = ports.identity
    this.#book = new CheckpointBook(
      { sign: message => signing.sign(message) },
      { self: node, network: ports.manifests.network },
    )
  }

  get newest(): OwnCheckpoint | undefined {
    return this.#book.newest
  }

  own(sequence: number): OwnCheckpoint | undefined {
    return this.#book.own(sequence)
  }

  /** The checkpoint that is due, encoded; `null` if none is, or the state at its cut is not known. */
  make(now: Instant): Uint8Array | null {
    const { manifests, membership, replica } = this.#ports
    const groupClock = replica.groupClock(now)
    if (membership.phase !== 'active' || groupClock === undefined) return null
    const cut = this.#cutAt(groupClock)
    if (cut <= (this.#book.newest?.cut ?? 0)) return null
    const roots = replica.cuts.commit(cut, now)
    if (roots === undefined) return null
    const commitKey = membership.sealingKey('commit', now)?.id
    const { publicRoot, privateRoot } = roots
    const claim = {
      network: bytesOfDigest(manifests.network),
      ...{ cut, publicRoot, privateRoot },
      commitKey: commitKey === undefined ? null : bytesOfDigest(commitKey),
      removals: bytesOfDigest(membership.removalDigest),
      manifest: bytesOfDigest(manifests.current.mark.hash),
    }
    return this.#book.make(claim, groupClock).bytes
  }

  /** An accepted beat of a member carried this. */
  heard(node: NodeId, checkpoint: Uint8Array): void {
    const heard = this.#book.heard(node, checkpoint)
    if (heard.kind === 'fault') this.#ports.faulted(node, heard.code)
    if (heard.kind === 'contradiction') {
      this.#ports.contradicted(node, heard.first, heard.second)
    }
  }

  forget(node: NodeId): void {
    this.#book.forget(node)
  }

  served(cosigners: number, now: Instant): ServedCheckpoint | undefined {
    return this.#book.served(cosigners, node => this.#signatory(node, now))
  }

  /** Members that beat less often than once a second must still meet at the same cuts. */
  #cutAt(groupClock: number): number {
    const step = Math.max(1, Math.ceil(this.#ports.pace.interval / cutStepMs)) * cutStepMs
    return Math.max(0, Math.floor((groupClock - cutLagMs) / step) * step)
  }

  #signatory(node: NodeId, now: Instant): Signatory | undefined {
    const { identity, membership, instance } = this.#ports
    const record = membership.record(node, now)
    if (record === undefined) return undefined
    const evidence = bytesOfDigest(evidenceDigest(record.evidence))
    if (node === identity.node) return { instance: instance(), evidence }
    const member = membership.member(node, now)
    return member === undefined ? undefined : { instance: member.verdict.instance, evidence }
  }
}
