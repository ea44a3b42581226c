/**
 * A node that joined fetches by itself what members hold: first the approved manifest, where the network says whose approvals count, then
 * the key. It asks one member after the other, and what comes is judged as if a person had brought it.
 */
import { encodeCustodyEnvelope, parseCustodyEnvelope } from '../../attestation/custody/approvals.ts'
import { isRefusal } from '../../attestation/verdict.ts'
import { ifReadable } from '../../base/errors.ts'
import { bytesOfDigest, type NodeId } from '../../base/ids.ts'
import { below } from '../../base/random.ts'
import { after, type Duration, type Instant, minutes, seconds } from '../../base/time.ts'
import type { QuorumKeys } from '../../crypto/quorum-keys.ts'
import {
  custodyManifestAnswerCodec,
  custodyManifestRequestCodec,
  quorumKeyAnswerCodec,
  quorumKeyRequestCodec,
  quorumKeyRequestEnvelopeBytesMax,
} from '../../wire/custody.ts'
import type { BootQuotes } from './boot-quotes.ts'
import type { Core } from './core.ts'
import { receivedKeys } from './reception.ts'
import { type CustodyRefusal, refusal } from './refusals.ts'
import { Standing } from './standing.ts'
import type { CustodyProtocol } from './types.ts'

/** The one who is asked appraises and steps up before it answers. */
const patience = seconds(90)
/** Before the members are gone through once more; doubled each time nobody had anything. */
const restMin = seconds(5)
const restMax = minutes(1)

interface Parts {
  readonly quotes: BootQuotes
  /** Takes the keys, which are those of the manifest in hand. */
  readonly onKey: (keys: QuorumKeys) => void
}

interface Ask {
  readonly job: number
  readonly until: Instant
  readonly protocol: CustodyProtocol
  readonly node: NodeId
}

export class Asking {
  readonly #core: Core
  readonly #parts: Parts
  #wanted: CustodyProtocol | undefined
  #awaited: Ask | null = null
  /** Members not yet asked in this round. */
  #round: NodeId[] = []
  #rest: Duration = restMin
  #restsUntil: Instant | null = null

  constructor(core: Core, parts: Parts) {
    this.#core = core
    this.#parts = parts
  }

