/**
 * How a higher manifest spreads: by name to everybody, by body to whoever lacks it.
 *
 *     in force here ── its mark, to every neighbour ──> lower there: asks the first that named it
 *                                                       └─ page by page ─> judged by the shell ─> in force, told on
 *
 * A mark costs 40 bytes on each link, a body crosses a link once, and nothing is passed on before it holds.
 * Whoever names a manifest must be able to prove it: a member that cannot loses its connection.
 */
import type { ManifestMark } from '../../attestation/manifest.ts'
import type { Refusal } from '../../attestation/verdict.ts'
import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import {
  manifestAnswerCodec,
  manifestPageBytesMax,
  manifestRequestCodec,
  manifestStepsMax,
} from '../../wire/manifest-pull.ts'
import type { Core } from './core.ts'
import type { Neighbour } from './neighbours.ts'

/** After an ask that failed, its member is not asked again for so long: it may be busy. */
const rest = seconds(1)

/** Refusals that say nothing against the member: this node knows more by now, or believes no more. */
const blameless: ReadonlySet<string> = new Set([
  'NONCE_NOT_HIGHER',
  'MANIFEST_EQUIVOCATION',
  'MANIFEST_LINEAGE_FULL',
])

interface Pull {
  readonly node: NodeId
  readonly wanted: ManifestMark
  /** The nonce in force here when it began. */
  readonly above: number
  /** `null` while the shell judges what came. */
  ask: number | null
  envelopes: readonly Uint8Array[]
}

export class ManifestPulls {
  readonly #core: Core
  /** One for each member at most. */
  readonly #pulls = new Map<NodeId, Pull>()
  readonly #resting = new Map<NodeId, Instant>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Answers a member's request. @throws {PeerFault} for a malformed one. */
  answer(bytes: Uint8Array): Uint8Array {
    const { above, hash, skip } = manifestRequestCodec.decode(bytes)
    const steps = this.#core.ports.manifestSteps(digestOf(hash), above).slice(skip)
    const envelopes: Uint8Array[] = []
    let length = 0
    for (const step of steps) {
      length += step.length
      if (length > manifestPageBytesMax) break
      envelopes.push(step)
    }
    return manifestAnswerCodec.encode({ envelopes, hasMore: envelopes.length < steps.length })
  }

  /** Takes an answer in. @throws {PeerFault} for one that no honest member gives. */
  answered(neighbour: Neighbour, answer: { ask: number; bytes: Uint8Array }): void {
    const pull = this.#pulls.get(neighbour.node)
    if (pull === undefined || pull.ask !== answer.ask) return
    const page = manifestAnswerCodec.decode(answer.bytes)
    pull.envelopes = [...pull.envelopes, ...page.envelopes]
    const bytes = pull.envelopes.reduce((sum, { length }) => sum + length, 0)
    const isTooLong =
      pull.envelopes.length > manifestStepsMax || bytes > limits.manifestLineageBytesMax
    if (isTooLong || (page.hasMore && page.envelopes.length === 0)) {
      throw new PeerFault('MANIFEST_TOO_LARGE', 'the way to a manifest is bounded')
    }
    if (page.hasMore) return this.#ask(pull)
    // It went on to a higher one meanwhile, and names that in its next frame.
    if (pull.envelopes.length === 0) return this.#drop(neighbour, pull)
    pull.ask = null
    const { node, envelopes } = pull
    this.#core.outbox.emit({ kind: 'manifestCame', node, envelopes })
  }

  failed(neighbour: Neighbour, ask: number, now: Instant): void {
    const pull = this.#pulls.get(neighbour.node)
    if (pull === undefined || pull.ask !== ask) return
    this.#pulls.delete(neighbour.node)
    this.#resting.set(neighbour.node, after(now, rest))
  }

  /** What came of envelopes that a member handed over. */
  judged(node: NodeId, refusal: Refusal | null): void {
    const pull = this.#pulls.get(node)
    const neighbour = this.#core.neighbours.of(node)
    if (pull === undefined || neighbour === undefined) return
    this.#drop(neighbour, pull)
    if (refusal === null || blameless.has(refusal.code)) return
    const { code, facts } = refusal
    this.#core.outbox.event('warn', 'MANIFEST_REFUSED', { node, facts: { ...facts, cause: code } })
    this.#core.outbox.disconnect(node, code)
  }

  forget(node: NodeId): void {
    this.#pulls.delete(node)
    this.#resting.delete(node)
  }

  /** Asks for what neighbours named and nobody is being asked for. */
  drive(now: Instant): void {
    for (const [node, until] of this.#resting) if (now >= until) this.#resting.delete(node)
    const pulled = new Set<Digest>([...this.#pulls.values()].map(({ wanted }) => wanted.hash))
    for (const neighbour of this.#core.neighbours.all()) {
      const { node } = neighbour
      if (this.#pulls.has(node) || this.#resting.has(node)) continue
      const wanted = neighbour.manifests.find(mark => this.#isNews(mark) && !pulled.has(mark.hash))
      if (wanted === undefined) continue
      pulled.add(wanted.hash)
      const { nonce: above } = this.#core.manifest()
      const pull: Pull = { node, wanted, above, ask: null, envelopes: [] }
      this.#pulls.set(node, pull)
      this.#ask(pull)
    }
  }

  wakeAt(): Instant | null {
    const all = [...this.#resting.values()]
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  /** A higher one always; one of the nonce in force until it is known that there are two. */
  #isNews(mark: ManifestMark): boolean {
    const { nonce, hash, rival } = this.#core.manifest()
    return mark.nonce > nonce || (mark.nonce === nonce && mark.hash !== hash && rival === null)
  }

  #ask(pull: Pull): void {
    const { node, wanted, above, envelopes } = pull
    const hash = bytesOfDigest(wanted.hash)
    const bytes = manifestRequestCodec.encode({ above, hash, skip: envelopes.length })
    pull.ask = this.#core.outbox.ask(node, 'manifest', bytes)
  }

  #drop(neighbour: Neighbour, pull: Pull): void {
    this.#pulls.delete(neighbour.node)
    neighbour.manifests = neighbour.manifests.filter(({ hash }) => hash !== pull.wanted.hash)
  }
}
