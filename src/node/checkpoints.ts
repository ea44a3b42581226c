/** This node's checkpoints: when one is due, what it claims, and what comes of those of others. */
import { equalBytes } from '../base/bytes.ts'
import { bytesOfDigest, type NodeId } from '../base/ids.ts'
import { between, type Duration, type Instant, minutes } from '../base/time.ts'
import { CheckpointBook, type OwnCheckpoint, type Signatory } from '../protocol/checkpoints/book.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import {
  checkpointCodec,
  claimCodec,
  compareTold,
  recoveredExtension,
  recoveredIn,
} from '../wire/checkpoint.ts'
import { evidenceDigest } from '../wire/evidence.ts'
import type { ServedCheckpoint } from '../wire/light-answers.ts'
import type { StatusView } from './handle.ts'
import type { Identity } from './identity.ts'
import type { ManifestKeeper } from './manifest-keeper.ts'

/** How far behind the group clock a cut lies: what was written before it has reached everybody, as a rule. */
const cutLagMs = 2000
/** Cuts are whole seconds, so that all members choose the same ones. */
const cutStepMs = 1000

/** A state that came back from a disk, as claims say it until a newer manifest than this one is in force. */
export interface RecoveredState {
  /** Group clock in milliseconds up to which it is known to be whole. */
  readonly cut: number
  /** State root of what came back, in hexadecimal. */
  readonly root: string
  /** Of the manifest then in force. */
  readonly nonce: number
}

/** Recoveries that are taken from one member under one manifest: two or three parts of a network may have come back apart. */
const recoveriesOfOneMax = 4

/** A newcomer hears a claim within a beat or two of its first sync: nobody is told of what passes by itself. */
const withheldToldAfter = { ms: minutes(1), intervals: 5 }

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
  #recovered: RecoveredState | null = null
  /** Nonce of the manifest under which this node could first make checkpoints, and whether it knows what there is to know about the state. */
  #activeUnder: number | null = null
  #isTold = false
  /** Since when it would make checkpoints if it knew. */
  #withheldSince: Instant | null = null
  /** Which recovery each member said last, and how many under that manifest. */
  readonly #toldBy = new Map<NodeId, { nonce: number; last: RecoveredState; count: number }>()

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

  /** The state came back from a disk under the manifest in force; `null` if it did not. Says so from now on. */
  get recovered(): RecoveredState | null {
    const { nonce } = this.#ports.manifests.current.mark
    return this.#recovered?.nonce === nonce ? this.#recovered : null
  }

  /** This node begins the state: nobody knows more of it. */
  founded(): void {
    this.#isTold = true
  }

  /** This node brought the state back. */
  recover(state: RecoveredState): void {
    this.#recovered = state
  }

  /** That nobody told this node how the network began, once this has lasted; `undefined` while it may make checkpoints, or could make none anyway. */
  trouble(now: Instant): StatusView['warnings'][number] | undefined {
    const { membership, pace } = this.#ports
    const since = this.#withheldSince
    if (since === null || membership.phase !== 'active' || this.#mayClaim()) return undefined
    const { ms, intervals } = withheldToldAfter
    const lasted = between(since, now)
    if (lasted < Math.max(ms, intervals * pace.interval)) return undefined
    return {
      code: 'CHECKPOINTS_WITHHELD',
      text: `For ${Math.floor(lasted / minutes(1))} min no member has told this node whether the state is a recovered one, so it makes no checkpoints, and light clients cannot count on it.`,
    }
  }

  /** The checkpoint that is due, encoded; `null` if none is, or the state at its cut is not known. */
  make(now: Instant): Uint8Array | null {
    const { manifests, membership, replica } = this.#ports
    const groupClock = replica.groupClock(now)
    const isAble = membership.phase === 'active' && groupClock !== undefined
    const mayClaim = isAble && this.#mayClaim()
    if (!isAble || mayClaim) this.#withheldSince = null
    else this.#withheldSince ??= now
    if (!mayClaim) return null
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
      ...recoveredExtension(this.recovered),
    }
    return this.#book.make(claim, groupClock).bytes
  }

  /** An accepted beat of a member carried this. */
  heard(node: NodeId, checkpoint: Uint8Array): void {
    const heard = this.#book.heard(node, checkpoint)
    if (heard.kind === 'noted') this.#learn(node, checkpoint)
    if (heard.kind === 'fault') this.#ports.faulted(node, heard.code)
    if (heard.kind === 'contradiction') {
      this.#ports.contradicted(node, heard.first, heard.second)
    }
  }

  forget(node: NodeId): void {
    this.#toldBy.delete(node)
    this.#book.forget(node)
  }

  served(cosigners: number, now: Instant): ServedCheckpoint | undefined {
    return this.#book.served(cosigners, node => this.#signatory(node, now))
  }

  /**
   * A node that joined does not know yet whether the state is a recovered one; who knows says so in every claim. If all who knew end before
   * they said it, nobody says that the state was always in somebody's memory, until a newer manifest makes no difference of it.
   */
  #mayClaim(): boolean {
    const { nonce } = this.#ports.manifests.current.mark
    this.#activeUnder ??= nonce
    return this.#isTold || nonce > this.#activeUnder
  }

  /** Of two recoveries the one that lost more counts, so that all who hear of both say the same. */
  #learn(node: NodeId, checkpoint: Uint8Array): void {
    if (node === this.#ports.identity.node) return
    const { mark } = this.#ports.manifests.current
    const claim = claimCodec.decode(checkpointCodec.decode(checkpoint).claim)
    if (!equalBytes(claim.manifest, bytesOfDigest(mark.hash))) return
    this.#isTold = true
    const told = recoveredIn(claim)
    const own = this.recovered
    if (told === null || !this.#mayTell(node, { ...told, nonce: mark.nonce })) return
    if (own !== null && compareTold(own, told) <= 0) return
    this.#recovered = { ...told, nonce: mark.nonce }
  }

  /** An honest member says another recovery when it hears of one that lost more. One that never ends would keep the claims of all apart. */
  #mayTell(node: NodeId, told: RecoveredState): boolean {
    const before = this.#toldBy.get(node)
    const isSame = before?.nonce === told.nonce
    if (isSame && compareTold(before.last, told) === 0) return true
    const count = isSame ? before.count + 1 : 1
    this.#toldBy.set(node, { nonce: told.nonce, last: told, count })
    return count <= recoveriesOfOneMax
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