  answered(job: number, bytes: Uint8Array, now: Instant): void {
    const awaited = this.#awaited
    if (job !== awaited?.job) return
    this.#awaited = null
    // It may have come by hand meanwhile.
    if (awaited.protocol !== this.#wants()) return
    const no = awaited.protocol === 'custody-key' ? this.#takeKey(bytes) : this.#takeManifest(bytes)
    if (no !== undefined) {
      this.#core.event('warn', 'CUSTODY_ANSWER_REFUSED', { node: awaited.node, cause: no.code })
      return this.#onNothing(now)
    }
    // Whoever showed the manifest is asked for the key first.
    this.#turnTo(this.#wants(), [awaited.node])
  }

  failed(job: number, now: Instant): void {
    if (job !== this.#awaited?.job) return
    this.#awaited = null
    this.#onNothing(now)
  }

  fold(now: Instant): void {
    if (this.#awaited !== null && now >= this.#awaited.until) this.failed(this.#awaited.job, now)
    const protocol = this.#wants()
    // What was asked for has come by hand: nobody waits for it any more.
    if (protocol !== this.#wanted) this.#turnTo(protocol, [])
    if (protocol === undefined || this.#awaited !== null) return
    if (this.#restsUntil !== null && now < this.#restsUntil) return
    this.#restsUntil = null
    if (this.#round.length === 0) this.#round = this.#core.ports.isActive() ? this.#shuffled() : []
    const node = this.#next()
    if (node === undefined) {
      this.#restsUntil = after(now, restMin)
      return
    }
    const bytes = this.#question(protocol, now)
    // The TEE is asked first; its answer comes here again.
    if (bytes === undefined) return
    this.#round.shift()
    const job = this.#core.nextJob()
    this.#awaited = { job, until: after(now, patience), protocol, node }
    this.#core.emit({ kind: 'ask', job, node, protocol, bytes })
  }

  wakeAt(): Instant | null {
    if (this.#wants() === undefined) return null
    return this.#awaited?.until ?? this.#restsUntil
  }

  forget(): void {
    this.#awaited = null
    this.#restsUntil = null
  }

  /** Something else is lacking now: asked for at once. */
  #turnTo(protocol: CustodyProtocol | undefined, first: readonly NodeId[]): void {
    this.#wanted = protocol
    this.#awaited = null
    this.#round = [...first]
    this.#rest = restMin
    this.#restsUntil = null
  }

  /** What this node lacks and may fetch by itself. */
  #wants(): CustodyProtocol | undefined {
    if (this.#core.phase === 'WaitingForForwardedKey') return 'custody-key'
    const isFree = this.#core.phase === 'WaitingForBootInstruction'
    return isFree && this.#core.ports.charter().namesHolders ? 'custody-manifest' : undefined
  }

  #question(protocol: CustodyProtocol, now: Instant): Uint8Array | undefined {
    if (protocol === 'custody-manifest') {
      return custodyManifestRequestCodec.encode({
        network: bytesOfDigest(this.#core.options.network),
      })
    }
    const attestation = this.#parts.quotes.wanted(now)
    if (attestation === undefined) return undefined
    const { standing } = this.#core
    const own = standing === null ? null : encodeCustodyEnvelope(standing.envelope)
    // A manifest too long for a stream is the one of who is asked, or the key is carried by hand.
    const envelope = own !== null && own.length <= quorumKeyRequestEnvelopeBytesMax ? own : null
    return quorumKeyRequestCodec.encode({ envelope, attestation })
  }

  #takeManifest(bytes: Uint8Array): CustodyRefusal | undefined {
    const answer = ifReadable(() => custodyManifestAnswerCodec.decode(bytes))
    const read = answer === undefined ? undefined : parseCustodyEnvelope(answer.envelope)
    if (read === undefined || isRefusal(read)) return refusal('MANIFEST_MALFORMED')
    if (read.manifest.network !== this.#core.options.network) return refusal('DIFFERENT_NETWORK')
    const flaw = this.#core.ports.charter().manifestFlaw(read.manifest)
    if (flaw !== undefined) return flaw
    const standing = new Standing(read)
    if (!standing.isApproved) return standing.notApproved()
    this.#core.standing = standing
    this.#core.advance('share-manifest')
    return undefined
  }

  #takeKey(bytes: Uint8Array): CustodyRefusal | undefined {
    const answer = ifReadable(() => quorumKeyAnswerCodec.decode(bytes))
    if (answer === undefined) return refusal('EXPORT_MALFORMED')
    const keys = receivedKeys(this.#core, answer)
    if ('code' in keys) return keys
    this.#core.advance('inject-key')
    this.#parts.onKey(keys)
    return undefined
  }

  /** Members with an open connection, in an order by chance: nobody is always first. */
  #shuffled(): NodeId[] {
    const peers = [...this.#core.ports.peers()]
    for (let i = peers.length - 1; i > 0; i--) {
      const j = below(this.#core.ports.random, i + 1)
      const [one, other] = [peers[i], peers[j]]
      if (one !== undefined && other !== undefined) [peers[i], peers[j]] = [other, one]
    }
    return peers
  }

  /** The next of this round that is still connected. */
  #next(): NodeId | undefined {
    const connected = new Set(this.#core.ports.peers())
    this.#round = this.#round.filter(node => connected.has(node))
    return this.#round[0]
  }

  /** Nobody of a whole round had anything: members are left alone for a while. */
  #onNothing(now: Instant): void {
    if (this.#round.length > 0) return
    this.#restsUntil = after(now, this.#rest)
    this.#rest = Math.min(2 * this.#rest, restMax) as Duration
  }
}
